"""Which nodes record which camera: a pure function of what is there and what is wanted.

What counts, most first:

1. Every camera is recorded, if need be on a node that has no room (and the plan says so).
2. Nothing moves without need: a copy leaves a node only if the node is not there, has more than it
   can take while another has room, or is in the zone of the other copy while another zone has room.
   Where a primary moves, the node that holds the window already becomes the primary.
3. Two copies are on two nodes, where there are two; in two zones, where there are two with room.
4. Copies go where most room is. Of a new pair, the one that is primary of less becomes primary.
5. Who follows is chosen so that the room left after each single death is largest (N+1). Followers
   hold nothing, so they may change whenever that makes room; zones are not weighed for them, since
   what they record until the next plan is a stand-in's part.

Greedy, the largest cameras first, with ties by name: an optimal packing would save little and move
much. `docs/design/cluster.md` says who calls this, and how the result is written.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tandem.cluster.load import Cost, Loads, cost_of, zones
from tandem.cluster.model import Camera, Node, Placement, Protection
from tandem.cluster.why import (
    Choice,
    Concern,
    NoSecond,
    Overcommitted,
    Reason,
    Seat,
    SharedZone,
    Shortfall,
    Unplaced,
)

FOLLOWERS: Final = 2
"""How many nodes follow those that record. One stands in at once after any single death; the next
one does while the first is away for an update. More would make every change of the cluster rewrite
every camera's key."""


@dataclass(frozen=True, slots=True)
class View:
    """What the planner knows.

    Attributes:
        nodes: all that belong to the cluster.
        placements: as committed, by camera.
        down: nodes that are gone, and not expected back within seconds.
        draining: nodes that are to be emptied.
        taken: by node, what other resources take of it.
    """

    nodes: tuple[Node, ...]
    placements: Mapping[str, Placement]
    down: Collection[str] = frozenset()
    draining: Collection[str] = frozenset()
    taken: Mapping[str, Cost] = field(default_factory=dict)


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
    cameras = sorted(wanted, key=lambda camera: (-cost_of(camera).kbps, camera.camera_id))
    planner = _Planner(view)
    for camera in cameras:
        planner.keep(camera)
    for camera in cameras:
        planner.fill(camera)
    while planner.relieve(cameras) or planner.part_zones(cameras):
        pass
    for camera in cameras:
        planner.follow(camera)
    return _result(planner, view, cameras)


