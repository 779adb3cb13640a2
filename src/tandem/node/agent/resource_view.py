"""What a plan of resources is made from, out of what the store says. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.values import Hold
from tandem.cluster.load import NOTHING, Cost, cost_of
from tandem.cluster.model import Node
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Member, NodeChange, Running, Service, View
from tandem.node.agent.catalogue import Catalogue


def view_of(
    catalogue: Catalogue,
    suspected: Collection[str],
    changes: Iterable[NodeChange],
    now_us: int,
) -> View:
    """What is there.

    Args:
        catalogue: what the store says.
        suspected: the nodes that this one suspects.
        changes: which nodes came and went of late, without an operator's word.
        now_us: UTC.
    """
    recording = _recording(catalogue)
    skipped = untouched(catalogue)
    return View(
        now_us=now_us,
        members=tuple(
            _member(it, catalogue, suspected, recording) for it in catalogue.nodes.values.values()
        ),
        orders={name: it for name, it in catalogue.orders.values.items() if name not in skipped},
        running={
            name: (Running(it.node_id, it.generation, (it.incarnation, revision)),)
            for name, it in catalogue.owners.values.items()
            if it.hold is Hold.HELD
            and name not in skipped
            and (revision := catalogue.owners.revisions[name])
        },
        failures=tuple(
            failure for it in catalogue.reports.values.values() for failure in it.failures
        ),
        wishes=dict(catalogue.wishes.values),
        node_changes=tuple(changes),
    )


def wanted_of(catalogue: Catalogue) -> tuple[Resource, ...]:
    """The definitions, each with what its kind requires of a node."""
    skipped = untouched(catalogue)
    return tuple(
        replace(it, requires=tuple(dict.fromkeys((*it.requires, *implied(it)))))
        for name, it in catalogue.resources.values.items()
        if name not in skipped
    )


def is_any(catalogue: Catalogue) -> bool:
    """Whether there is anything to plan: something defined, or an order that is left of it."""
    return bool((catalogue.resources.values.keys() | catalogue.orders.values) - {COORDINATOR})


def implied(resource: Resource) -> tuple[str, ...]:
    """What a node must provide for a resource by its options."""
    match resource.kind:
        case "address" if isinstance(interface := resource.options.get("interface"), str):
            return (f"interface:{interface}",)
        case "unit" if isinstance(unit := resource.options.get("unit"), str):
            return (f"unit:{unit}",)
    return ()


def untouched(catalogue: Catalogue) -> frozenset[str]:
    """Of what nothing is planned: the coordinator itself, and what this release cannot read."""
    shelves = (catalogue.resources, catalogue.orders, catalogue.owners)
    return frozenset({COORDINATOR}).union(*(it.unread for it in shelves))


def _member(
    node: Node, catalogue: Catalogue, suspected: Collection[str], recording: Mapping[str, Cost]
) -> Member:
    intent = catalogue.intents.values.get(node.node_id)
    report = catalogue.reports.values.get(node.node_id)
    return Member(
        node=node,
        is_down=node.node_id in suspected,
        service=intent.service if intent else Service.NORMAL,
        is_witness=not node.streams,
        provides=frozenset(report.provides) if report else frozenset(),
        recording=recording.get(node.node_id, NOTHING),
    )


def _recording(catalogue: Catalogue) -> dict[str, Cost]:
    """What its cameras take of each node."""
    found: dict[str, Cost] = {}
    for camera_id, placement in catalogue.placements.values.items():
        camera = catalogue.cameras.values.get(camera_id)
        if camera is None or camera.removed:
            continue
        for node_id in placement.nodes[: camera.protection.copies]:
            found[node_id] = found.get(node_id, NOTHING).plus(cost_of(camera))
    return found
