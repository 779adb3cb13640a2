"""Filing what was fetched from another node: as segments of this one, in a recorder's order.

The whole file of the peer is fetched and verified first: its hash tells what a fragment by itself
cannot, such as times that were changed. A file that is still being written has no hash; of it the
identities of all frames are verified alone, and what was looked through before is not fetched
again. What is kept of it are the fragments with pictures that
this node lacks, each stretch a segment with an id of its own. Until then it lies in a file without
a name, which a crash leaves nothing of. Blocking.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from uuid import uuid4

from tandem.archive.errors import DiskError, DiskFailedError, disk_error
from tandem.archive.export.local import FileBytes
from tandem.archive.export.tables import Placed
from tandem.archive.inspection import content, inspect
from tandem.archive.layout import segment_path
from tandem.archive.loss_book import LossBook
from tandem.archive.mount import Mounted
from tandem.archive.rows import Closing, Gap, GapCause, Progress, Role, Segment, State
from tandem.archive.segment_file import SegmentFile
from tandem.media.losses import ReorderedLosses, losses_us
from tandem.media.mp4.fragment import StoredSample
from tandem.media.mp4.init import InitSegment, init_segment
from tandem.media.mp4.mfra import mfra
from tandem.media.units import VIDEO_CLOCK_HZ
from tandem.node.archivist.contents import Contents, contents_of, opened, part_bytes, verify
from tandem.node.archivist.errors import ArchivistError, PeerLiesError, UnsoundError
from tandem.node.archivist.holdings import Holdings, Wanted

MARGIN_US: Final = 1_000_000
"""Beyond the moment from which this node has the pictures itself: clocks are some milliseconds
apart, and a picture that both have costs nothing but its bytes."""


_LOSSES_FILED: Final = 6
"""Losses in a row of what is filed that are entered one by one: a minute is fetched at a time, and
its recorder entered as many of a minute, as a rule."""


class NamelessFile:
    """A file on a volume that has no name and ends with its descriptor.

    Closing waits for whoever uses it: a thread goes on when the task that waits for it is
    cancelled, and would write to whatever file has the descriptor by then.

    Args:
        mounted: the volume.

    Raises:
        DiskError: it cannot be made.
    """

    def __init__(self, mounted: Mounted) -> None:
        self._disk = mounted.volume.disk
        self._mounted = mounted
        self._using = threading.Lock()
        try:
            self._fd = mounted.volume.open_file(PurePosixPath(), os.O_TMPFILE | os.O_RDWR)
        except OSError as error:
            raise disk_error(error, f"fetching to {mounted.volume.root}") from error

    @contextmanager
    def use(self) -> Iterator[int]:
        """The descriptor, which nobody closes for as long as the context lasts.

        Raises:
            ArchivistError: it is closed, or its volume is being let go of.
        """
        with self._using:
            if self._fd < 0 or self._mounted.loans.is_over:
                raise ArchivistError("What was being fetched has been given up.")
            yield self._fd

    def write(self, data: bytes, offset: int) -> None:
        """Write all of some bytes at a place.

        Raises:
            DiskError: the disk does not take them.
        """
        with self.use() as fd:
            try:
                while data:
                    written = os.pwrite(fd, data, offset)
                    data, offset = data[written:], offset + written
            except OSError as error:
                raise disk_error(error, "writing what was fetched") from error

    def close(self) -> None:
        """Let go of it, and of its space; harmless when repeated."""
        with self._using:
            if self._fd >= 0:
                self._disk.close(self._fd)
                self._fd = -1


class Looked(NamedTuple):
    """How far a segment of another node was looked through.

    Attributes:
        until_us: nothing lacks here that is before.
        init_bytes: size of its init segment.
        resume_bytes: the fragment to go on from: one that can be decoded by itself.
    """

    until_us: int
    init_bytes: int
    resume_bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A segment of another node, or what was written to it since it was looked through.

    Attributes:
        node_id: whose it is.
        row: what that node says of it.
        file: its bytes, at their places, on the volume where its parts will be filed.
        until_us: pictures that are much later are not wanted: this node records them itself.
        looked: how far it was looked through before; the fragments up to there are not in `file`.
    """

    node_id: str
    row: Segment
    file: NamelessFile
    until_us: int | None = None
    looked: Looked | None = None


