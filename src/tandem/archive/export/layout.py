"""When each frame of a file is shown, and where its bytes lie. Pure.

Gaps are cut out: an hour with a gap of fifty minutes takes ten to watch, and no frozen picture
claims that nothing happened. The result of the export says where each one was. Sound that lies in a
gap is kept: of a gap the longest silent stretch is cut out.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from tandem.archive.export.assembly import Part
from tandem.archive.export.units import GAP_US, UnitTable
from tandem.media.mp4.decode_times import DEEPEST_REORDERING, DecodeTimes
from tandem.media.mp4.progressive import NOTHING, Edit, MovieTrack
from tandem.media.units import VIDEO_CLOCK_HZ, AudioConfig, Codec, VideoConfig

GAP_TICKS = GAP_US * VIDEO_CLOCK_HZ // 1_000_000

CHUNK_TICKS = VIDEO_CLOCK_HZ
"""How much of a track lies together before the other has its turn: a second, as players read."""


class Cut(NamedTuple):
    """A stretch that is left out, in ticks of the pictures since 1970.

    Attributes:
        at: place of the first picture behind it.
        start: its first tick.
        end: the first one after it.
        before: how much is left out by it and all cuts before it.
    """

    at: int
    start: int
    end: int
    before: int


class Chunk(NamedTuple):
    """Frames that lie together in a file.

    Attributes:
        table: whose they are.
        first: place of the first one there.
        end: the place behind the last one.
        codec: of their track.
    """

    table: UnitTable
    first: int
    end: int
    codec: Codec


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the recording that a file shows without a gap.

    Attributes:
        from_us: capture time at which it begins, UTC.
        to_us: capture time at which it ends.
        at_us: where it begins in the file.
    """

    from_us: int
    to_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class FileLayout:
    """One file.

    Attributes:
        part: what goes into it.
        tracks: its tables.
        chunks: its data, in order.
        data_bytes: how much that is.
        spans: what it shows.
    """

    part: Part
    tracks: list[MovieTrack]
    chunks: list[Chunk]
    data_bytes: int
    spans: list[Span]


