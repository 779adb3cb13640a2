"""Make before break: what this node gives up is recorded on until others have it. Pure.

A node that returns is believed alive with its first beats, seconds before its recorders have opened
their disks and found their cameras, and maybe it never does. So whoever stood in for it goes on
until it is seen to record. The same holds for every planned move. It costs a camera session; a
camera that has none to spare ends it at once, since the other node is then refused by it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tandem.archive.rows import Role
from tandem.cluster.duties import RECORDERS
from tandem.cluster.model import Camera, Placement
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.source import Cause

SURE_US: Final = 2_500_000
"""Whoever has recorded for so long has had a keyframe and closed a fragment."""

BEHIND_US: Final = 5_000_000
"""So much less may another node have recorded than this one: a fragment takes 3 s at most, and each
tells once a second. A node that was frozen believes for a while in a connection that is none."""

REFUSALS: Final = frozenset({Cause.SESSION_LIMIT})
"""Why a camera may refuse the other node only since this one holds on to it."""


@dataclass(slots=True)
class Handover:
    """What is recorded on.

    Attributes:
        node_id: this node.
        ending: what is recorded on.
    """

    node_id: str
    ending: set[StreamKey] = field(default_factory=set)
    _held: dict[StreamKey, StreamOrder] = field(default_factory=dict)

    def streams(
        self,
        wanted: Iterable[StreamOrder],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
    ) -> tuple[StreamOrder, ...]:
        """What to record now: all that is wanted, and what was until a moment ago.

        Args:
            wanted: by this node's duties.
            cameras: by id; one that is gone or removed is given up at once.
            placements: by camera; they tell the role of what is recorded on.
        """
        orders = {order.key: order for order in wanted}
        self.ending = set()
        for key, order in self._held.items():
            camera, placement = cameras.get(order.camera_id), placements.get(order.camera_id)
            if key in orders or camera is None or camera.removed or placement is None:
                continue
            self.ending.add(key)
            orders[key] = replace(order, role=Role(placement.role_of(self.node_id)))
        self._held = orders
        return tuple(orders.values())

    def release(
        self,
        statuses: Mapping[str, Mapping[str, Any]],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        suspected: Collection[str],
        own: Mapping[str, Any],
    ) -> bool:
        """Give up what the others are seen to record.

        Args:
            statuses: of the other nodes, as far as they answered.
            cameras: by id.
            placements: by camera.
            suspected: the nodes that this node suspects.
            own: what this node says of itself, as the others do.

        Returns:
            Whether anything was given up.
        """
        done = [
            key
            for key in self.ending
            if (camera := cameras.get(key[0])) is not None
            and (placement := placements.get(key[0])) is not None
            and self._is_taken_over(key, camera, placement, statuses, suspected, own)
        ]
        for key in done:
            self.ending.discard(key)
            self._held.pop(key, None)
        return bool(done)

    def _is_taken_over(
        self,
        key: StreamKey,
        camera: Camera,
        placement: Placement,
        statuses: Mapping[str, Mapping[str, Any]],
        suspected: Collection[str],
        own: Mapping[str, Any],
    ) -> bool:
        believed = [node for node in placement.nodes if node not in suspected]
        heirs = believed[: RECORDERS.get(camera.protection, 1)]
        return bool(heirs) and all(_records(statuses.get(heir), own, key) for heir in heirs)


def _records(status: Mapping[str, Any] | None, own: Mapping[str, Any], key: StreamKey) -> bool:
    """Whether a node is seen to record a stream, by its own word and its own clock."""
    if status is None or (said := _said(status, key)) is None:
        return False
    if said.get("cause") in REFUSALS:
        return True
    at_us, since_us = status.get("at_us"), said.get("since_us")
    if not (said.get("connected") and said.get("keyframes") and at_us and since_us):
        return False
    return bool(at_us - since_us >= SURE_US) and _keeps_up(status, said, own, key)


def _keeps_up(
    status: Mapping[str, Any], said: Mapping[str, Any], own: Mapping[str, Any], key: StreamKey
) -> bool:
    """Whether another node has recorded a stream nearly up to where this one has.

    Pictures are timed by the camera's clock, or by that of the node that received them; one of both
    comparisons is right whatever the clocks of the nodes say.
    """
    here = _said(own, key)
    if here is None or (ours_us := here.get("recorded_until_us")) is None:
        return True  # there is nothing to be given up
    if (theirs_us := said.get("recorded_until_us")) is None:
        return False
    by_camera_us = ours_us - theirs_us
    by_nodes_us = by_camera_us + status["at_us"] - own["at_us"]
    return bool(min(by_camera_us, by_nodes_us) <= BEHIND_US)


def _said(status: Mapping[str, Any], key: StreamKey) -> Mapping[str, Any] | None:
    """What a node says of a stream."""
    for said in status.get("streams", ()):
        if (said.get("camera_id"), said.get("stream")) == key:
            return dict(said)
    return None
