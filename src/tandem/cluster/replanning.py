"""Plans cameras again and again: what is lost with a node is planned without all the rest.

The plan is that of `placement.plan`, always, to the last reason: it is only found faster, and only
where that can be shown. After a plan that changed nothing, on a cluster with room to spare, the
loss of nodes touches the cameras that these nodes record or follow. All others stay: their nodes
are there and have room. What those touched are given depends on the others by sums alone, of which
a follower's counts what comes before it in the order of planning; so these are summed up in that
order. Whatever does not fit this is planned as a whole.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tandem.cluster.load import NOTHING, Cost
from tandem.cluster.model import Camera
from tandem.cluster.placement import Plan, View, concluded, placed, placement_of
from tandem.cluster.placing import Placing, Wanted
from tandem.cluster.why import Reason

_AS_IT_WAS = {Reason.STAYS, Reason.WAITS}
_APART = {Reason.STAYS, Reason.PROMOTED, Reason.LEAST_LOADED, Reason.WAITS}


class Replanning:
    """Remembers the last plan that changed nothing."""

    def __init__(self) -> None:
        self._calm: _Calm | None = None

    def plan(self, view: View, cameras: Iterable[Camera]) -> Plan:
        """Place every camera.

        Args:
            view: what is there.
            cameras: in any order; where that is the order of the last time, it is seen sooner that
                they are the same.

        Returns:
            What `placement.plan` returns.
        """
        wanted = tuple(cameras)
        if self._calm is not None and (made := self._calm.plan_loss(view, wanted)) is not None:
            return made
        placing = placed(view, Wanted.of(wanted))
        made = concluded(placing, view)
        self._calm = _Calm(view, wanted, placing, made) if _is_calm(placing, made) else None
        return made


def _is_calm(placing: Placing, made: Plan) -> bool:
    if made.changed or made.removed or made.concerns or not placing.nodes:
        return False
    return all(
        reason in _AS_IT_WAS for reasons in placing.reasons.values() for reason in reasons.values()
    )


@dataclass
class _Calm:
    """A plan that changed nothing, and where each node is in it.

    Attributes:
        view: it was made from.
        wanted: likewise, in the order in which it was given.
        placing: what was decided.
        made: the plan.
    """

    view: View
    wanted: tuple[Camera, ...]
    placing: Placing
    made: Plan

    def __post_init__(self) -> None:
        self._named: dict[str, list[int]] = defaultdict(list)
        self._stand_by: dict[str, list[tuple[int, str, Cost]]] = defaultdict(list)
        for place, camera in enumerate(self.placing.cameras):
            for node in self.made.placements[camera.camera_id].nodes:
                self._named[node].append(place)
            for follower in self.placing.followers[camera.camera_id][:1]:
                part = place, follower, self.placing.costs[camera.camera_id]
                for node in self.placing.recorders[camera.camera_id]:
                    self._stand_by[node].append(part)

    def plan_loss(self, view: View, wanted: tuple[Camera, ...]) -> Plan | None:
        """The plan after the loss of nodes; None if anything else has changed, or room is short."""
        lost = set(view.down) - set(self.view.down)
        if not self._differs_by(lost, view, wanted):
            return None
        touched = sorted({place for node in lost for place in self._named[node]})
        placing = Placing(view, Wanted(self.placing.costs, self.placing.cameras))
        # With all the others gone, a node that is to be emptied records again.
        if not placing.nodes or not set(placing.nodes) <= set(self.placing.nodes):
            return None
        cameras = [placing.cameras[place] for place in touched]
        placing.start_from(self.placing, [camera.camera_id for camera in cameras])
        for camera in cameras:
            placing.keep(camera)
        for camera in cameras:
            placing.fill(camera)
        if not all(_is_whole(placing, camera) for camera in cameras):
            return None
        self._follow(placing, touched)
        return self._concluded(placing, cameras, view) if _has_room(placing) else None

    def _differs_by(self, lost: Collection[str], view: View, wanted: tuple[Camera, ...]) -> bool:
        before = self.view
        return (
            bool(lost)
            and set(before.down) <= set(view.down)
            and before.nodes == view.nodes
            and set(before.draining) == set(view.draining)
            and before.taken == view.taken
            and self.wanted == wanted
            and before.placements == view.placements
        )

    def _follow(self, placing: Placing, touched: Sequence[int]) -> None:
        """Name who follows, with what stands by already summed up in the order of planning."""
        is_touched = set(touched)
        rest = {
            dead: [part for part in reversed(self._stand_by[dead]) if part[0] not in is_touched]
            for dead in placing.nodes
        }

        def sum_up(dead: str, until: int) -> None:
            parts = rest[dead]
            while parts and parts[-1][0] < until:
                _, follower, cost = parts.pop()
                placing.loads.stand_by(dead, follower, cost)

        for place in touched:
            camera = placing.cameras[place]
            for dead in placing.recorders[camera.camera_id]:
                if dead in rest:
                    sum_up(dead, place)
            placing.follow(camera)
        for dead in placing.nodes:
            sum_up(dead, len(placing.cameras))

    def _concluded(self, placing: Placing, cameras: Iterable[Camera], view: View) -> Plan:
        placements, why = dict(self.made.placements), dict(self.made.why)
        changed = []
        for camera_id in sorted(camera.camera_id for camera in cameras):
            committed = view.placements[camera_id]
            found = placement_of(placing, camera_id, committed)
            assert found is not None, camera_id  # noqa: S101 - it is recorded, or waits for a node
            placements[camera_id], why[camera_id] = found
            if found[0] is not committed:
                changed.append(found[0])
        return Plan(placements, tuple(changed), (), why, ())


def _is_whole(placing: Placing, camera: Camera) -> bool:
    """Whether a camera has all of its copies, where they belong."""
    recorders = placing.recorders[camera.camera_id]
    reasons = placing.reasons[camera.camera_id]
    return (
        len(recorders) == camera.protection.copies
        and all(reasons[node] in _APART for node in recorders)
        and not placing.shares_zone(camera.camera_id)
    )


def _has_room(placing: Placing) -> bool:
    """Whether every node could take one more camera, whoever dies.

    Then whoever was named has had room at whatever moment it was asked.
    """
    loads, most = placing.loads, NOTHING
    for cost in placing.costs.values():
        most = Cost(max(most.kbps, cost.kbps), 1)
    return loads.fit_without_any(most)