class _Planner:
    """A plan in the making: who records each camera, and how loaded that makes the nodes."""

    def __init__(self, view: View) -> None:
        away = {*view.down, *view.draining}
        here = sorted(
            (node for node in view.nodes if node.node_id not in away),
            key=lambda node: node.node_id,
        )
        self._view = view
        self._known = {node.node_id for node in view.nodes}
        self.zone = zones(here)
        self.loads = Loads.of(here)
        for node_id, cost in view.taken.items():
            if node_id in self.loads.limits:
                self.loads.record(node_id, cost)
        self.nodes = list(self.loads.limits)
        self._kept_kbps = dict.fromkeys(self.nodes, 0)
        self.recorders: dict[str, list[str]] = {}
        self.followers: dict[str, list[str]] = {}
        self.reasons: dict[tuple[str, str], Reason] = {}

    # --- Who records ---------------------------------------------------------------------------

    def keep(self, camera: Camera) -> None:
        """Leave every copy where it is, as long as its node is there."""
        committed = self._view.placements.get(camera.camera_id)
        nodes = committed.nodes if committed else ()
        copies = camera.protection.copies
        if self._waits(camera, nodes):
            self.recorders[camera.camera_id] = list(nodes[:copies])
            self.reasons |= {(camera.camera_id, node): Reason.WAITS for node in nodes[:copies]}
            return
        self.recorders[camera.camera_id] = []
        for node in nodes[:copies]:
            if node in self.loads.limits:
                promoted = node != nodes[0] and not self.recorders[camera.camera_id]
                self._record(camera, node, Reason.PROMOTED if promoted else Reason.STAYS)

    def fill(self, camera: Camera) -> None:
        """Find nodes for the copies that have none."""
        recorders = self.recorders[camera.camera_id]
        if recorders and self.reasons[camera.camera_id, recorders[0]] is Reason.WAITS:
            return
        is_new = camera.camera_id not in self._view.placements
        while len(recorders) < min(camera.protection.copies, len(self.nodes)):
            node, reason = self._choose(camera)
            self._record(camera, node, reason)
        if is_new and len(recorders) == 2 and self._keeps(recorders[1]) < self._keeps(recorders[0]):
            recorders.reverse()
        if recorders:
            self._kept_kbps[recorders[0]] += cost_of(camera).kbps

    def relieve(self, cameras: Sequence[Camera]) -> bool:
        """Move copies off nodes that have more than they can take, to where there is room."""
        moved = False
        full = {node for node in self.nodes if self.loads.load(node) > 1}
        for seat in (1, 0):  # a second first: what it holds goes anyway, sooner or later
            for camera in cameras if full else ():
                recorders = self.recorders[camera.camera_id]
                if len(recorders) <= seat or recorders[seat] not in full:
                    continue
                if self.loads.load(recorders[seat]) <= 1:
                    full.discard(recorders[seat])
                    continue
                moved |= self._move(camera, recorders[seat], self._zones_to_avoid(camera, seat))
        return moved

    def part_zones(self, cameras: Sequence[Camera]) -> bool:
        """Move seconds out of their primary's zone, where another zone has room."""
        moved = False
        for camera in cameras:
            if self.shares_zone(camera.camera_id):
                second = self.recorders[camera.camera_id][1]
                moved |= self._move(camera, second, {self.zone[second]})
        return moved

    def shares_zone(self, camera_id: str) -> bool:
        """Whether both copies of a camera are in one zone."""
        recorders = self.recorders[camera_id]
        if len(recorders) < 2 or not self.nodes:
            return False
        return self.zone[recorders[0]] == self.zone[recorders[1]]

    def _waits(self, camera: Camera, nodes: Sequence[str]) -> bool:
        """A `cold` camera stays with a node that is down; so does any if nobody is there."""
        if not nodes:
            return False
        is_down = nodes[0] in self._known and nodes[0] in self._view.down
        return not self.nodes or (camera.protection is Protection.COLD and is_down)

    def _choose(self, camera: Camera) -> tuple[str, Reason]:
        """The best node for one more copy, and what makes it that."""
        cost, taken = cost_of(camera), self.recorders[camera.camera_id]
        free = [node for node in self.nodes if node not in taken]
        roomy = [node for node in free if self.loads.fits(node, cost)]
        used = {self.zone[node] for node in taken}
        apart = [node for node in roomy if self.zone[node] not in used]
        elsewhere = [node for node in free if self.zone[node] not in used]
        candidates = apart or roomy or elsewhere or free
        committed = self._view.placements.get(camera.camera_id)
        if committed and roomy:
            # It is the first to stand in, so it has recorded since the other died.
            heirs = (node for node in committed.nodes if node in candidates)
            if (heir := next(heirs, None)) is not None:
                return heir, Reason.PROMOTED if apart else Reason.SHARES_ZONE
        best = min(candidates, key=lambda node: self.loads.load(node, cost))
        if candidates is apart:
            return best, Reason.LEAST_LOADED
        return best, Reason.SHARES_ZONE if candidates is roomy else Reason.OVERCOMMITTED

    def _zones_to_avoid(self, camera: Camera, seat: int) -> set[str]:
        """A move to make room must not bring two copies together that were apart."""
        recorders = self.recorders[camera.camera_id]
        if len(recorders) < 2 or self.shares_zone(camera.camera_id):
            return set()
        return {self.zone[recorders[1 - seat]]}

    def _move(self, camera: Camera, node: str, avoid: Collection[str]) -> bool:
        """Take a copy to another node that has room for it, if one has."""
        cost, recorders = cost_of(camera), self.recorders[camera.camera_id]
        candidates = [
            other
            for other in self.nodes
            if other not in recorders
            and self.zone[other] not in avoid
            and self.loads.fits(other, cost)
        ]
        if not candidates:
            return False
        target = min(candidates, key=lambda other: self.loads.load(other, cost))
        self._kept_kbps[recorders[0]] -= cost.kbps
        recorders.remove(node)
        self.loads.release(node, cost)
        del self.reasons[camera.camera_id, node]
        if recorders and self.reasons[camera.camera_id, recorders[0]] is Reason.STAYS:
            committed = self._view.placements[camera.camera_id]
            if recorders[0] != committed.primary:
                self.reasons[camera.camera_id, recorders[0]] = Reason.PROMOTED
        self._record(camera, target, Reason.LEAST_LOADED)
        self._kept_kbps[recorders[0]] += cost.kbps
        return True

    def _record(self, camera: Camera, node: str, reason: Reason) -> None:
        self.recorders[camera.camera_id].append(node)
        self.loads.record(node, cost_of(camera))
        self.reasons[camera.camera_id, node] = reason

    def _keeps(self, node: str) -> float:
        return self._kept_kbps[node] / self.loads.limits[node].kbps

    # --- Who follows ---------------------------------------------------------------------------

    def follow(self, camera: Camera) -> None:
        """Name who stands in, first those who are named already."""
        camera_id, recorders = camera.camera_id, self.recorders[camera.camera_id]
        self.followers[camera_id] = []
        if camera.protection is Protection.COLD or not recorders:
            return
        cost = cost_of(camera)
        committed = self._view.placements.get(camera_id)
        named = [n for n in (committed.nodes if committed else ()) if n in self.loads.limits]
        free = [node for node in self.nodes if node not in recorders]
        while free and len(self.followers[camera_id]) < FOLLOWERS:
            best, reason = self._next_follower(recorders, free, named, cost)
            if not self.followers[camera_id]:
                for dead in recorders:
                    self.loads.stand_by(dead, best, cost)
            self.followers[camera_id].append(best)
            self.reasons[camera_id, best] = reason
            free.remove(best)

    def _next_follower(
        self, recorders: Sequence[str], free: Sequence[str], named: Sequence[str], cost: Cost
    ) -> tuple[str, Reason]:
        room = {
            node: max(self.loads.load_without(dead, node, cost) for dead in recorders)
            for node in free
        }
        for node in named:
            if room.get(node, 2) <= 1:
                return node, Reason.STAYS
        best = min(free, key=lambda node: (room[node], node not in named))
        if room[best] <= 1:
            return best, Reason.LEAST_LOADED
        heir = next((node for node in named if node in room), best)
        return heir, Reason.OVERCOMMITTED


