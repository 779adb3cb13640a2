"""What this node can record of what it is to record, and whose sessions it has. Pure.

Each stream is judged by itself, and by progress, never by a process that answers: it counts as
received while fragments of it are closed, and as kept while they reach a disk. Whoever once failed
is believed again when pictures have moved, not when a camera has merely agreed to send some.

What the camera itself refuses (a password, a path, one session too many) is no fault of this node,
and no other would fare better: it never makes a node unable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tandem.cluster.duties import StreamId, Word
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.source import Cause

BEGINNING_US: Final = 6_000_000
"""So long a stream that was just ordered may take to be connected: a process that starts, and one
attempt at a camera that does not answer."""

LOST_US: Final = 3_000_000
"""So long one that was connected may be without: a camera's hiccup, a recorder that is replaced."""

SILENT_US: Final = 20_000_000
"""So long a camera that agreed to play may take to close a first fragment: as long as the source
itself waits for a first picture."""

UNKEPT_US: Final = 10_000_000
"""So long nothing of a stream may reach a disk while pictures come; disks pause."""

REFUSALS: Final = frozenset(
    cause for cause in Cause if cause.is_refusal or cause is Cause.SESSION_LIMIT
)
"""What a camera says, and would say to any node."""


@dataclass(slots=True)
class _Stream:
    """How a stream that is ordered does.

    Attributes:
        source: the node that passes it on; None: it comes from the camera.
        since_us: CLOCK_BOOTTIME from when on its absence counts: of the order, or of the last
            moment at which it was connected, or lacked for no fault of this node.
        was_connected: under this order.
        connected_us: CLOCK_BOOTTIME of the last moment at which it was.
        holds_session: the camera's session is here, or was until a moment ago.
        is_received: pictures come, or are given time to.
        recorded: up to when fragments are closed, as the recorder says.
        recorded_us: CLOCK_BOOTTIME at which that moved, or it was connected.
        is_kept: what comes reaches a disk, or is given time to.
        durable: up to when it is on a disk, as the recorder says.
        durable_us: CLOCK_BOOTTIME at which that moved, or nothing was waiting.
        port: at which it was last passed on here.
    """

    source: str | None
    since_us: int
    was_connected: bool = False
    connected_us: int = 0
    holds_session: bool = False
    is_received: bool = True
    recorded: object = None
    recorded_us: int = 0
    is_kept: bool = True
    durable: object = None
    durable_us: int = 0
    port: int | None = None

    def look(self, said: Mapping[str, Any], now_us: int, *, is_offered: bool) -> None:
        """Take note of what the recorder says of it.

        Args:
            said: see `tandem.recording.status.stream_status`; empty: nothing.
            now_us: CLOCK_BOOTTIME.
            is_offered: it comes from the camera, or the other node says that it passes it on.
        """
        is_connected, cause = bool(said.get("connected")), said.get("cause")
        if is_connected and not self.was_connected:
            self.recorded_us = now_us
        if is_connected or cause in REFUSALS or not is_offered:
            self.since_us = now_us
        if is_connected:
            self.was_connected, self.connected_us = True, now_us
            self.port = said.get("relay_port")
        self._receive(said, now_us, is_connected=is_connected)
        self._keep(said, now_us)
        self.holds_session = (
            self.source is None
            and self.was_connected
            and self.is_received
            and cause not in REFUSALS
            and now_us - self.connected_us < LOST_US
        )

    def _receive(self, said: Mapping[str, Any], now_us: int, *, is_connected: bool) -> None:
        is_direct = self.source is None  # what is passed on is judged after whoever passes it on
        patience_us = LOST_US if self.was_connected and is_direct else BEGINNING_US
        if said.get("recorded_until_us") not in {None, self.recorded}:
            self.recorded, self.recorded_us = said["recorded_until_us"], now_us
            self.is_received = True
        elif said.get("cause") in REFUSALS:
            self.is_received = True
        elif is_connected:
            self.is_received &= now_us - self.recorded_us < SILENT_US
        elif now_us - self.since_us >= patience_us:
            self.is_received = False
        elif said.get("cause") == Cause.STALLED and is_direct and self.was_connected:
            self.is_received = False  # it has waited long enough already
        if not is_connected:
            self.recorded_us = now_us

    def _keep(self, said: Mapping[str, Any], now_us: int) -> None:
        durable = said.get("durable_until_us")
        if durable not in {None, self.durable}:
            self.durable, self.durable_us, self.is_kept = durable, now_us, True
        elif durable == said.get("recorded_until_us") or not said.get("connected"):
            self.durable_us = now_us
        elif now_us - self.durable_us >= UNKEPT_US:
            self.is_kept = False


@dataclass(slots=True)
class Standing:
    """What this node can say of its cameras.

    Attributes:
        word: what it says.
        changes: how often that has changed.
    """

    word: Word = field(default_factory=Word)
    changes: int = 0
    _streams: dict[StreamKey, _Stream] = field(default_factory=dict)

    def look(
        self,
        orders: Iterable[StreamOrder],
        said: Mapping[StreamKey, Mapping[str, Any]],
        others: Mapping[str, Word],
        now_us: int,
    ) -> bool:
        """Look at how things are; each second.

        Args:
            orders: what this node is to record now.
            said: what its recorders say, by stream; empty where there are none.
            others: what the other nodes say.
            now_us: CLOCK_BOOTTIME.

        Returns:
            Whether the word has changed.
        """
        before, self._streams = self._streams, {}
        unable: set[StreamId] = set()
        holds: dict[str, dict[str, int | None]] = {}
        for order in orders:
            source = order.relay.node_id if order.relay else None
            known = before.get(order.key)
            if known is None or known.source != source:
                known = _Stream(source, now_us, recorded_us=now_us, durable_us=now_us)
                first = said.get(order.key, {})
                known.recorded = first.get("recorded_until_us")
                known.durable = first.get("durable_until_us")
            self._streams[order.key] = known
            is_offered = source is None or _offers(others.get(source), order)
            known.look(said.get(order.key, {}), now_us, is_offered=is_offered)
            if not (known.is_received and known.is_kept):
                unable.add(order.key)
            if order.relays and known.holds_session:
                holds.setdefault(order.camera_id, {})[order.stream] = known.port
        was, self.word = self.word, Word(frozenset(unable), holds)
        self.changes += self.word != was
        return self.word != was


def words_of_pictures(
    orders: Iterable[StreamOrder], said: Mapping[StreamKey, Mapping[str, Any]]
) -> dict[str, Word]:
    """What nodes show by the pictures that come from them, for as long as they say nothing.

    Args:
        orders: what this node is to record now.
        said: what its recorders say, by stream.
    """
    holds: dict[str, dict[str, dict[str, int | None]]] = {}
    for order in orders:
        if order.relay is not None and said.get(order.key, {}).get("connected"):
            streams = holds.setdefault(order.relay.node_id, {}).setdefault(order.camera_id, {})
            streams[order.stream] = order.relay.port
    return {node_id: Word(holds=cameras) for node_id, cameras in holds.items()}


def _offers(word: Word | None, order: StreamOrder) -> bool:
    """Whether a node says that it passes a stream on."""
    return word is not None and word.holds.get(order.camera_id, {}).get(order.stream) is not None