class _Run(NamedTuple):
    """A track of a file.

    Attributes:
        config: how to decode it.
        table: where its frames are.
        first: place of the first one.
        end: the place behind the last one.
        durations: of each in the file, in ticks of the track.
        composition_offsets: presentation time less decode time of each; empty for none.
        start: when the first one begins in the file, in ticks of the movie.
        edits: what is shown of it.
    """

    config: VideoConfig | AudioConfig
    table: UnitTable
    first: int
    end: int
    durations: "array[int]"
    composition_offsets: "array[int]"
    start: int
    edits: list[Edit]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of a part is shown, in ticks of the pictures since 1970."""

    start: int
    end: int


class _Sound(NamedTuple):
    """What is heard in a file."""

    config: AudioConfig
    table: UnitTable


def lay_out(
    pictures: UnitTable,
    sounds: Mapping[AudioConfig, UnitTable],
    parts: Sequence[Part],
    from_us: int,
    to_us: int,
) -> list[FileLayout]:
    """Lay out the files of an export.

    Args:
        pictures: all of them.
        sounds: all sound, by how it is decoded.
        parts: which pictures belong to which file.
        from_us: what is to be shown, UTC: the picture that stands at that time, and on.
        to_us: the first time that is not shown.
    """
    # Rounded up: the ticks of a picture, rounded down to microseconds, come back as they were.
    from_ticks, to_ticks = (-(-time_us * 9 // 100) for time_us in (from_us, to_us))
    shown = [_shown(pictures, part, from_ticks, to_ticks) for part in parts]
    layouts = []
    for number, part in enumerate(parts):
        ends = shown[number + 1].start if number + 1 < len(parts) else to_ticks
        captured = range(shown[number].start, ends)
        audio = part.audio or _heard(sounds, captured)
        sound = _Sound(audio, sounds[audio]) if audio and audio in sounds else None
        layouts.append(_lay_out_file(pictures, sound, part, shown[number], captured))
    return layouts


def _lay_out_file(
    pictures: UnitTable, sound: _Sound | None, part: Part, shown: _Shown, captured: range
) -> FileLayout:
    cuts = list(_find_cuts(pictures, part, sound.table if sound else None))
    video, line = _pictures(pictures, part, shown, cuts)
    runs = [video]
    if sound is not None:
        runs += _sound(sound, part, captured, shown, line)
    chunks, offsets, data_bytes = _chunks(runs)
    return FileLayout(
        part=part,
        tracks=[_movie_track(run, chunks, offsets) for run in runs],
        chunks=chunks,
        data_bytes=data_bytes,
        spans=_spans(shown, cuts, line),
    )


class _Line:
    """Capture time to time in the file: without what is cut out, from the first decode time."""

    def __init__(self, base: int, cuts: Sequence[Cut]) -> None:
        self._base = base
        self._ends = [cut.end for cut in cuts]
        self._before = [0, *(cut.before for cut in cuts)]

    def at(self, ticks: int) -> int:
        """When something is shown that was captured then."""
        passed = bisect_left(self._ends, ticks + 1)
        return ticks - self._base - self._before[passed]


def _shown(pictures: UnitTable, part: Part, from_ticks: int, to_ticks: int) -> _Shown:
    """The picture that stands at `from_ticks`, or the first that can be decoded; and the end."""
    start: int | None = None
    later: list[int] = []
    for at in range(part.first, part.end):
        ticks = pictures.shown[at]
        if ticks > from_ticks:
            later.append(ticks)
            if len(later) > 2 * DEEPEST_REORDERING:
                break
        elif start is None or ticks > start:
            start = ticks
    if start is None:
        start = min(later)
    if part.keyframe is not None:
        start = max(start, pictures.shown[part.keyframe])
    return _Shown(start, max(start + 1, min(pictures.end(part.first, part.end), to_ticks)))


def _find_cuts(pictures: UnitTable, part: Part, sound: UnitTable | None) -> Iterator[Cut]:
    total = 0
    first = part.first
    for at in pictures.holes:
        if not part.first < at < part.end:
            continue
        behind = pictures.shown[at : min(part.end, at + 2 * DEEPEST_REORDERING)]
        start, end = _longest_silence(sound, pictures.end(first, at), min(behind))
        if end - start > GAP_TICKS:
            total += end - start
            first = at
            yield Cut(at, start, end, total)


def _longest_silence(sound: UnitTable | None, start: int, end: int) -> tuple[int, int]:
    """The longest stretch between two times in which nothing is heard."""
    edges = [start]
    if sound is not None:
        rate = sound.rate_hz
        first = bisect_left(sound.shown, start * rate // VIDEO_CLOCK_HZ)
        for at in range(max(first - 1, 0), len(sound)):
            begins = sound.shown[at] * VIDEO_CLOCK_HZ // rate
            if begins >= end:
                break
            ends = begins + min(sound.durations[at] * VIDEO_CLOCK_HZ // rate, GAP_TICKS)
            if ends > start:
                edges += [max(begins, start), min(ends, end)]
    edges.append(end)
    return max(zip(edges[::2], edges[1::2], strict=True), key=lambda edge: edge[1] - edge[0])


def _pictures(
    pictures: UnitTable, part: Part, shown: _Shown, cuts: Sequence[Cut]
) -> tuple[_Run, _Line]:
    """Give the pictures of a part their times in the file.

    Decode times are derived anew from the presentation times, since each copy derived its own from
    the pictures that it had.
    """
    line = _Line(0, cuts)
    times = pictures.shown[part.first : part.end]
    if cuts:
        times = array("q", [line.at(ticks) for ticks in times])
    order = DecodeTimes(part.video.reorder_depth)
    order.foresee(times if part.video.reorder_depth is None else times[: 2 * DEEPEST_REORDERING])
    dts = array("q", [order.push(ticks) for ticks in times])
    durations = array("I", [after - before for before, after in pairwise(dts)])
    durations.append(max(1, pictures.durations[part.end - 1]))
    line = _Line(dts[0], cuts)
    start, end = line.at(shown.start), line.at(shown.end)
    run = _Run(
        config=part.video,
        table=pictures,
        first=part.first,
        end=part.end,
        durations=durations,
        composition_offsets=array("i", [pts - at for pts, at in zip(times, dts, strict=True)]),
        start=0,
        edits=[Edit(end - start, start)],
    )
    return run, line


def _heard(sounds: Mapping[AudioConfig, UnitTable], captured: range) -> AudioConfig | None:
    """What most is heard of in a time, be it that of copies whose pictures are not taken."""
    frames = {audio: len(_frames(table, captured)) for audio, table in sounds.items()}
    return max(frames, key=lambda audio: frames[audio], default=None)


def _frames(sound: UnitTable, captured: range) -> range:
    """Places of the frames that begin in a time."""
    first = bisect_left(sound.shown, captured.start * sound.rate_hz // VIDEO_CLOCK_HZ)
    end = bisect_left(sound.shown, captured.stop * sound.rate_hz // VIDEO_CLOCK_HZ, first)
    return range(first, end)


def _sound(heard: _Sound, part: Part, captured: range, shown: _Shown, line: _Line) -> list[_Run]:
    """What is heard: every frame that begins in time; of the first file also the one before."""
    audio, sound = heard
    rate = sound.rate_hz
    frames = _frames(sound, captured)
    first, end = frames.start, frames.stop
    if part.first == 0 and first > 0:
        ends = sound.shown[first - 1] + sound.durations[first - 1]
        first -= ends * VIDEO_CLOCK_HZ // rate > captured.start
    if first == end:
        return []
    times = [line.at(ticks * VIDEO_CLOCK_HZ // rate) for ticks in sound.shown[first:end]]
    begins = [time * rate // VIDEO_CLOCK_HZ for time in times]
    # One that goes back must not make all that follow it late.
    forth = accumulate(begins, lambda before, at: max(before + 1, at))
    steps = array("I", [after - before for before, after in pairwise(forth)])
    steps.append(max(1, sound.durations[end - 1]))
    ends = times[0] + sum(steps) * VIDEO_CLOCK_HZ // rate
    edits = _sound_edits(rate, times[0], min(ends, line.at(shown.end)), line.at(shown.start))
    return [_Run(audio, sound, first, end, steps, array("i"), times[0], edits)]


def _sound_edits(rate: int, begins: int, ends: int, zero: int) -> list[Edit]:
    """Where sound begins and ends beside pictures that are shown from `zero` on."""
    if begins > zero:
        return [Edit(begins - zero, NOTHING), Edit(max(1, ends - begins), 0)]
    return [Edit(max(1, ends - zero), (zero - begins) * rate // VIDEO_CLOCK_HZ)]


def _chunks(runs: Sequence[_Run]) -> tuple[list[Chunk], list[int], int]:
    """Cut the tracks into chunks, by turns; return them, where each lies, and their size."""
    pieces = sorted(
        ((start, chunk) for run in runs for start, chunk in _pieces(run)),
        key=lambda piece: piece[0],
    )
    chunks = [chunk for _, chunk in pieces]
    offsets: list[int] = []
    total = 0
    for table, first, end, _ in chunks:
        offsets.append(total)
        total += sum(table.sizes[first:end])
    return chunks, offsets, total


def _pieces(run: _Run) -> Iterator[tuple[int, Chunk]]:
    """A second of a track each, and when it begins."""
    longest = CHUNK_TICKS * run.table.rate_hz // VIDEO_CLOCK_HZ
    begun = run.first
    passed = elapsed = 0
    for at, duration in enumerate(run.durations, run.first + 1):
        elapsed += duration
        if elapsed >= longest or at == run.end:
            start = run.start + passed * VIDEO_CLOCK_HZ // run.table.rate_hz
            yield start, Chunk(run.table, begun, at, run.config.codec)
            begun = at
            passed += elapsed
            elapsed = 0


def _movie_track(run: _Run, chunks: list[Chunk], offsets: list[int]) -> MovieTrack:
    table, first, end = run.table, run.first, run.end
    own = [
        (offset, chunk.end - chunk.first)
        for chunk, offset in zip(chunks, offsets, strict=True)
        if chunk.table is table
    ]
    return MovieTrack(
        config=run.config,
        durations=run.durations,
        sizes=table.sizes[first:end],
        composition_offsets=run.composition_offsets,
        keyframes=array("I", [at for at, key in enumerate(table.keyframes[first:end], 1) if key]),
        chunk_offsets=array("Q", [offset for offset, _ in own]),
        chunk_samples=array("I", [samples for _, samples in own]),
        edits=run.edits,
    )


def _spans(shown: _Shown, cuts: Sequence[Cut], line: _Line) -> list[Span]:
    edges = [shown.start]
    for cut in cuts:
        if shown.start < cut.start and cut.end < shown.end:
            edges += [cut.start, cut.end]
    edges.append(shown.end)
    zero = line.at(shown.start)
    return [
        Span(start * 100 // 9, end * 100 // 9, (line.at(start) - zero) * 100 // 9)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