class Filed(NamedTuple):
    """What became of a segment of another node.

    Attributes:
        segments: of this node, closed; none where nothing lacked.
        looked: how far it is looked through now.
    """

    segments: list[Segment]
    looked: Looked


def file_lacking(fetched: Fetched, holdings: Holdings, mounted: Mounted, role: Role) -> Filed:
    """File what this node lacks of a segment.

    Args:
        fetched: the segment.
        holdings: what this node has.
        mounted: where to file it.
        role: of the copies of this node, by the placement.

    Raises:
        PeerLiesError: it is not what the peer says it is; nothing is kept.
        DiskError: it cannot be filed.
    """
    with fetched.file.use() as fd:
        name = f"Segment {fetched.row.segment_id} of node {fetched.node_id}"
        file = FileBytes(fd, name)
        contents = _verified(file, fetched, name)
        _check_header(contents.init, fetched.row, mounted, name)
        missing = _missing(contents, fetched, holdings)
        filing = _Filing(mounted, holdings, fetched.row, role)
        segments = [
            filing.file(file, contents.init, stretch, following(contents, stretch))
            for stretch in stretches(contents, missing)
        ]
        return Filed(segments, _looked(contents, fetched))


def _verified(file: FileBytes, fetched: Fetched, name: str) -> Contents:
    looked, row = fetched.looked, fetched.row
    hash_ = row.hash if row.state is State.CLOSED and looked is None else None
    try:
        contents = contents_of(file, looked.resume_bytes if looked else 0)
        verify(file, contents, hash_, name)
    except UnsoundError as problem:
        raise PeerLiesError(
            f"{name} came otherwise than it was recorded, and nothing of it is kept. {problem}"
        ) from problem
    return contents


def _missing(contents: Contents, fetched: Fetched, holdings: Holdings) -> list[int]:
    """Places of the pictures to file, in the order of the file."""
    until_us = fetched.until_us
    places = [
        place
        for place, picture in enumerate(contents.pictures)
        if until_us is None or picture.time_us < until_us + MARGIN_US
    ]
    if not places:
        return []
    pictures = [contents.pictures[place] for place in places]
    wanted = Wanted(fetched.row.camera_id, fetched.row.stream, pictures)
    return [places[at] for at in holdings.lacking(wanted)]


def _looked(contents: Contents, fetched: Fetched) -> Looked:
    until_us = fetched.row.end_us
    if fetched.until_us is not None:
        until_us = min(until_us, fetched.until_us)
    resume_bytes = fetched.looked.resume_bytes if fetched.looked else contents.init.init_bytes
    for part in contents.parts:
        video = part.table.video
        if video and video[0].is_keyframe and _time_us(video[0]) < until_us:
            resume_bytes = part.offset
    return Looked(until_us, contents.init.init_bytes, resume_bytes)


def _time_us(picture: StoredSample) -> int:
    return picture.dts * 1_000_000 // VIDEO_CLOCK_HZ


def stretches(contents: Contents, missing: Sequence[int]) -> list[list[Placed]]:
    """The fragments to keep, so that each stretch of them can be decoded by itself. Pure.

    Args:
        contents: of a segment.
        missing: places of the pictures in it that are wanted.

    Returns:
        Fragments with wanted pictures; those before, back to a keyframe; sound that follows.
    """
    wanted = {contents.pictures[place].part for place in missing}
    chosen: set[int] = set()
    is_needed = False
    for number in reversed(range(len(contents.parts))):
        is_needed = is_needed or number in wanted
        if is_needed:
            chosen.add(number)
        video = contents.parts[number].table.video
        if video and video[0].is_keyframe:
            is_needed = False
    for number, part in enumerate(contents.parts):
        if not part.table.video and number - 1 in chosen:
            chosen.add(number)
    by_stretch = groupby(enumerate(sorted(chosen)), key=lambda pair: pair[1] - pair[0])
    return [[contents.parts[number] for _, number in stretch] for _, stretch in by_stretch]


def following(contents: Contents, stretch: Sequence[Placed]) -> StoredSample | None:
    """The picture behind a stretch, which tells whether packets were lost right after it. Pure."""
    behind = (part for part in contents.parts if part.offset > stretch[-1].offset)
    return next((part.table.video[0] for part in behind if part.table.video), None)


