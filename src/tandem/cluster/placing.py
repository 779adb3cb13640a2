"""A plan of cameras in the making, in the order in which `placement` decides."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Self

from tandem.cluster.least_loaded import Key, LeastLoaded
from tandem.cluster.load import Cost, Loads, cost_of, zones
from tandem.cluster.model import Camera, Node, Placement, Protection
from tandem.cluster.why import Reason

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
        draining: nodes that are to be emptied. What can be nowhere else stays on them.
        taken: by node, what other resources take of it.
    """

    nodes: tuple[Node, ...]
    placements: Mapping[str, Placement]
    down: Collection[str] = frozenset()
    draining: Collection[str] = frozenset()
    taken: Mapping[str, Cost] = field(default_factory=dict)


class Wanted(NamedTuple):
    """Cameras to be placed.

    Attributes:
        costs: by camera.
        cameras: in the order in which they are placed: the largest first, ties by name.
    """

    costs: Mapping[str, Cost]
    cameras: tuple[Camera, ...]

    @classmethod
    def of(cls, cameras: Iterable[Camera]) -> Self:
        """Put cameras in order."""
        found = list(cameras)
        costs = {camera.camera_id: cost_of(camera) for camera in found}
        found.sort(key=lambda it: (-costs[it.camera_id].kbps, it.camera_id))
        return cls(costs, tuple(found))


