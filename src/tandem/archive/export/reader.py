"""The frames of a run, read as they are wanted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from tandem.archive.export.errors import SourceError
from tandem.archive.export.runs import Entry, Run
from tandem.archive.export.source import SegmentSource
from tandem.archive.export.steady import SteadyTimes
from tandem.archive.export.tables import read_fragments, read_init
from tandem.archive.export.units import Unit, stored_units
from tandem.archive.rows import Segment, State
from tandem.media.mp4.boxes import Mp4Error
from tandem.media.mp4.fragment import FragmentTable
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, VideoConfig

_BESIDE_US = 120_000_000
"""How far from a segment's pictures any frame of it may be: sound that waited for them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A segment that could not be used, or not all of it.

    Attributes:
        node_id: who has it.
        segment_id: which it is.
        path: of its file.
        sentence: what is wrong.
    """

    node_id: str
    segment_id: UUID
    path: str
    sentence: str


@dataclass
class Catalogue:
    """What an export knows of the segments that it reads.

    Attributes:
        sources: where they are, by number.
        entries: all segments, by number.
        videos: how to decode the pictures of a segment, by its number, once it was read.
        sounds: the same for its sound; None where it has none.
        unsound: frames whose bytes are not what was recorded: segment number and offset.
        problems: what could not be read, by segment number.
    """

    sources: list[SegmentSource]
    entries: list[Entry] = field(default_factory=list)
    videos: dict[int, VideoConfig] = field(default_factory=dict)
    sounds: dict[int, AudioConfig | None] = field(default_factory=dict)
    unsound: set[tuple[int, int]] = field(default_factory=set)
    problems: dict[int, Problem] = field(default_factory=dict)

    def note(self, entry: Entry, sentence: str) -> None:
        """Remember what is wrong with a segment; the first word stays."""
        node_id = self.sources[entry.source].node_id
        segment = entry.segment
        problem = Problem(node_id, segment.segment_id, str(segment.path), sentence)
        self.problems.setdefault(entry.number, problem)


class RunReader:
    """Reads the tables of a run in order, and keeps what was not taken yet.

    Args:
        catalogue: what is learned about segments goes there.
        run: what to read.

    Attributes:
        video: pictures that were read and not taken, in decode order.
        audio: sound likewise.
        is_exhausted: there is nothing more to read.
    """

    def __init__(self, catalogue: Catalogue, run: Run) -> None:
        self.video: list[Unit] = []
        self.audio: list[Unit] = []
        self.is_exhausted = False
        self._catalogue = catalogue
        self._run = run
        self._tables = self._read()
        self._times = SteadyTimes()
        self._read_until_us = run.start_us

    @property
    def source(self) -> int:
        """Number of the source that has it: whose clock its times are of."""
        return self._run.source

    @property
    def start_us(self) -> int:
        """When it begins, by that clock."""
        return self._run.start_us

    def read_until(self, time_us: int) -> None:
        """Read all fragments that begin before a time of the run's own clock."""
        while not self.is_exhausted and self._read_until_us < time_us:
            start_us = next(self._tables, None)
            if start_us is None:
                self.is_exhausted = True
            else:
                self._read_until_us = start_us

    def _read(self) -> Iterator[int]:
        """Read a fragment with each step; yields when it begins."""
        for entry in self._run.entries:
            try:
                yield from self._read_segment(entry)
            except (Mp4Error, SourceError) as problem:
                self._catalogue.note(entry, str(problem))

    def _read_segment(self, entry: Entry) -> Iterator[int]:
        catalogue, segment = self._catalogue, entry.segment
        with catalogue.sources[entry.source].open(segment) as file:
            sure_bytes = file.size_bytes
            if segment.state is not State.CLOSED:
                # What was not synced yet may be torn, and on a disk that failed it is not sure.
                sure_bytes = min(sure_bytes, segment.durable_bytes)
            if sure_bytes == 0:
                return
            init = read_init(file)
            catalogue.videos[entry.number] = init.video
            catalogue.sounds[entry.number] = init.audio
            rate_hz = init.audio.sample_rate_hz if init.audio else 1
            tables = read_fragments(
                file, init.init_bytes, sure_bytes, partial(catalogue.note, entry)
            )
            for placed in tables:
                yield self._take(entry, placed.offset, placed.table, rate_hz)

    def _take(self, entry: Entry, offset: int, table: FragmentTable, rate_hz: int) -> int:
        number = entry.number
        pictures = self._times.steady(table.video)
        video = stored_units(pictures, VIDEO_CLOCK_HZ, number, offset)
        audio = stored_units(table.audio, rate_hz, number, offset)
        if not _are_within(entry.segment, [*video, *audio]):
            self._catalogue.note(
                entry,
                f"The fragment at byte {offset} cannot be used: its times are not those of its "
                f"segment. The disk changed them. See `dmesg` and `smartctl -a`.",
            )
            return self._read_until_us
        unsound = self._catalogue.unsound
        if unsound:
            video = [unit for unit in video if (number, unit.offset) not in unsound]
            audio = [unit for unit in audio if (number, unit.offset) not in unsound]
        self.video += video
        self.audio += audio
        return (video or audio)[0].decode_us if video or audio else self._read_until_us


def _are_within(segment: Segment, units: Iterable[Unit]) -> bool:
    """Whether all frames are of about the time of their segment."""
    from_us, to_us = segment.start_us - _BESIDE_US, segment.end_us + _BESIDE_US
    return all(
        from_us < unit.time_us < to_us and from_us < unit.decode_us < to_us for unit in units
    )
