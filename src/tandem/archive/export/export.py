"""An export from beginning to end: find, plan, copy, tell."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tandem.archive.coverage import coverage, split_losses
from tandem.archive.disk import SYSTEM_DISK, Disk
from tandem.archive.export.copying import Copier, OpenSegments
from tandem.archive.export.errors import ExportError, NothingRecordedError, SourceLostError
from tandem.archive.export.layout import FileLayout
from tandem.archive.export.missing import MissingSpan, find_missing
from tandem.archive.export.output import OutputFile, Outputs, check_target
from tandem.archive.export.planning import Found, Plan, Request, find, plan
from tandem.archive.export.result import CopyShare, ExportedFile, ExportResult, rfc3339
from tandem.archive.export.source import SegmentSource, Unreachable
from tandem.archive.loss_book import ONCE
from tandem.archive.rows import Gap, GapCause
from tandem.media.mp4.boxes import Mp4Error
from tandem.media.mp4.progressive import movie_head

WAITING = "pictures are recorded, but not the keyframe that they need to be shown"
"""Said of a time whose pictures are in no file, or in front of what a file shows."""


class Phase(enum.StrEnum):
    """What an export is at."""

    JOINING = "joining"
    """Reading the tables of all copies; counted in microseconds of the time that is wanted."""
    COPYING = "copying"
    """Writing the files; counted in bytes."""


class Progress(NamedTuple):
    """How far an export is."""

    phase: Phase
    done: int
    total: int


OnProgress = Callable[[Progress], None]
"""May raise `ExportCancelledError`, or anything else, to end the export; nothing is left behind.

