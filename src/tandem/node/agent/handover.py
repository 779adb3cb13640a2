"""Make before break: what this node gives up is recorded on until others have it. Pure.

A node that returns is believed alive with its first beats, seconds before its recorders have opened
their disks and found their cameras, and maybe it never does. So whoever stood in for it goes on
until it is seen to record. The same holds for a node that was not able and is again, for every
planned move, and for whoever has one of two sessions with a camera that is to have one. It costs a
camera session; a camera that has none to spare ends it at once, since the other node is then
refused by it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tandem.archive.rows import Role
from tandem.cluster.duties import Beliefs
from tandem.cluster.model import Camera, Placement, Protection
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.source import Cause

SURE_US: Final = 2_500_000
"""Whoever has recorded for so long has had a keyframe and closed a fragment."""

BEHIND_US: Final = 5_000_000
"""So much less may another node have recorded than this one: a fragment takes 3 s at most, and each
tells once a second. A node that was frozen believes for a while in a connection that is none."""

UNKEPT_US: Final = 10_000_000
"""So much of what another node has received may it still keep in memory. Its disks may hang, and it
says so only after as long."""

REFUSALS: Final = frozenset({Cause.SESSION_LIMIT})
"""Why a camera may refuse the other node only since this one holds on to it."""

ONE_SESSION: Final = frozenset({Protection.FAILOVER, Protection.RELAYED})
"""One node at a time has a session of these, so that there is no handing over without a pause where
the camera allows no more."""


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
    _wanted: dict[StreamKey, StreamOrder] = field(default_factory=dict)

    @property
    def orders(self) -> tuple[StreamOrder, ...]:
        """What is recorded now."""
        return tuple(self._held.values())

    def streams(
        self,
        wanted: Iterable[StreamOrder],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        beliefs: Beliefs,
    ) -> tuple[StreamOrder, ...]:
        """What to record now: all that is wanted, and what was until a moment ago.

        Args:
            wanted: by this node's duties.
            cameras: by id; what is recorded of them no more is given up at once.
            placements: by camera; they tell the role of what is recorded on. One that is missing
                is about to be planned: until then a camera is recorded as before.
            beliefs: of this node; they tell whose sessions it has.
        """
        orders = {order.key: order for order in wanted}
        self._wanted, self.ending = dict(orders), set()
        own = beliefs.word_of(self.node_id).holds
        for key, order in self._held.items():
            camera, placement = cameras.get(order.camera_id), placements.get(order.camera_id)
            if camera is None or not _is_to_be_recorded(camera, key):
                continue
            gives_session_up = order.relay is None and order.stream in own.get(order.camera_id, ())
            if key in orders and (orders[key].relay is None or not gives_session_up):
                continue
            self.ending.add(key)
            role = Role(placement.role_of(self.node_id)) if placement else order.role
            orders[key] = replace(order, role=role)
        self._held = orders
        return self.orders

    def release(
        self,
        statuses: Mapping[str, Mapping[str, Any]],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        beliefs: Beliefs,
        own: Mapping[str, Any],
    ) -> bool:
        """Give up what the others are seen to record.

        Args:
            statuses: of the other nodes, as far as they answered.
            cameras: by id.
            placements: by camera.
            beliefs: of this node.
            own: what this node says of itself, as the others do.

        Returns:
            Whether anything was given up.
        """
        ours, theirs = Said.of(own), {node: Said.of(it) for node, it in statuses.items()}
        done = [
            key
            for key in self.ending
            if (camera := cameras.get(key[0])) is not None
            and (placement := placements.get(key[0])) is not None
            and (heirs := self._heirs(key, camera, placement, beliefs))
            and all(
                self._is_recorded(key, theirs.get(heir), ours)
                or (
                    self._is_refused(key, theirs.get(heir))
                    and self._may_make_room(key, camera, placement, theirs, ours)
                )
                for heir in heirs
            )
        ]
        for key in done:
            self.ending.discard(key)
            self._held.pop(key, None)
        return bool(done)

    def _heirs(
        self, key: StreamKey, camera: Camera, placement: Placement, beliefs: Beliefs
    ) -> list[str]:
        """Who is to record before this node stops; none: nobody can yet."""
        relay = self._wanted[key].relay if key in self._wanted else None
        if relay:
            return [relay.node_id]
        has_session = self._held[key].relay is None
        is_only_one = has_session and camera.protection is Protection.RELAYED
        return beliefs.able(key, placement.nodes)[: 1 if is_only_one else camera.protection.copies]

    def _is_recorded(self, key: StreamKey, theirs: "Said | None", ours: "Said") -> bool:
        """Whether a node is seen to record a stream, by its own word and its own clock."""
        if theirs is None or (said := theirs.streams.get(key)) is None:
            return False
        since_us = said.get("since_us")
        if not (said.get("connected") and said.get("keyframes") and theirs.at_us and since_us):
            return False
        return bool(theirs.at_us - since_us >= SURE_US) and _keeps_up(key, theirs, ours)

    def _is_refused(self, key: StreamKey, theirs: "Said | None") -> bool:
        """Whether the camera has no session for a node that is to have this node's."""
        said = theirs.streams.get(key) if theirs else None
        return said is not None and said.get("cause") in REFUSALS and key not in self._wanted

    def _may_make_room(
        self,
        key: StreamKey,
        camera: Camera,
        placement: Placement,
        theirs: Mapping[str, "Said"],
        ours: "Said",
    ) -> bool:
        """Whether this node may end its session before the other has one.

        With two copies, only while another one records, and the last of the list first: two that
        made room at the same time would leave the camera to nobody.
        """
        if camera.protection in ONE_SESSION:
            return True
        nodes = placement.nodes

        def place(node: str) -> tuple[int, str]:
            return (nodes.index(node) if node in nodes else len(nodes), node)

        own = place(self.node_id)
        return any(
            place(node) < own and self._is_recorded(key, said, ours)
            for node, said in theirs.items()
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What a node says of its streams.

    Attributes:
        at_us: when, by its clock.
        streams: see `tandem.recording.status.stream_status`.
    """

    at_us: int
    streams: Mapping[StreamKey, Mapping[str, Any]]

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "Said":
        """Of the node's status; another release may say it in another way."""
        streams = status.get("streams", ())
        return cls(
            int(status.get("at_us") or 0),
            {(it.get("camera_id"), it.get("stream")): it for it in streams},
        )


def _is_to_be_recorded(camera: Camera, key: StreamKey) -> bool:
    """Whether a stream is to be recorded by anybody; of one that is not, nobody becomes an heir."""
    return not camera.removed and any(it.recorded and it.name == key[1] for it in camera.streams)


def _keeps_up(key: StreamKey, theirs: Said, ours: Said) -> bool:
    """Whether another node has recorded a stream, to a disk, nearly up to where this one has.

    Pictures are timed by the camera's clock, or by that of the node that received them; one of both
    comparisons is right whatever the clocks of the nodes say.
    """
    here = ours.streams.get(key)
    if here is None or (ours_us := here.get("recorded_until_us")) is None:
        return True  # there is nothing to be given up
    said = theirs.streams[key]
    theirs_us, kept_us = said.get("recorded_until_us"), said.get("durable_until_us")
    if theirs_us is None or kept_us is None or theirs_us - kept_us > UNKEPT_US:
        return False
    by_camera_us = ours_us - theirs_us
    by_nodes_us = by_camera_us + theirs.at_us - ours.at_us
    return bool(min(by_camera_us, by_nodes_us) <= BEHIND_US)