class _Filing:
    """One stretch of fragments on its way to a segment: row, file, sync, hash (A2 to A5)."""

    def __init__(self, mounted: Mounted, holdings: Holdings, theirs: Segment, role: Role) -> None:
        self._mounted = mounted
        self._holdings = holdings
        self._theirs = theirs
        self._role = role

    def file(
        self,
        source: FileBytes,
        init: InitSegment,
        parts: Sequence[Placed],
        behind: StoredSample | None,
    ) -> Segment:
        row = self._row(parts[0])
        with self._holdings.changing:
            self._mounted.index.begin(row)
        try:
            closing = self._write(row, source, init, parts)
            with self._holdings.changing:
                losses = _losses(row, parts, behind)
                self._mounted.index.sync_round(closings=[closing], gaps=losses)
        except DiskError:
            self._undo(row)
            raise
        step = closing.progress
        return replace(row, end_us=step.end_us, durable_bytes=step.durable_bytes)

    def _row(self, first: Placed) -> Segment:
        segment_id = uuid4()
        picture = first.table.video[0] if first.table.video else None
        start_us = _time_us(picture) if picture else self._theirs.start_us
        path = segment_path(self._theirs.camera_id, self._theirs.stream, start_us, segment_id)
        return Segment(
            segment_id=segment_id,
            camera_id=self._theirs.camera_id,
            stream=self._theirs.stream,
            path=path,
            role=self._role,
            start_us=start_us,
            end_us=start_us,
            writer_id=self._mounted.writer.writer_id,
        )

    def _write(
        self, row: Segment, source: FileBytes, init: InitSegment, parts: Sequence[Placed]
    ) -> Closing:
        volume = self._mounted.volume
        header = replace(
            init.header,
            node_id=volume.identity.node_id,
            segment_id=str(row.segment_id),
            start_us=row.start_us,
        )
        file = SegmentFile.create(volume, row.path)
        try:
            file.append([init_segment(init.video, init.audio, header)])
            for part in parts:
                file.append([source.read(part.offset, part_bytes(part))])
            with opened(volume, row) as fd:
                scanned = inspect(fd, file.size_bytes)
            sealed = file.close([mfra(scanned.sync_points)])
        except OSError as error:
            raise disk_error(error, f"filing {volume.root / row.path}") from error
        except UnsoundError as problem:
            raise DiskFailedError(str(problem)) from problem
        finally:
            file.abandon()
        held = content(scanned, row.start_us)
        step = Progress(row.segment_id, held.end_us, sealed.size_bytes, held.frames, held.keyframes)
        return Closing(step, sealed.hash)

    def _undo(self, row: Segment) -> None:
        """Leave nothing behind; what a failing disk does not let go, recovery finds by its row."""
        with suppress(DiskError, OSError), self._holdings.changing:
            self._mounted.volume.unlink([row.path])
            self._mounted.index.forget([row.segment_id])


def _losses(row: Segment, parts: Sequence[Placed], behind: StoredSample | None) -> list[Gap]:
    """What the other node lost of what is filed, as its recorder told it.

    That what is behind the last picture was lost stands with the next one.
    """
    pictures = [picture for part in parts for picture in part.table.video]
    pictures += [behind] if behind else []
    follow_loss = [picture.follows_loss for picture in pictures]
    if any(picture.composition_offset for picture in pictures):
        shown = [picture.dts + picture.composition_offset for picture in pictures]
        until = behind.dts if behind else None
        lost = ReorderedLosses().push(shown, follow_loss, until)
    else:
        lost = losses_us([picture.dts for picture in pictures], follow_loss)
    book = LossBook(_LOSSES_FILED)
    entered = {one.from_us: one for loss in lost for one in book.add([loss], loss[1])}
    of_stream = row.camera_id, row.stream
    return [
        Gap(*of_stream, from_us, to_us, GapCause.PACKETS_LOST, detail)
        for from_us, to_us, detail in entered.values()
    ]


def _check_header(init: InitSegment, row: Segment, mounted: Mounted, name: str) -> None:
    header = init.header
    said = (str(row.segment_id), row.camera_id, row.stream)
    if (header.segment_id, header.camera_id, header.stream) != said:
        raise PeerLiesError(
            f"{name} was listed for camera {row.camera_id}, and what came is segment "
            f"{header.segment_id} of camera {header.camera_id}. Nothing of it is kept."
        )
    if header.cluster_number != mounted.volume.identity.cluster_number:
        raise PeerLiesError(
            f"{name} was recorded by cluster {header.cluster_number}. Nothing of it is kept."
        )