def _result(planner: _Planner, view: View, cameras: Sequence[Camera]) -> Plan:
    placements: dict[str, Placement] = {}
    why: dict[str, tuple[Choice, ...]] = {}
    for camera_id in sorted(camera.camera_id for camera in cameras):
        recorders = planner.recorders[camera_id]
        nodes = (*recorders, *planner.followers[camera_id])
        if not nodes:
            continue
        committed = view.placements.get(camera_id)
        if committed and not planner.nodes:
            nodes = committed.nodes
        generation = committed.generation if committed else 0
        if committed is None or committed.nodes != nodes:
            generation += 1
        placements[camera_id] = Placement(camera_id, nodes, generation)
        seats = [Seat.PRIMARY, Seat.SECOND][: len(recorders)] + [Seat.FOLLOWER] * len(nodes)
        why[camera_id] = tuple(
            Choice(node, seat, planner.reasons.get((camera_id, node), Reason.WAITS))
            for node, seat in zip(nodes, seats, strict=False)
        )
    return Plan(
        placements=placements,
        changed=tuple(
            found for camera, found in placements.items() if view.placements.get(camera) != found
        ),
        removed=tuple(sorted(set(view.placements) - {camera.camera_id for camera in cameras})),
        why=why,
        concerns=tuple(_concerns(planner, cameras)),
    )


def _concerns(planner: _Planner, cameras: Sequence[Camera]) -> list[Concern]:
    loads = planner.loads
    found: list[Concern] = []
    lists: dict[type[Unplaced | NoSecond | SharedZone], list[str]] = defaultdict(list)
    for camera in cameras:
        recorders = planner.recorders[camera.camera_id]
        if not recorders or not planner.nodes:
            lists[Unplaced].append(camera.camera_id)
        elif len(recorders) < camera.protection.copies:
            lists[NoSecond].append(camera.camera_id)
        elif planner.shares_zone(camera.camera_id):
            lists[SharedZone].append(camera.camera_id)
    found += [
        kind(tuple(sorted(lists[kind])))
        for kind in (Unplaced, NoSecond, SharedZone)
        if kind in lists
    ]
    full = [node for node in planner.nodes if loads.load(node) > 1]
    found += [Overcommitted(node, loads.load(node)) for node in full]
    found += [
        Shortfall(dead, node, loads.load_without(dead, node))
        for dead in planner.nodes
        for node in planner.nodes
        if node not in {dead, *full} and loads.load_without(dead, node) > 1
    ]
    return found
