"""One after the other: a camera that is to be asked in another way loses no picture by it. Pure.

To change how a camera is asked (its URL, login, transport or sound), its connection has to be made
anew. All nodes that record it learn of that at the same moment. So the first of them changes while
another one is seen to record, and those behind it go on as before until it is seen to record again:
there is a copy of every moment. The wait is bounded, since the old way may be one that is to end.

The first one looks as well, since another may be on its way by a change that came just before, or
have been the first itself until their places were swapped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tandem.cluster.duties import Beliefs
from tandem.cluster.model import Camera, Placement
from tandem.node.agent.handover import SURE_US, Said
from tandem.recording.camera import StreamKey, StreamOrder

MOST_US: Final = 30_000_000
"""So long nodes wait for those before them: a session that a camera has to forget, and a picture
that takes its time. After that what was ordered is done, though it may be that nobody can."""

EARLIER_US: Final = 2_000_000
"""So much sooner than this node another one may have learned of a change."""


@dataclass(slots=True)
class _Turn:
    """What waits.

    Attributes:
        order: what is to be done then.
        since_us: CLOCK_BOOTTIME from when on it could be done.
        before: the nodes that do it first; one of them is enough.
        beside: the nodes that are to record meanwhile, where this node is the first.
        is_come: it may be done.
    """

    order: StreamOrder
    since_us: int
    before: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    is_come: bool = False


@dataclass(slots=True)
class Turns:
    """What recorders are told, each change of a camera's connection in this node's turn.

    Attributes:
        node_id: this node.
        waiting: what is received in the old way until then.
        said: what this node's recorders said last, by stream.
    """

    node_id: str
    waiting: dict[StreamKey, _Turn] = field(default_factory=dict)
    said: Mapping[StreamKey, Mapping[str, Any]] = field(default_factory=dict)
    _told: dict[StreamKey, StreamOrder] = field(default_factory=dict)
    _former: dict[StreamKey, object] = field(default_factory=dict)

    def streams(
        self,
        wanted: Iterable[StreamOrder],
        cameras: Mapping[str, Camera],
        placements: Mapping[str, Placement],
        beliefs: Beliefs,
        now_us: int,
    ) -> tuple[StreamOrder, ...]:
        """What to tell the recorders now.

        Args:
            wanted: what is to be recorded here.
            cameras: by id; they tell whether another node is to record meanwhile.
            placements: by camera; they tell who is before this node.
            beliefs: of this node; for who is suspected nobody waits.
            now_us: CLOCK_BOOTTIME.
        """
        before, self._told = self._told, {}
        waited, self.waiting = self.waiting, {}
        for order in wanted:
            key, told = order.key, before.get(order.key)
            self._told[key] = order
            if told is None or not _is_asked_anew(told, order):
                continue
            turn = waited.get(key)
            if turn is None or turn.order.connection != order.connection:
                if not self._is_connected(key):
                    continue  # there is nothing to be lost
                turn = _Turn(order, now_us)
            camera, placement = cameras.get(order.camera_id), placements.get(order.camera_id)
            self._wait_for_others(turn, camera, placement, beliefs)
            if (turn.before or turn.beside) and not turn.is_come:
                self.waiting[key] = turn
                self._told[key] = order.asked_as(told)
            else:
                self._former[key] = self.said.get(key, {}).get("since_us")
        self._former = {key: it for key, it in self._former.items() if key in self._told}
        return tuple(self._told.values())

    def waits(self, key: StreamKey, said: Mapping[str, Any]) -> bool:
        """Whether a stream comes by a connection that is still to be made anew.

        It is for a moment after this node's turn has come: recorders tell once a second.

        Args:
            key: of the stream.
            said: what this node's recorder says of it now.
        """
        since_us = said.get("since_us")
        return key in self.waiting or (since_us is not None and since_us == self._former.get(key))

    def look(self, statuses: Mapping[str, Mapping[str, Any]], now_us: int) -> bool:
        """Look whose turn has come.

        Args:
            statuses: of the other nodes, as far as they answered.
            now_us: CLOCK_BOOTTIME.

        Returns:
            Whether any has.
        """
        theirs = {node: Said.of(status) for node, status in statuses.items()}
        for key, turn in self.waiting.items():
            waited_us = now_us - turn.since_us
            turn.is_come = (
                waited_us >= MOST_US
                or not self._is_connected(key)
                or (waited_us >= SURE_US and _may_change(key, turn, theirs, waited_us))
            )
        return any(turn.is_come for turn in self.waiting.values())

    def _is_connected(self, key: StreamKey) -> bool:
        return bool(self.said.get(key, {}).get("connected"))

    def _wait_for_others(
        self, turn: _Turn, camera: Camera | None, placement: Placement | None, beliefs: Beliefs
    ) -> None:
        """Note who changes sooner than this node; who cannot record now may be able to then."""
        turn.before, turn.beside = (), ()
        if camera is None or placement is None or self.node_id not in placement.nodes:
            return
        place = placement.nodes.index(self.node_id)
        turn.before = tuple(it for it in placement.nodes[:place] if it not in beliefs.suspected)
        if not turn.before:
            others = beliefs.able(turn.order.key, placement.nodes[place + 1 :])
            turn.beside = tuple(others[: camera.protection.copies - 1])


def _is_asked_anew(told: StreamOrder, order: StreamOrder) -> bool:
    """Whether a camera's connection is to be made in another way, and may be one of several."""
    has_one_session = any((told.relay, order.relay, told.relays, order.relays))
    return told.connection != order.connection and not has_one_session


def _may_change(key: StreamKey, turn: _Turn, theirs: Mapping[str, Said], waited_us: int) -> bool:
    """Whether another node is seen to record meanwhile, by what was asked since the change.

    Where this node is the first, one of those that are to. Any other may end its session without a
    word, to make room for one of them that the camera refuses.
    """
    if not turn.before:
        return any(_recorded_for_us(key, theirs.get(node)) >= SURE_US for node in turn.beside)
    return any(
        SURE_US <= _recorded_for_us(key, said) <= waited_us + EARLIER_US
        and not said.streams[key].get("waits")
        for node in turn.before
        if (said := theirs.get(node)) is not None
    )


def _recorded_for_us(key: StreamKey, theirs: Said | None) -> int:
    """For how long a node is seen to record by its present connection; 0 if it is not.

    By its own clock: only ages are compared with ours. A gap that has no picture behind it yet has
    its cause in the status.
    """
    said = theirs.streams.get(key) if theirs else None
    if theirs is None or said is None or said.get("cause") is not None:
        return 0
    if not (said.get("connected") and said.get("keyframes") and (since := said.get("since_us"))):
        return 0
    return theirs.at_us - int(since)
