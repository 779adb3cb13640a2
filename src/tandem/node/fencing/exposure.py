"""What is open without fencing, in sentences. Pure."""

from collections.abc import Collection, Iterable, Iterator

from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource


def exposures(
    resources: Iterable[Resource],
    nodes: Collection[str],
    fenced: Collection[str],
    watched: Collection[str],
) -> list[str]:
    """Say which resources are open to what, where no device confirms that a node is off.

    Args:
        resources: all definitions.
        nodes: all nodes.
        fenced: nodes that have a fence device that can be used.
        watched: nodes with a watchdog that Tandem feeds.

    Returns:
        A sentence for each resource and each kind of hole, in the order of their names.
    """
    strict = sorted(
        (it for it in resources if it.enabled and it.mode is Mode.STRICT),
        key=lambda it: it.resource_id,
    )
    return [sentence for it in strict for sentence in _of(it, nodes, fenced, watched)]


def _of(
    resource: Resource, nodes: Collection[str], fenced: Collection[str], watched: Collection[str]
) -> Iterator[str]:
    open_nodes = sorted(
        node_id
        for node_id in nodes
        if node_id not in fenced and (not resource.nodes or node_id in resource.nodes)
    )
    if not open_nodes:
        return
    named = _listed(open_nodes)
    has = "have" if len(open_nodes) > 1 else "has"
    yield (
        f"Resource '{resource.resource_id}' may run twice if a machine is paused as a whole and"
        f" goes on later, as a virtual machine can be: {named} {has} no fence device"
        " (`tandem fence add`). Unless it refuses old tokens itself."
    )
    if unwatched := [node_id for node_id in open_nodes if node_id not in watched]:
        has = "have" if len(unwatched) > 1 else "has"
        yield (
            f"Resource '{resource.resource_id}' may run twice if a kernel hangs with its timers and"
            f" comes back: {_listed(unwatched)} {has} neither a fence device nor a watchdog."
        )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
