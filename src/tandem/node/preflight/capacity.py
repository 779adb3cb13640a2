"""Whether the others can carry a node's cameras when it is lost, or a whole zone's. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tandem.cluster.load import Cost, Loads
from tandem.cluster.model import Camera, Node, Placement
from tandem.cluster.placement import View, concluded, placed
from tandem.cluster.placing import Wanted
from tandem.cluster.why import NoSecond, Overcommitted, Shortfall, Unplaced
from tandem.node.preflight.finding import Finding, failed, passed, warned

CHECK: Final = "capacity"

_REMEDY: Final = (
    "Add a node, lower the bit rate or protection of some cameras, or, where it is more than it"
    " says, correct [capacity] in its node.toml."
)


def judge(
    nodes: Sequence[Node], placements: Mapping[str, Placement], cameras: Sequence[Camera]
) -> Iterator[Finding]:
    """Say who would have too much, of what.

    Args:
        nodes: of the cluster; those that record nothing are passed over.
        placements: as committed, by camera.
        cameras: that are to be recorded.
    """
    recording = tuple(node for node in nodes if node.streams)
    by_id = {node.node_id: node for node in recording}
    view, wanted = View(recording, placements), Wanted.of(cameras)
    placing = placed(view, wanted)
    loads, found = placing.loads, []
    for concern in concluded(placing, view).concerns:
        match concern:
            case Unplaced():
                found.append(failed(CHECK, str(concern), "Start a node that has a volume."))
            case Overcommitted(node_id, load):
                what = _what(by_id[node_id], loads.held[node_id])
                evidence = f"{node_id} is to record {load:.0%} of what it can take ({what})."
                found.append(failed(CHECK, evidence, _REMEDY))
            case Shortfall(dead, node_id, load):
                carried = loads.held[node_id].plus(loads.standby[dead][node_id])
                what = _what(by_id[node_id], carried)
                evidence = (
                    f"If {dead} is lost, {node_id} has to record {load:.0%} of what it can take"
                    f" ({what})."
                )
                found.append(warned(CHECK, evidence, _REMEDY))
            case NoSecond():
                found.append(warned(CHECK, str(concern), "Add a node."))
            case _:
                found.append(warned(CHECK, str(concern), _REMEDY))
    yield from found or [_well(loads)]
    yield from _zones(recording, placements, wanted)


def _well(loads: Loads) -> Finding:
    fullest = max(
        (
            (loads.load_without(dead, node_id), dead, node_id)
            for dead in loads.limits
            for node_id in loads.limits
            if node_id != dead
        ),
        default=None,
    )
    if fullest is None:
        load = max((loads.load(node_id) for node_id in loads.limits), default=0.0)
        return passed(CHECK, f"The only node records {load:.0%} of what it can take.")
    load, dead, node_id = fullest
    return passed(
        CHECK,
        f"Any single node may be lost: at worst, without {dead}, {node_id} records {load:.0%} of"
        " what it can take.",
    )


def _zones(
    nodes: Sequence[Node], placements: Mapping[str, Placement], wanted: Wanted
) -> Iterator[Finding]:
    """What the loss of a zone of several nodes costs; that of one node was looked at."""
    zones: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        if node.zone:
            zones[node.zone].append(node.node_id)
    for zone, lost in sorted(zones.items()):
        if len(lost) < 2 or len(lost) == len(nodes):
            continue
        placing = placed(View(tuple(nodes), placements, frozenset(lost)), wanted)
        named = f"zone {zone} ({', '.join(sorted(lost))})"
        loads = [(placing.loads.load(node_id), node_id) for node_id in placing.nodes]
        load, node_id = max(loads)
        if load > 1:
            yield warned(
                CHECK,
                f"If {named} is lost, {node_id} has to record {load:.0%} of what it can take.",
                _REMEDY,
            )
        else:
            yield passed(CHECK, f"{named} may be lost: {node_id} then records {load:.0%}.")


def _what(node: Node, carried: Cost) -> str:
    """What runs short first."""
    parts = {
        "network": carried.kbps / (node.capacity_mbps * 1000),
        "disks": carried.kbps / (node.disk_mb_s * 8000),
        "streams": carried.streams / max(1, node.streams),
    }
    return max(parts, key=parts.__getitem__)