Both phases begin anew where frames turn out to be damaged and are to be had elsewhere."""


def export(
    sources: Sequence[SegmentSource],
    request: Request,
    on_progress: OnProgress = lambda _: None,
    disk: Disk = SYSTEM_DISK,
) -> ExportResult:
    """Export a camera's recording, each frame that any copy has exactly once.

    Blocks, for as long as copying takes. A source that is lost on the way is left out, and all is
    planned anew from the others.

    Args:
        sources: places with recordings, one for each node.
        request: what is wanted.
        on_progress: called often, from this thread.
        disk: the system calls for the files that are written.

    Returns:
        What was exported, and what is missing.

    Raises:
        NothingRecordedError: there is no picture in the time that was asked for.
        TargetError: the files cannot be written.
        ExportError: the request makes no sense.
    """
    if request.wanted.from_us >= request.wanted.to_us:
        raise ExportError(
            f"There is no time between {rfc3339(request.wanted.from_us)} and "
            f"{rfc3339(request.wanted.to_us)}. Name an end that is later than the beginning."
        )
    check_target(request.target, replaces=request.replaces)
    while True:
        found = find(sources, request)
        try:
            return _carry_out(found, request, on_progress, disk)
        except SourceLostError as lost:
            sources = [source for source in sources if source.node_id != lost.node_id]
            request = replace(
                request, unreachable=[*request.unreachable, _unreachable(found, lost)]
            )


def _carry_out(found: Found, request: Request, on_progress: OnProgress, disk: Disk) -> ExportResult:
    """Plan and write, until all that is written is sound."""
    from_us, to_us = request.wanted

    def on_joined(time_us: int) -> None:
        on_progress(Progress(Phase.JOINING, time_us - from_us, to_us - from_us))

    while True:
        planned = plan(found.catalogue, request, on_joined)
        missing = _missing(found, planned, request)
        if not planned.files:
            raise NothingRecordedError(_nothing(request, missing, found.unreachable))
        known = len(found.catalogue.unsound)
        files = _write(found, planned.files, request, on_progress, disk)
        if files is not None:
            return _result(found, planned, request, files, missing)
        if len(found.catalogue.unsound) == known:
            raise ExportError("A segment changed while it was read. Export again.")


def target_path(target: Path, number: int) -> Path:
    """The path of the nth file of an export, from 0: FILE.mp4, FILE-2.mp4, and so on."""
    return target if number == 0 else target.with_stem(f"{target.stem}-{number + 1}")


def _write(
    found: Found,
    layouts: Sequence[FileLayout],
    request: Request,
    on_progress: OnProgress,
    disk: Disk,
) -> list[ExportedFile] | None:
    """Write all files; None, and nothing written, where some of the data is not sound."""
    heads = [_head(layout) for layout in layouts]
    sizes = [len(head) + layout.data_bytes for head, layout in zip(heads, layouts, strict=True)]
    targets = [target_path(request.target, number) for number in range(len(layouts))]
    with (
        Outputs(targets, sizes, disk, replaces=request.replaces) as outputs,
        OpenSegments(found.catalogue) as segments,
    ):
        copier = Copier(found.catalogue, segments)
        written = _Written(on_progress, sum(sizes))
        for layout, head, output in zip(layouts, heads, outputs.files, strict=True):
            output.write(head)
            written.add(len(head))
            for chunk in layout.chunks:
                written.add(copier.copy(chunk, output))
        if not copier.is_sound:
            return None
        outputs.complete()
        return [
            _exported(layout, output) for layout, output in zip(layouts, outputs.files, strict=True)
        ]


def _unreachable(found: Found, lost: SourceLostError) -> Unreachable:
    """What a source had that answered at first."""
    catalogue = found.catalogue
    spans = coverage(
        (entry.segment.start_us, entry.segment.end_us)
        for entry in catalogue.entries
        if catalogue.sources[entry.source].node_id == lost.node_id
    )
    return Unreachable(lost.node_id, str(lost), spans)


class _Written:
    """Counts what is written, and tells."""

    def __init__(self, on_progress: OnProgress, total_bytes: int) -> None:
        self._on_progress = on_progress
        self._done_bytes = 0
        self._total_bytes = total_bytes

    def add(self, length: int) -> None:
        self._done_bytes += length
        self._on_progress(Progress(Phase.COPYING, self._done_bytes, self._total_bytes))


def _head(layout: FileLayout) -> bytes:
    try:
        return movie_head(layout.tracks, layout.data_bytes, layout.spans[0].from_us)
    except Mp4Error as error:
        raise ExportError(f"The recording does not fit into an MP4 file: {error}.") from error


def _exported(layout: FileLayout, output: OutputFile) -> ExportedFile:
    video, *audio = layout.tracks
    return ExportedFile(
        path=output.target,
        size_bytes=output.size_bytes,
        blake3=output.hash,
        frames=len(video.sizes),
        keyframes=len(video.keyframes),
        sound_frames=sum(len(track.sizes) for track in audio),
        video_codec=str(video.config.codec),
        audio_codec=str(audio[0].config.codec) if audio else None,
        spans=layout.spans,
    )


def _missing(found: Found, planned: Plan, request: Request) -> list[MissingSpan]:
    spans = [layout.spans for layout in planned.files]
    _, gaps = split_losses(found.gaps)  # what no copy has of them is known picture by picture
    own = (request.camera_id, request.stream)
    gaps += [Gap(*own, *one, GapCause.PACKETS_LOST, ONCE) for one in planned.lost]
    gaps += [Gap(*own, *one, GapCause.KEYFRAME_MISSING, WAITING) for one in planned.undecodable]
    return find_missing(request.wanted, spans, gaps, found.unreachable)


def _nothing(
    request: Request, missing: Sequence[MissingSpan], unreachable: Sequence[Unreachable]
) -> str:
    """Say that nothing was recorded, and why."""
    from_us, to_us = request.wanted
    sentences = [f"Camera {request.camera_id} ({request.stream}) has no recording between"]
    sentences.append(f"{rfc3339(from_us)} and {rfc3339(to_us)}.")
    for one in missing[:3]:
        detail = f" ({one.detail})" if one.detail else ""
        if one.cause is not GapCause.UNKNOWN:
            sentences.append(f"From {rfc3339(one.from_us)} the cause is {one.cause}{detail}.")
    sentences += [f"Node {copy.node_id} cannot be read: {copy.reason}" for copy in unreachable]
    return " ".join(sentences)


def _result(
    found: Found,
    planned: Plan,
    request: Request,
    files: Sequence[ExportedFile],
    missing: Sequence[MissingSpan],
) -> ExportResult:
    catalogue = found.catalogue
    names = [source.node_id for source in catalogue.sources]
    groups = [
        sorted({names[catalogue.entries[number].source] for number in family})
        for family in planned.families
    ]
    return ExportResult(
        camera_id=request.camera_id,
        stream=request.stream,
        wanted=request.wanted,
        files=files,
        copies=[
            CopyShare(name, planned.taken[number], planned.held[number])
            for number, name in enumerate(names)
        ],
        missing=missing,
        unreachable=found.unreachable,
        problems=list(catalogue.problems.values()),
        unsound_frames=len(catalogue.unsound),
        separate_encodings=groups if len(groups) > 1 else [],
    )
