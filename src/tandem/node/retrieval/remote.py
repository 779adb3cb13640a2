"""The volumes of a node as a source of exports, read through its archivist.

Tables are small and far apart: each is fetched by itself. Media data is read nearly in order, so it
is fetched in pieces ahead of the reader. What fails is tried again for a few seconds, long enough
for an archivist to be started anew; then the node is lost for the rest of the export.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from random import Random
from typing import Final, TypeVar
from uuid import UUID

from tandem.archive.export.errors import SourceError, SourceLostError
from tandem.archive.export.source import SegmentBytes
from tandem.archive.rows import Extent, Gap, Segment
from tandem.clock import Clock
from tandem.node.archivist.client import HttpsPeers
from tandem.node.archivist.errors import PeerError, PeerUnreachableError
from tandem.node.retrieval.asking import Asking

PIECE_BYTES: Final = 1 << 20
AHEAD: Final = 4
"""Pieces that are asked for before they are needed."""

KEPT: Final = 24
"""Pieces that a node's source keeps: those ahead, and those that sound is read from later than the
pictures beside it."""

SMALL_BYTES: Final = 64 << 10
"""Up to this length a read is taken for that of a table."""

PART_US: Final = 6 * 3_600_000_000
"""How much time is asked for at once: of a list with as many rows as a camera makes in it, far
below the service's limit."""

SLACK_US: Final = 24 * 3_600_000_000
"""How far from what a node says that it has it is asked nevertheless: it goes on recording."""

RETRIES_S: Final = (0.2, 1.0, 2.0)
PATIENCE_US: Final = 30_000_000
"""How long all that fails at one node may take together; a disk that hangs is not waited for with
every frame."""

Answer = TypeVar("Answer")


