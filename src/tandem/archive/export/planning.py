"""From a request to all that is to be written: which frames, from where, in which files."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tandem.archive.coverage import clip, coverage
from tandem.archive.errors import ArchiveError
from tandem.archive.export.assembly import Assembly
from tandem.archive.export.families import covered_us, find_families, keyframe_times
from tandem.archive.export.layout import FileLayout, lay_out
from tandem.archive.export.reader import Catalogue, RunReader
from tandem.archive.export.runs import Entry, Run, find_runs
from tandem.archive.export.source import SegmentSource, Unreachable
from tandem.archive.export.timeline import MARGIN_US, Batch, join
from tandem.archive.export.trim import Trimmer
from tandem.archive.export.turns import Turn, plan_turns
from tandem.archive.export.units import GAP_US
from tandem.archive.rows import Gap, Interval, Role, Segment

_LOOK_BACK_US = (MARGIN_US, 600_000_000 + MARGIN_US, 3_600_000_000 + MARGIN_US)
"""How far before the beginning to look for its keyframe: as a rule its own segment has one; a
camera that sends them seldom may need more."""

_SOUND_BEFORE_US = 10_000_000
"""How much sound before the beginning is kept until it is known which picture is shown first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted.

    Attributes:
        camera_id: the camera.
        stream: which of its streams.
        wanted: from when to when, UTC.
        target: the file; further ones get a number before the ending.
        unreachable: copies that are known to be out of reach.
        replaces: files that are at the target already give way, once the new ones are complete.
    """

    camera_id: str
    stream: str
    wanted: Interval
    target: Path
    unreachable: Sequence[Unreachable] = ()
    replaces: bool = False


@dataclass
class Plan:
    """What is to be written.

    Attributes:
        files: one for each target.
        taken: how many pictures come from each source.
        held: how many of them each source has.
        families: numbers of the segments of each encoding, see `families`.
        lost: when pictures are missing in all copies since their packets were lost.
        undecodable: when pictures are there, and the keyframe that they need is not.
    """

    files: list[FileLayout]
    taken: Counter[int]
    held: Counter[int]
    families: list[set[int]]
    lost: Sequence[Interval]
    undecodable: Sequence[Interval]


@dataclass
class Found:
    """What the sources have.

    Attributes:
        catalogue: the segments.
        gaps: what their recorders noted.
        unreachable: the sources that did not answer, and those known before.
    """

    catalogue: Catalogue
    gaps: list[Gap] = field(default_factory=list)
    unreachable: list[Unreachable] = field(default_factory=list)


def find(sources: Sequence[SegmentSource], request: Request) -> Found:
    """Ask every source for what it has; one that does not answer is left out."""
    found = Found(Catalogue(list(sources)), unreachable=list(request.unreachable))
    entries = found.catalogue.entries
    for number, source in enumerate(sources):
        try:
            segments = _segments(source, request)
            found.gaps += source.gaps(request.camera_id, request.stream, *request.wanted)
        except ArchiveError as error:
            found.unreachable.append(Unreachable(source.node_id, str(error)))
            continue
        for segment in sorted(segments, key=lambda one: (one.start_us, one.segment_id)):
            entries.append(Entry(len(entries), number, segment))
    return found


def plan(catalogue: Catalogue, request: Request, on_progress: Callable[[int], None]) -> Plan:
    """Decide what is to be written.

    Args:
        catalogue: what there is; what is learned about it is noted there.
        request: what is wanted.
        on_progress: called with the time up to which the copies are joined, UTC us.

    Returns:
        The plan; without files where there is no picture.
    """
    from_us, to_us = request.wanted
    families = _ranked_families(catalogue)
    assembly = Assembly(catalogue.videos, catalogue.sounds)
    trimmer = Trimmer(from_us, to_us)
    runs: list[Run] = []
    for turn in _turns(catalogue, families):
        first = len(runs)
        runs += find_runs(_entries(catalogue, families[turn.family], turn))
        for batch in _join(catalogue, runs, first):
            taken = batch if len(families) == 1 else _within(batch, turn)
            for row in taken.video:
                for kept in trimmer.push(row):
                    assembly.add_picture(kept, runs)
            for row in taken.audio:
                if from_us - _SOUND_BEFORE_US <= row.time_us < to_us:
                    assembly.add_sound(row)
            if taken.video:
                on_progress(min(max(taken.video[-1].time_us, from_us), to_us))
            if trimmer.is_done or batch.horizon_us > min(turn.to_us, to_us) + 2 * MARGIN_US:
                break
    if trimmer.following is not None:
        assembly.pictures.end_before(trimmer.following)
    parts = assembly.parts
    layouts = lay_out(assembly.pictures, assembly.sound, parts, from_us, to_us)
    return Plan(
        # One may end before: if all that follows its pictures was lost.
        files=[layout for layout in layouts if layout.spans[-1].to_us > from_us],
        taken=sum((part.taken for part in parts), Counter()),
        held=sum((part.held for part in parts), Counter()),
        families=families,
        lost=clip(assembly.pictures.losses, request.wanted),
        undecodable=clip(assembly.undecodable(), request.wanted),
    )


def _segments(source: SegmentSource, request: Request) -> Sequence[Segment]:
    """What a source has over the time that is wanted, and before it since a keyframe."""
    from_us, to_us = request.wanted
    segments: Sequence[Segment] = ()
    for look_back_us in _LOOK_BACK_US:
        segments = source.segments(
            request.camera_id, request.stream, from_us - look_back_us, to_us + MARGIN_US
        )
        if not segments or any(row.keyframes and row.start_us <= from_us for row in segments):
            break
    return segments


def _entries(catalogue: Catalogue, family: set[int], turn: Turn) -> list[Entry]:
    return [
        entry
        for entry in catalogue.entries
        if entry.number in family
        and entry.segment.start_us < turn.to_us + MARGIN_US
        and entry.segment.end_us > turn.from_us - MARGIN_US
    ]


def _join(catalogue: Catalogue, runs: Sequence[Run], first: int) -> Iterator[Batch]:
    """Join the runs from number `first` on; the best copy is the base."""
    numbers = range(first, len(runs))
    ranked = _ranked([entry for run in runs[first:] for entry in run.entries], catalogue)
    feeds = {number: RunReader(catalogue, runs[number]) for number in numbers}
    return join(feeds, {number: ranked.index(runs[number].source) for number in numbers})


def _ranked(entries: Sequence[Entry], catalogue: Catalogue) -> list[int]:
    """The best copy first: the one with most pictures, then the primary's, then by name."""

    def worth(source: int) -> tuple[int, int, str]:
        rows = [one.segment for one in entries if one.source == source]
        primaries = sum(row.role is Role.PRIMARY for row in rows)
        return (-sum(row.frames for row in rows), -primaries, catalogue.sources[source].node_id)

    return sorted({entry.source for entry in entries}, key=worth)


