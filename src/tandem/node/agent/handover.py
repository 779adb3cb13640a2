"""Make before break: what this node gives up is recorded on until others have it. Pure.

A node that returns is believed alive with its first beats, seconds before its recorders have opened
their disks and found their cameras. So whoever stood in for it goes on until it is seen to record,
or for `LONGEST_US`. The same holds for every planned move. It costs a camera session for a while; a
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

LONGEST_US: Final = 20_000_000
"""A node that has not found its camera by then will not find it for our waiting."""

SURE_US: Final = 2_500_000
"""Whoever has recorded for so long has had a keyframe and closed a fragment."""

REFUSALS: Final = frozenset({Cause.SESSION_LIMIT})
"""Why a camera may refuse the other node only since this one holds on to it."""


@dataclass(slots=True)
class Handover:
    """What is recorded on.

    Attributes:
        node_id: this node.
        ending: until when, CLOCK_BOOTTIME, by stream.
    """

    node_id: str
    ending: dict[StreamKey, int] = field(default_factory=dict)
    _held: dict[StreamKey, StreamOrder] = field(default_factory=dict)

    def streams(
        self,
        wanted: Iterable[StreamOrder],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        now_us: int,
    ) -> tuple[StreamOrder, ...]:
        """What to record now: all that is wanted, and what was until a moment ago.

        Args:
            wanted: by this node's duties.
            cameras: by id; one that is gone or removed is given up at once.
            placements: by camera; they tell the role of what is recorded on.
            now_us: CLOCK_BOOTTIME.
        """
        orders = {order.key: order for order in wanted}
        for key, order in self._held.items():
            camera, placement = cameras.get(order.camera_id), placements.get(order.camera_id)
            if key in orders or camera is None or camera.removed or placement is None:
                self.ending.pop(key, None)
            elif now_us < self.ending.setdefault(key, now_us + LONGEST_US):
                role = Role(placement.role_of(self.node_id))
                orders[key] = replace(order, role=role)
        self.ending = {key: until_us for key, until_us in self.ending.items() if key in orders}
        self._held = orders
        return tuple(orders.values())

    def release(
        self,
        statuses: Mapping[str, Mapping[str, Any]],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        suspected: Collection[str],
    ) -> bool:
        """Give up what the others are seen to record.

        Args:
            statuses: of the other nodes, as far as they answered.
            cameras: by id.
            placements: by camera.
            suspected: the nodes that this node suspects.

        Returns:
            Whether anything was given up.
        """
        done = [
            key
            for key in self.ending
            if (camera := cameras.get(key[0])) is not None
            and (placement := placements.get(key[0])) is not None
            and self._is_taken_over(key, camera, placement, statuses, suspected)
        ]
        for key in done:
            del self.ending[key]
            del self._held[key]
        return bool(done)

    def _is_taken_over(
        self,
        key: StreamKey,
        camera: Camera,
        placement: Placement,
        statuses: Mapping[str, Mapping[str, Any]],
        suspected: Collection[str],
    ) -> bool:
        believed = [node for node in placement.nodes if node not in suspected]
        heirs = believed[: RECORDERS.get(camera.protection, 1)]
        return bool(heirs) and all(_records(statuses.get(heir), key) for heir in heirs)


def _records(status: Mapping[str, Any] | None, key: StreamKey) -> bool:
    """Whether a node is seen to record a stream, by its own word and its own clock."""
    if status is None:
        return False
    return any(
        said.get("cause") in REFUSALS
        or (
            said.get("connected")
            and said.get("keyframes")
            and status["at_us"] - said["since_us"] >= SURE_US
        )
        for said in status.get("streams", ())
        if (said.get("camera_id"), said.get("stream")) == key
    )