class RemoteSource:
    """One node of the cluster.

    Args:
        node_id: which.
        extents: of the streams that it knows.
        asking: how it is asked.
        clock: of this node.
        random: jitter of the attempts.

    Attributes:
        outside: gaps that are known without asking it, see `gaps_outside`.
    """

    def __init__(
        self,
        node_id: str,
        extents: Sequence[Extent],
        asking: Asking,
        clock: Clock,
        random: Random,
    ) -> None:
        self.outside: Sequence[Gap] = ()
        self._node_id = node_id
        self._extents = extents
        self._asking = asking
        self._clock = clock
        self._random = random
        self._lost: str | None = None
        self._failed_us = 0
        self._pieces = OrderedDict[tuple[UUID, int], Future[bytes]]()

    @property
    def node_id(self) -> str:
        """The node."""
        return self._node_id

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Segment]:
        """What it has over [from_us, to_us).

        Raises:
            SourceError: it refuses.
            SourceLostError: it does not answer.
        """
        found: dict[UUID, Segment] = {}
        for part in self._parts(camera_id, stream, from_us, to_us):

            async def ask(peers: HttpsPeers, part: tuple[int, int] = part) -> list[Segment]:
                listed = await peers.segments(self._node_id, camera_id, stream, *part)
                return list(listed.segments)

            found |= {segment.segment_id: segment for segment in self._wait(self._begin(ask))}
        return list(found.values())

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Gap]:
        """Why it has nothing at some times.

        Raises:
            SourceError: it refuses.
            SourceLostError: it does not answer.
        """
        found: dict[Gap, None] = {}
        for part in self._parts(camera_id, stream, from_us, to_us):

            async def ask(peers: HttpsPeers, part: tuple[int, int] = part) -> list[Gap]:
                return await peers.gaps(self._node_id, camera_id, stream, *part)

            found |= dict.fromkeys(self._wait(self._begin(ask)))
        return [*found, *self.outside]

    @contextmanager
    def open(self, segment: Segment) -> Iterator[SegmentBytes]:
        """Open a segment that `segments` returned; nothing is asked before it is read."""
        yield _RemoteBytes(self, segment)

    def read(self, segment: Segment, offset: int, length: int) -> bytes:
        """Read from a segment; shorter only at the end of what is durable.

        Raises:
            SourceError: it cannot be read.
            SourceLostError: the node does not answer any more.
        """
        end = min(offset + length, segment.durable_bytes)
        if end <= offset:
            return b""
        numbers = range(offset // PIECE_BYTES, (end - 1) // PIECE_BYTES + 1)
        is_here = all((segment.segment_id, number) in self._pieces for number in numbers)
        if end - offset <= SMALL_BYTES and not is_here:
            return self._wait(self._fetch(segment, offset, end))
        for number in range(numbers.start, numbers.stop + AHEAD):
            self._want(segment, number)
        found = b"".join([self._piece(segment, number) for number in numbers])
        while len(self._pieces) > KEPT:
            self._pieces.popitem(last=False)[1].cancel()
        start = offset - numbers.start * PIECE_BYTES
        return found[start : start + end - offset]

    def _parts(
        self, camera_id: str, stream: str, from_us: int, to_us: int
    ) -> Iterator[tuple[int, int]]:
        """What of a time to ask for, piece by piece: nothing where the node cannot have any."""
        for extent in self._extents:
            if (extent.camera_id, extent.stream) == (camera_id, stream):
                first_us = max(from_us, extent.from_us - SLACK_US)
                end_us = min(to_us, extent.to_us + SLACK_US)
                for start_us in range(first_us, end_us, PART_US):
                    yield start_us, min(start_us + PART_US, end_us)

    def _want(self, segment: Segment, number: int) -> None:
        """See to it that a piece is here or under way."""
        key = segment.segment_id, number
        if key in self._pieces:
            self._pieces.move_to_end(key)
            return
        start = number * PIECE_BYTES
        if start < segment.durable_bytes:
            end = min(start + PIECE_BYTES, segment.durable_bytes)
            self._pieces[key] = self._fetch(segment, start, end)

    def _piece(self, segment: Segment, number: int) -> bytes:
        key = segment.segment_id, number
        try:
            return self._wait(self._pieces[key])
        except SourceError:
            del self._pieces[key]
            raise

    def _fetch(self, segment: Segment, start: int, end: int) -> Future[bytes]:
        async def ask(peers: HttpsPeers) -> bytes:
            return await peers.read(self._node_id, segment.segment_id, start, end - start)

        return self._begin(ask)

    def _begin(self, ask: Callable[[HttpsPeers], Awaitable[Answer]]) -> Future[Answer]:
        if self._lost is not None:
            raise SourceLostError(self._node_id, self._lost)

        async def persist(peers: HttpsPeers) -> Answer:
            for delay_s in RETRIES_S:
                try:
                    return await self._attempt(peers, ask)
                except PeerUnreachableError:
                    if self._failed_us > PATIENCE_US:
                        raise
                    await asyncio.sleep(delay_s * self._random.uniform(0.75, 1.25))
            return await self._attempt(peers, ask)

        return self._asking.begin(persist)

    async def _attempt(
        self, peers: HttpsPeers, ask: Callable[[HttpsPeers], Awaitable[Answer]]
    ) -> Answer:
        began_us = self._clock.boot_us()
        try:
            return await ask(peers)
        except PeerError:
            self._failed_us += self._clock.boot_us() - began_us
            raise

    def _wait(self, answer: Future[Answer]) -> Answer:
        try:
            return answer.result()
        except PeerUnreachableError as problem:
            self._lost = str(problem)
            raise SourceLostError(self._node_id, self._lost) from problem
        except PeerError as problem:
            if self._failed_us > PATIENCE_US:
                self._lost = f"Node {self._node_id} failed for too long. {problem}"
                raise SourceLostError(self._node_id, self._lost) from problem
            raise SourceError(str(problem)) from problem


class _RemoteBytes:
    """A segment of another node."""

    def __init__(self, source: RemoteSource, segment: Segment) -> None:
        self._source = source
        self._segment = segment

    @property
    def size_bytes(self) -> int:
        """What is durable of it."""
        return self._segment.durable_bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read at a place; see `SegmentBytes.read`."""
        return self._source.read(self._segment, offset, length)