class Placing:
    """A plan in the making: who records each camera, and how loaded that makes the nodes."""

    def __init__(self, view: View, wanted: Wanted) -> None:
        self.costs, self.cameras = wanted
        away = {*view.down, *view.draining}
        living = [node for node in view.nodes if node.node_id not in view.down]
        staying = [node for node in living if node.node_id not in away]
        # Where nobody else is there, a node that is to be emptied records on.
        here = sorted(staying or living, key=lambda node: node.node_id)
        self._view = view
        self._known = {node.node_id for node in view.nodes}
        self.zone = zones(here)
        self.loads = Loads.of(here)
        for node_id, cost in view.taken.items():
            if node_id in self.loads.limits:
                self.loads.record(node_id, cost)
        self.nodes = list(self.loads.limits)
        self._leaving = {node.node_id for node in living} - set(self.nodes)
        self.lingering: dict[str, list[str]] = {}
        self._kept_kbps = dict.fromkeys(self.nodes, 0)
        self.recorders: dict[str, list[str]] = {}
        self.followers: dict[str, list[str]] = {}
        self.reasons: dict[str, dict[str, Reason]] = {}
        self._held = LeastLoaded(self.nodes, self.loads.load, digits=7)
        self._places_few = False
        self._without: dict[str, LeastLoaded] = {}

    # --- Who records ---------------------------------------------------------------------------

    def keep(self, camera: Camera) -> None:
        """Leave every copy where it is, as long as its node is there."""
        committed = self._view.placements.get(camera.camera_id)
        nodes = committed.nodes if committed else ()
        copies = camera.protection.copies
        if self._waits(camera, nodes):
            self.recorders[camera.camera_id] = list(nodes[:copies])
            self.reasons[camera.camera_id] = dict.fromkeys(nodes[:copies], Reason.WAITS)
            return
        self.recorders[camera.camera_id], self.reasons[camera.camera_id] = [], {}
        for node in nodes[:copies]:
            if node in self.loads.limits:
                promoted = node != nodes[0] and not self.recorders[camera.camera_id]
                self._record(camera, node, Reason.PROMOTED if promoted else Reason.STAYS)

    def fill(self, camera: Camera) -> None:
        """Find nodes for the copies that have none."""
        recorders = self.recorders[camera.camera_id]
        if recorders and self.reasons[camera.camera_id][recorders[0]] is Reason.WAITS:
            return
        is_new = camera.camera_id not in self._view.placements
        while len(recorders) < min(camera.protection.copies, len(self.nodes)):
            node, reason = self._choose(camera)
            self._record(camera, node, reason)
        if is_new and len(recorders) == 2 and self._keeps(recorders[1]) < self._keeps(recorders[0]):
            recorders.reverse()
        if recorders:
            self._kept_kbps[recorders[0]] += self.costs[camera.camera_id].kbps
        if missing := camera.protection.copies - len(recorders):
            self._linger(camera, missing)

    def _linger(self, camera: Camera, missing: int) -> None:
        """Leave a copy on a node that is to be emptied, where there is no other node for it."""
        committed = self._view.placements.get(camera.camera_id)
        nodes = committed.nodes[: camera.protection.copies] if committed else ()
        if found := [node for node in nodes if node in self._leaving][:missing]:
            self.lingering[camera.camera_id] = found
            self.reasons[camera.camera_id] |= dict.fromkeys(found, Reason.LINGERS)

    def relieve(self) -> bool:
        """Move copies off nodes that have more than they can take, to where there is room."""
        moved = False
        full = {node for node in self.nodes if self.loads.load(node) > 1}
        for seat in (1, 0):  # a second first: what it holds goes anyway, sooner or later
            for camera in self.cameras if full else ():
                recorders = self.recorders[camera.camera_id]
                if len(recorders) <= seat or recorders[seat] not in full:
                    continue
                if self.loads.load(recorders[seat]) <= 1:
                    full.discard(recorders[seat])
                    continue
                moved |= self._move(camera, recorders[seat], self._zones_to_avoid(camera, seat))
        return moved

    def part_zones(self) -> bool:
        """Move seconds out of their primary's zone, where another zone has room."""
        moved = False
        for camera in self.cameras:
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
        cost, taken = self.costs[camera.camera_id], self.recorders[camera.camera_id]
        if found := self._choose_apart(camera, cost, taken):
            return found
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

    def _choose_apart(
        self, camera: Camera, cost: Cost, taken: Sequence[str]
    ) -> tuple[str, Reason] | None:
        """The best node with room that shares no zone with a copy there is, if there is one."""
        zone, loads = self.zone, self.loads
        used = {zone[node] for node in taken}
        committed = self._view.placements.get(camera.camera_id)
        for node in committed.nodes if committed else ():
            if node in loads.limits and zone[node] not in used and loads.fits(node, cost):
                return node, Reason.PROMOTED
        limits, held = loads.limits, loads.held
        best: tuple[float, str] | None = None
        # Twenty thousand copies are chosen for here: the load is reckoned without a call.
        for least in self._held.ordered(cost):
            if best is not None and least > best:
                break
            node = least[1]
            if zone[node] in used:
                continue
            (limit_kbps, limit), (kbps, streams) = limits[node], held[node]
            load = max((kbps + cost.kbps) / limit_kbps, (streams + cost.streams) / limit)
            if load <= 1 and (best is None or (load, node) < best):
                best = load, node
        return (best[1], Reason.LEAST_LOADED) if best else None

    def _zones_to_avoid(self, camera: Camera, seat: int) -> set[str]:
        """A move to make room must not bring two copies together that were apart."""
        recorders = self.recorders[camera.camera_id]
        if len(recorders) < 2 or self.shares_zone(camera.camera_id):
            return set()
        return {self.zone[recorders[1 - seat]]}

    def _move(self, camera: Camera, node: str, avoid: Collection[str]) -> bool:
        """Take a copy to another node that has room for it, if one has."""
        cost, recorders = self.costs[camera.camera_id], self.recorders[camera.camera_id]
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
        self.release(camera.camera_id, node)
        reasons = self.reasons[camera.camera_id]
        del reasons[node]
        if recorders and reasons[recorders[0]] is Reason.STAYS:
            committed = self._view.placements[camera.camera_id]
            if recorders[0] != committed.primary:
                reasons[recorders[0]] = Reason.PROMOTED
        self._record(camera, target, Reason.LEAST_LOADED)
        self._kept_kbps[recorders[0]] += cost.kbps
        return True

    def _record(self, camera: Camera, node: str, reason: Reason) -> None:
        self.recorders[camera.camera_id].append(node)
        self.reasons[camera.camera_id][node] = reason
        self.loads.record(node, self.costs[camera.camera_id])
        self._held.update(node)

    def release(self, camera_id: str, node: str) -> None:
        """A node does not record a camera any more."""
        self.loads.release(node, self.costs[camera_id])
        self._held.update(node)

    def _keeps(self, node: str) -> float:
        return self._kept_kbps[node] / self.loads.limits[node].kbps

    def start_from(self, other: "Placing", again: Iterable[str]) -> None:
        """Take over what was decided before, but for some cameras, and for nodes that are gone."""
        self.recorders, self.followers = dict(other.recorders), dict(other.followers)
        self.reasons = dict(other.reasons)
        self.loads.held = {node: other.loads.held[node] for node in self.nodes}
        for camera_id in again:
            for node in other.recorders[camera_id]:
                if node in self.loads.limits:
                    self.loads.release(node, self.costs[camera_id])
        self._held = LeastLoaded(self.nodes, self.loads.load, digits=7)
        # For few it costs less to put nodes in order each time than to keep them in it.
        self._places_few = True

    # --- Who follows ---------------------------------------------------------------------------

    def follow(self, camera: Camera) -> None:
        """Name who stands in, first those who are named already."""
        camera_id, recorders = camera.camera_id, self.recorders[camera.camera_id]
        self.followers[camera_id] = []
        if camera.protection is Protection.COLD or not recorders:
            return
        cost, reasons = self.costs[camera_id], self.reasons[camera_id]
        committed = self._view.placements.get(camera_id)
        named = [n for n in (committed.nodes if committed else ()) if n in self.loads.limits]
        taken = list(recorders)
        followers = self.followers[camera_id]
        while len(followers) < FOLLOWERS and len(taken) < len(self.nodes):
            best, reason = self._next_follower(recorders, taken, named, cost)
            if not followers:
                self.claim(camera_id, best)
            followers.append(best)
            reasons[best] = reason
            taken.append(best)

    def claim(self, camera_id: str, follower: str) -> None:
        """A follower stands in for each of those that record a camera, if that one dies."""
        for dead in self.recorders[camera_id]:
            self.stand_by(dead, follower, self.costs[camera_id])

    def stand_by(self, dead: str, follower: str, cost: Cost) -> None:
        """A follower would take a copy if another died."""
        self.loads.stand_by(dead, follower, cost)
        if dead in self._without:
            self._without[dead].update(follower)

    def _next_follower(
        self, recorders: Sequence[str], taken: Sequence[str], named: Sequence[str], cost: Cost
    ) -> tuple[str, Reason]:
        loads = self.loads

        def room(node: str) -> float:
            return max([loads.load_without(dead, node, cost) for dead in recorders])

        for node in named:
            if node not in taken and room(node) <= 1:
                return node, Reason.STAYS

        def key_of(node: str) -> Key | None:
            return None if node in taken else (room(node), node not in named, node)

        best = self._least_loaded_without(recorders[0]).find(cost, key_of, named)
        assert best is not None, taken  # noqa: S101 - somebody is not taken yet
        if best[0] <= 1:
            return best[2], Reason.LEAST_LOADED
        heir = next((node for node in named if node not in taken), best[2])
        return heir, Reason.OVERCOMMITTED

    def _least_loaded_without(self, dead: str) -> LeastLoaded:
        """The nodes by what they carry once another has died. By now it is settled who records."""
        load = partial(self.loads.load_without, dead)
        if self._places_few:
            return LeastLoaded(self.nodes, load, digits=64)
        if dead not in self._without:
            self._without[dead] = LeastLoaded(self.nodes, load, digits=3)
        return self._without[dead]
