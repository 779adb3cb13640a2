"""What a plan of resources is made from, as fields of a JSON object, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields

from tandem.cluster.document import Document
from tandem.cluster.load import Cost
from tandem.cluster.model import Node
from tandem.cluster.order import Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import (
    Failure,
    FailureKind,
    Member,
    NodeChange,
    Running,
    Service,
    View,
    Wish,
)

Fields = dict[str, object]


def encode_view(view: View, wanted: Iterable[Resource]) -> Fields:
    """All that a plan of resources depends on; what is as usual is left out."""
    running = {
        name: [{"node": it.node_id, "generation": it.generation, "token": it.token} for it in found]
        for name, found in view.running.items()
    }
    return {
        "now_us": view.now_us,
        "nodes": {it.node_id: _member(it) for it in view.members},
        "resources": {it.resource_id: _resource(it) for it in wanted},
        "orders": {name: _order(it) for name, it in view.orders.items()},
        "running": running,
        "failures": [
            {"resource": it.resource_id, "node": it.node_id, "kind": it.kind, "at_us": it.at_us}
            for it in view.failures
        ],
        "wishes": {
            name: {"node": it.node_id, "made_us": it.made_us, "until_us": it.until_us}
            for name, it in view.wishes.items()
        },
        "node_changes": [{"node": it.node_id, "at_us": it.at_us} for it in view.node_changes],
        "leader_changes_us": view.leader_changes_us,
    }


def decode_view(stored: Document) -> tuple[View, tuple[Resource, ...]]:
    """Read what `encode_view` wrote.

    Raises:
        StoredValueError: it is not that.
    """
    view = View(
        now_us=stored.whole("now_us"),
        members=tuple(
            _read_member(name, it) for name, it in stored.named_parts("nodes", "node").items()
        ),
        orders={name: Order.of(it) for name, it in stored.named_parts("orders", "order").items()},
        running=_read_running(stored),
        failures=tuple(
            Failure(
                it.text("resource"),
                it.text("node"),
                it.choice("kind", FailureKind),
                it.whole("at_us"),
            )
            for it in stored.parts("failures")
        ),
        wishes={
            name: Wish(name, it.text("node"), it.whole("made_us"), it.whole("until_us"))
            for name, it in stored.named_parts("wishes", "wish").items()
        },
        node_changes=tuple(
            NodeChange(it.text("node"), it.whole("at_us")) for it in stored.parts("node_changes")
        ),
        leader_changes_us=stored.whole_list("leader_changes_us"),
    )
    resources = stored.named_parts("resources", "resource")
    return view, tuple(Resource.of(name, it) for name, it in resources.items())


def encode_node(node: Node) -> Fields:
    """What a plan depends on of a node."""
    found: Fields = {
        "capacity_mbps": node.capacity_mbps,
        "disk_mb_s": node.disk_mb_s,
        "streams": node.streams,
    }
    return found | ({"zone": node.zone} if node.zone else {})


def decode_node(node_id: str, stored: Document) -> Node:
    """Read what `encode_node` wrote.

    Raises:
        StoredValueError: it is not that.
    """
    return Node(
        node_id=node_id,
        links=(),
        capacity_mbps=stored.positive("capacity_mbps"),
        disk_mb_s=stored.positive("disk_mb_s"),
        streams=stored.whole("streams"),
        zone=stored.text("zone", ""),
    )


def encode_cost(cost: Cost) -> Fields:
    """What something takes of a node."""
    return {"kbps": cost.kbps, "streams": cost.streams}


def decode_cost(stored: Document) -> Cost:
    """Read what `encode_cost` wrote.

    Raises:
        StoredValueError: it is not that.
    """
    return Cost(stored.whole("kbps", 0), stored.whole("streams", 0))


def _member(member: Member) -> Fields:
    found = encode_node(member.node)
    usual = Member(member.node)
    more: Mapping[str, tuple[object, object]] = {
        "down": (member.is_down, usual.is_down),
        "service": (member.service, usual.service),
        "witness": (member.is_witness, usual.is_witness),
        "provides": (sorted(member.provides), []),
        "room": (dict(member.room), {}),
        "recording": (encode_cost(member.recording), encode_cost(usual.recording)),
    }
    return found | {name: value for name, (value, other) in more.items() if value != other}


def _read_member(node_id: str, stored: Document) -> Member:
    return Member(
        node=decode_node(node_id, stored),
        is_down=stored.flag("down", default=False),
        service=stored.choice("service", Service, Service.NORMAL),
        is_witness=stored.flag("witness", default=False),
        provides=frozenset(stored.texts("provides")),
        room=stored.wholes("room"),
        recording=decode_cost(Document(f"node '{node_id}'", stored.table("recording"))),
    )


def _resource(resource: Resource) -> Fields:
    """Its options and checks are not the plan's to look at, and may hold secrets."""
    usual = {
        it.name: it.default if it.default is not MISSING else None
        for it in fields(resource)
        if it.name != "mode"
    }
    found = asdict(resource)
    for name in ("resource_id", "options", "needs", "checks"):
        del found[name]
    kept = {name: value for name, value in found.items() if value != usual.get(name, MISSING)}
    return kept | ({"needs": dict(resource.needs)} if resource.needs else {})


def _order(order: Order) -> Fields:
    moved: Fields = {"moved_us": order.moved_us} if order.moved_us else {}
    return {"nodes": order.nodes, "generation": order.generation, "mode": order.mode, **moved}


def _read_running(stored: Document) -> dict[str, tuple[Running, ...]]:
    found: dict[str, tuple[Running, ...]] = {}
    for name in stored.table("running"):
        runs = Document("running", stored.table("running")).parts(name)
        found[name] = tuple(
            Running(it.text("node"), it.whole("generation"), _token(it)) for it in runs
        )
    return found


def _token(stored: Document) -> tuple[int, int]:
    incarnation, revision = (*stored.whole_list("token"), 0, 0)[:2]
    return incarnation, revision