def _ranked_families(catalogue: Catalogue) -> list[set[int]]:
    """The best encoding first: the one with most time, then that of the best copy."""
    families = find_families(catalogue, catalogue.entries)
    ranked = _ranked(catalogue.entries, catalogue)

    def worth(family: set[int]) -> tuple[int, int]:
        entries = [catalogue.entries[number] for number in family]
        return (-covered_us(entries), min(ranked.index(entry.source) for entry in entries))

    return sorted(families, key=worth)


def _turns(catalogue: Catalogue, families: Sequence[set[int]]) -> list[Turn]:
    """Who is shown when, of all that was found: as a rule there is but one family."""
    if not families:
        return []
    everything = Interval(
        min(entry.segment.start_us for entry in catalogue.entries),
        max(entry.segment.end_us for entry in catalogue.entries),
    )
    if len(families) == 1:
        return [Turn(0, *everything)]
    coverages = [
        coverage(
            [
                (entry.segment.start_us, entry.segment.end_us)
                for entry in catalogue.entries
                if entry.number in family
            ],
            GAP_US,
        )
        for family in families
    ]

    def keyframes(family: int, within: Interval) -> list[int]:
        return keyframe_times(catalogue, catalogue.entries, families[family], within)

    return plan_turns(coverages, everything, keyframes)


def _within(batch: Batch, turn: Turn) -> Batch:
    """What of a batch belongs to a turn."""
    return Batch(
        [row for row in batch.video if turn.from_us <= row.decode_us < turn.to_us],
        [row for row in batch.audio if turn.from_us <= row.decode_us < turn.to_us],
        batch.horizon_us,
    )
