"""Which nodes record which camera: a pure function of what is there and what is wanted.

What counts, most first:

1. Every camera is recorded, if need be on a node that has no room (and the plan says so).
2. Nothing moves without need: a copy leaves a node only if the node is not there, is to be emptied
   and there is another for the copy, has more than it can take while another has room, or is in the
   zone of the other copy while another zone has room. Where a primary moves, the node that holds
   the window already becomes the primary.
3. Two copies are on two nodes, where there are two; in two zones, where there are two with room.
4. Copies go where most room is. Of a new pair, the one that is primary of less becomes primary.
5. Who follows is chosen so that the room left after each single death is largest (N+1). Followers
   hold nothing, so they may change whenever that makes room; zones are not weighed for them, since
   what they record until the next plan is a stand-in's part.

Greedy, the largest cameras first, with ties by name: an optimal packing would save little and move
much. `docs/design/cluster.md` says who calls this, and how the result is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tandem.cluster.model import Camera, Placement
from tandem.cluster.placing import FOLLOWERS, Placing, View, Wanted
from tandem.cluster.why import (
    Choice,
    Concern,
    Lingering,
    NoSecond,
    Overcommitted,
    Reason,
    Seat,
    SharedZone,
    Shortfall,
    Unplaced,
)

__all__ = ["FOLLOWERS", "Plan", "View", "concluded", "placed", "placement_of", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is to record what, and why.

    Attributes:
        placements: by camera; the generation has grown where the nodes have changed.
        changed: those that differ from what is committed: to be written.
        removed: cameras whose placement is to go, since they are not wanted any more.
        why: for each camera, a choice for each of its nodes, in order.
        concerns: what the administrator should know.
    """

    placements: Mapping[str, Placement]
    changed: tuple[Placement, ...]
    removed: tuple[str, ...]
    why: Mapping[str, tuple[Choice, ...]]
    concerns: tuple[Concern, ...]


def plan(view: View, wanted: Iterable[Camera]) -> Plan:
    """Place every camera.

    Args:
        view: what is there.
        wanted: the cameras, in any order.

    Returns:
        The same for the same input, whatever its order; and what it returns, planned again, does
        not change.
    """
    return concluded(placed(view, Wanted.of(wanted)), view)


def placed(view: View, wanted: Wanted) -> Placing:
    """Decide who records every camera, and who follows."""
    placing = Placing(view, wanted)
    for camera in placing.cameras:
        placing.keep(camera)
    for camera in placing.cameras:
        placing.fill(camera)
    while placing.relieve() or placing.part_zones():
        pass
    for camera in placing.cameras:
        placing.follow(camera)
    return placing


def concluded(placing: Placing, view: View) -> Plan:
    """The plan that was decided."""
    placements: dict[str, Placement] = {}
    why: dict[str, tuple[Choice, ...]] = {}
    changed: list[Placement] = []
    for camera_id in sorted(placing.costs):
        committed = view.placements.get(camera_id)
        found = placement_of(placing, camera_id, committed)
        if found is None:
            continue
        placements[camera_id], why[camera_id] = found
        if found[0] is not committed:
            changed.append(found[0])
    return Plan(
        placements=placements,
        changed=tuple(changed),
        removed=tuple(sorted(set(view.placements) - set(placing.costs))),
        why=why,
        concerns=tuple(_concerns(placing)),
    )


def placement_of(
    placing: Placing, camera_id: str, committed: Placement | None
) -> tuple[Placement, tuple[Choice, ...]] | None:
    """What was decided of one camera; what is committed itself, if that stays as it is."""
    recorders = [*placing.recorders[camera_id], *placing.lingering.get(camera_id, ())]
    nodes = (*recorders, *placing.followers[camera_id])
    if not nodes:
        return None
    if committed and not placing.nodes:
        nodes = committed.nodes
    reasons, copies = placing.reasons[camera_id], len(recorders)
    choices = tuple(
        [
            _choice(
                node, SEATS[min(seat, 2) if seat < copies else 2], reasons.get(node, Reason.WAITS)
            )
            for seat, node in enumerate(nodes)
        ]
    )
    if committed is not None and committed.nodes == nodes:
        return committed, choices
    return Placement(camera_id, nodes, (committed.generation if committed else 0) + 1), choices


SEATS: Final = (Seat.PRIMARY, Seat.SECOND, Seat.FOLLOWER)

_choice = cache(Choice)
"""There are many cameras, and few nodes and reasons."""


def _concerns(planner: Placing) -> list[Concern]:
    loads = planner.loads
    found: list[Concern] = []
    lists: dict[type[Unplaced | NoSecond | SharedZone], list[str]] = defaultdict(list)
    lingering: dict[str, list[str]] = defaultdict(list)
    for camera in planner.cameras:
        recorders = planner.recorders[camera.camera_id]
        if not recorders or not planner.nodes:
            lists[Unplaced].append(camera.camera_id)
        elif staying := planner.lingering.get(camera.camera_id):
            lingering[staying[0]].append(camera.camera_id)
        elif len(recorders) < camera.protection.copies:
            lists[NoSecond].append(camera.camera_id)
        elif planner.shares_zone(camera.camera_id):
            lists[SharedZone].append(camera.camera_id)
    found += [
        kind(tuple(sorted(lists[kind])))
        for kind in (Unplaced, NoSecond, SharedZone)
        if kind in lists
    ]
    found += [Lingering(node, tuple(sorted(names))) for node, names in sorted(lingering.items())]
    full = [node for node in planner.nodes if loads.load(node) > 1]
    found += [Overcommitted(node, loads.load(node)) for node in full]
    found += [
        Shortfall(dead, node, load)
        for dead in planner.nodes
        for node in planner.nodes
        if node != dead and (load := loads.load_without(dead, node)) > 1 and node not in full
    ]
    return found
