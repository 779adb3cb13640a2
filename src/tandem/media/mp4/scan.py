"""What of a segment file is whole: after a crash, and for an index that is built from the files.

A file is written front to back, so what a crash leaves behind is a whole beginning and a torn end.
After a power cut the file may have its size while blocks inside read as zeros; there the identities
of the samples tell, which were hashed from what the camera sent.
"""

from dataclasses import dataclass

from tandem.media.mp4.boxes import Buffer, LaterVersionError, Mp4Error, read_box
from tandem.media.mp4.fragment import FragmentTable, StoredSample, parse_fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.identity import audio_identity, video_identity
from tandem.media.mp4.init import parse_init
from tandem.media.mp4.mfra import SyncPoint, parse_mfra
from tandem.media.units import AudioConfig, Codec, VideoConfig


@dataclass(frozen=True, slots=True)
class TrackSpan:
    """Where the samples of one track of a fragment lie in time, in ticks since 1970.

    Attributes:
        sample_count: at least 1.
        first_dts: decode time of the first sample.
        end_dts: end of the last sample in decode order.
        first_pts: earliest presentation time.
        end_pts: latest end of presentation.
    """

    sample_count: int
    first_dts: int
    end_dts: int
    first_pts: int
    end_pts: int


@dataclass(frozen=True, slots=True)
class FragmentEntry:
    """A whole fragment.

    Attributes:
        offset: of its `moof` in the file.
        size: of `moof` and `mdat` together, in bytes.
        keyframe_pts: presentation time of its first picture, None where that is not a keyframe.
        video: None where it has no pictures.
        audio: None where it has no sound.
    """

    offset: int
    size: int
    keyframe_pts: int | None
    video: TrackSpan | None
    audio: TrackSpan | None

    @property
    def begins_with_keyframe(self) -> bool:
        """Whether it can be decoded by itself."""
        return self.keyframe_pts is not None


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file has.

    Attributes:
        init_bytes: size of the init segment, 0 where it is torn or not Tandem's.
        header: whose recording it is; None where there is no init segment.
        video: how to decode the video track; None where there is no init segment.
        audio: how to decode the audio track; None where there is none.
        fragments: the whole ones up to the first that is torn.
        whole_bytes: where to cut the file off so that all that remains is whole. All of a file that
            a later release wrote: what cannot be judged must not be cut.
        closed: the index of keyframes is there, and right: the file was closed in order.
        problem: why not all of the file is known to be whole; None where it is.
    """

    init_bytes: int
    header: SegmentHeader | None
    video: VideoConfig | None
    audio: AudioConfig | None
    fragments: list[FragmentEntry]
    whole_bytes: int
    closed: bool
    problem: str | None

    @property
    def sync_points(self) -> list[SyncPoint]:
        """The rows of the index that the file has, or should get."""
        return _sync_points(self.fragments)


def scan(file: Buffer, verify_from: int | None = None) -> Scan:
    """Find out what of a file is whole. Takes linear time, and never raises on any content.

    Args:
        file: all of it.
        verify_from: recompute the identity of every sample in fragments that reach beyond this
            offset, and take those that differ for torn: for what was written since the last
            `fdatasync` before a power cut. None trusts the data.
    """
    view = memoryview(file)
    try:
        init = parse_init(view)
    except LaterVersionError as later:
        return Scan(0, None, None, None, [], len(view), closed=False, problem=str(later))
    except Mp4Error as torn:
        return Scan(0, None, None, None, [], 0, closed=False, problem=str(torn))
    fragments: list[FragmentEntry] = []
    whole_bytes, closed, problem = init.init_bytes, False, None
    try:
        while whole_bytes < len(view) and not closed:
            found = read_box(view, whole_bytes, len(view))
            if found.kind == b"mfra":
                _check_index(view[found.start : found.end], fragments)
                closed = True
                end = found.end
            else:
                table = parse_fragment(view[whole_bytes:])
                end = _end_of_data(view, whole_bytes, table)
                if verify_from is not None and end > verify_from:
                    _verify(view[whole_bytes:end], table, init.video.codec)
                fragments.append(_entry(whole_bytes, end, table))
            whole_bytes = end
    except LaterVersionError as later:
        whole_bytes, problem = len(view), f"unreadable from byte {whole_bytes} on: {later}"
    except Mp4Error as torn:
        problem = f"torn from byte {whole_bytes} on: {torn}"
    if closed and whole_bytes < len(view):
        problem = f"something follows the index of keyframes, from byte {whole_bytes} on"
    return Scan(
        init_bytes=init.init_bytes,
        header=init.header,
        video=init.video,
        audio=init.audio,
        fragments=fragments,
        whole_bytes=whole_bytes,
        closed=closed,
        problem=problem,
    )


def _check_index(mfra: memoryview, fragments: list[FragmentEntry]) -> None:
    if parse_mfra(mfra) != _sync_points(fragments):
        raise Mp4Error("the index of keyframes is not that of this file")


def _sync_points(fragments: list[FragmentEntry]) -> list[SyncPoint]:
    return [SyncPoint(f.keyframe_pts, f.offset) for f in fragments if f.keyframe_pts is not None]


def _end_of_data(view: memoryview, start: int, table: FragmentTable) -> int:
    """Return the offset behind the `mdat` of the fragment at `start`."""
    mdat = read_box(view, start + table.moof_bytes, len(view))
    if mdat.kind != b"mdat" or mdat.end - mdat.body != table.data_bytes:
        raise Mp4Error("the fragment's data is not as long as its table says")
    return mdat.end


def _verify(whole: memoryview, table: FragmentTable, codec: Codec) -> None:
    """Compare what was recorded with what was received; `whole` begins with the `moof`."""
    for row in table.video:
        if video_identity(codec, whole[row.offset : row.offset + row.size]) != row.identity:
            raise Mp4Error(f"the picture of decode time {row.dts} is not what the camera sent")
    for row in table.audio:
        if audio_identity(whole[row.offset : row.offset + row.size]) != row.identity:
            raise Mp4Error(f"the sound of decode time {row.dts} is not what the camera sent")


def _entry(start: int, end: int, table: FragmentTable) -> FragmentEntry:
    first = table.video[0] if table.video else None
    return FragmentEntry(
        offset=start,
        size=end - start,
        keyframe_pts=first.dts + first.composition_offset if first and first.is_keyframe else None,
        video=_span(table.video),
        audio=_span(table.audio),
    )


def _span(rows: list[StoredSample]) -> TrackSpan | None:
    if not rows:
        return None
    return TrackSpan(
        sample_count=len(rows),
        first_dts=rows[0].dts,
        end_dts=rows[-1].dts + rows[-1].duration,
        first_pts=min(row.dts + row.composition_offset for row in rows),
        end_pts=max(row.dts + row.composition_offset + row.duration for row in rows),
    )
