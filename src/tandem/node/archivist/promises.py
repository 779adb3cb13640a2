"""The primary's side of the rule of deletion: reading back, committing, answering (D2 to D6).

`cluster.promise` decides; here is what it asks to be done. A question that arrives twice, over two
links, is worked on once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

from tandem.archive.errors import ArchiveError
from tandem.clock import Clock
from tandem.cluster import promise
from tandem.cluster.promise import WORK_US, Answer, Question
from tandem.node.archivist.errors import GivenUpError
from tandem.node.archivist.holdings import Holdings, Wanted
from tandem.node.archivist.matching import Match
from tandem.node.archivist.messages import Inquiry
from tandem.node.archivist.view import View

OnMissing = Callable[[Question], None]
"""Called with a question some of whose pictures lack here (D6); must return at once."""


class Dated(NamedTuple):
    """A picture that is asked for, with its time."""

    identity: bytes
    time_us: int


class Promiser:
    """Answers those who would drop their copies.

    One question is read back at a time, in the order in which they came: several readers of one
    disk end late together, and then none of them in time. So there is one thread, and where its
    disk hangs, promises wait and nothing else does.

    Args:
        node_id: this node.
        holdings: what it has.
        view: the cluster.
        clock: for deadlines, and the time in `promised_us`.
        on_missing: begins the healing of what lacks.

    Attributes:
        promised: how many segments it has promised to keep, since it began.
    """

    def __init__(
        self, node_id: str, holdings: Holdings, view: View, clock: Clock, on_missing: OnMissing
    ) -> None:
        self.promised = 0
        self._state = promise.Primary(node_id)
        self._node_id = node_id
        self._holdings = holdings
        self._view = view
        self._clock = clock
        self._on_missing = on_missing
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reading back")
        self._running: dict[str, tuple[Inquiry, asyncio.Future[Answer]]] = {}

    async def answer(self, inquiry: Inquiry) -> Answer:
        """Answer one question; a promise is durable before this returns (D4)."""
        nonce = inquiry.question.nonce
        if nonce in self._running:
            first, answered = self._running[nonce]
            if first != inquiry:
                return _refusal(nonce, "Another question of the same nonce is being worked on.")
            return await asyncio.shield(answered)
        answered = asyncio.get_running_loop().create_future()
        self._running[nonce] = inquiry, answered
        answer = _refusal(nonce, "The archivist is stopping. Ask again.")
        try:
            answer = await self._work(inquiry)
        finally:
            del self._running[nonce]
            answered.set_result(answer)
        return answer

    async def _work(self, inquiry: Inquiry) -> Answer:
        """Take a question through the gates, one step after the other."""
        loop, until_us = asyncio.get_running_loop(), self._clock.boot_us() + WORK_US
        event: promise.Event | None = promise.Asked(inquiry.question)
        while event is not None:
            self._state, effects = promise.step(
                self._state, event, self._view.placements(), self._clock.boot_us()
            )
            event = None
            for effect in effects:
                match effect:
                    case promise.Read():
                        event = await loop.run_in_executor(
                            self._reader, self._read_back, inquiry, until_us
                        )
                    case promise.Commit():
                        event = await asyncio.to_thread(self._commit, effect, inquiry)
                        if isinstance(event, promise.Committed):
                            self.promised += len(effect.segments)
                    case promise.Fetch(question=question):
                        self._on_missing(question)
                    case promise.Reply(answer=answer):
                        return answer
        return _refusal(inquiry.question.nonce, "Reading back took too long. Ask again.")

    def _read_back(self, inquiry: Inquiry, until_us: int) -> promise.Event:
        """Look for pictures, until it is too late for an answer."""
        question = inquiry.question

        def check() -> None:
            if self._clock.boot_us() >= until_us:
                raise GivenUpError("Reading back took too long. Ask again.")

        try:
            check()
            found = self._holdings.find(_wanted(inquiry), check)
            in_vain, reason = self._in_vain(inquiry, found)
        except (ArchiveError, GivenUpError) as failure:
            return promise.Failed(question.nonce, str(failure))
        carrying = tuple(sorted(map(str, found.carrying)))
        return promise.ReadBack(question.nonce, carrying, found.missing, in_vain, reason)

    def _in_vain(self, inquiry: Inquiry, found: Match) -> tuple[tuple[int, ...], str]:
        """What this node lacks and will never keep, and why.

        Raises:
            DiskError: an index or a volume does not answer.
        """
        question = inquiry.question
        if not found.missing:
            return (), ""
        kept_since_us = self._holdings.kept_since_us(
            question.camera_id, question.stream, self._view.retention()
        )
        past = {
            place
            for place in found.missing
            if kept_since_us is not None and inquiry.times_us[place] < kept_since_us
        }
        reason = (
            f"Camera {question.camera_id} is encoded separately for each client: node"
            f" {self._node_id} has other pictures of the same time."
        )
        if past:
            reason = (
                f"These pictures are past what node {self._node_id} keeps: it has no room for"
                " anything older than its oldest recordings."
            )
        return tuple(sorted(past.union(found.foreign))), reason

    def _commit(self, effect: promise.Commit, inquiry: Inquiry) -> promise.Event:
        try:
            self._holdings.promise(map(UUID, effect.segments), self._clock.utc_us())
        except ArchiveError as failure:
            return promise.Failed(inquiry.question.nonce, str(failure))
        return promise.Committed(effect.nonce)


def _wanted(inquiry: Inquiry) -> Wanted:
    question = inquiry.question
    pictures = [
        Dated(identity, time_us)
        for identity, time_us in zip(question.identities, inquiry.times_us, strict=True)
    ]
    return Wanted(question.camera_id, question.stream, pictures)


def _refusal(nonce: str, reason: str) -> Answer:
    return Answer(nonce, promised=False, reason=reason)
