"""One segment while it is being written: its file, and what its row will say. Blocking."""

from contextlib import suppress
from uuid import uuid4

from tandem.archive.errors import ArchiveError
from tandem.archive.layout import segment_path
from tandem.archive.mount import Mounted
from tandem.archive.rows import Closing, Progress, Segment
from tandem.archive.segment_file import SegmentFile
from tandem.media.fragmenter import Fragment
from tandem.media.mp4.fragment import fragment as fragment_buffers
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.recording.camera import StreamOrder


class OpenSegment:
    """A segment from its row in the index to its closing hash.

    Args:
        mounted: the volume where the file will lie.
        order: whose pictures they are.
        first: the fragment that begins it; written when this returns.

    Attributes:
        segment_id: unique everywhere.
        end_us: capture time at which the last fragment that was appended ends.
        durable_end_us: the same of the last one that is on the disk.
        is_open: neither closed nor given up.

    Raises:
        DiskError: neither row nor file can be made.
    """

    def __init__(self, mounted: Mounted, order: StreamOrder, first: Fragment) -> None:
        volume = mounted.volume
        self.order = order
        self.segment_id = uuid4()
        self.end_us = self.durable_end_us = first.start_us
        self._frames = 0
        self._fragments = 0
        self._keyframes: list[SyncPoint] = []
        path = segment_path(order.camera_id, order.stream, first.start_us, self.segment_id)
        header = SegmentHeader(
            cluster_number=volume.identity.cluster_number,
            node_id=volume.identity.node_id,
            camera_id=order.camera_id,
            stream=order.stream,
            segment_id=str(self.segment_id),
            start_us=first.start_us,
        )
        # Invariant A2: the row is there before the file is, so that recovery finds every file.
        mounted.index.begin(
            Segment(
                segment_id=self.segment_id,
                camera_id=order.camera_id,
                stream=order.stream,
                path=path,
                role=order.role,
                start_us=first.start_us,
                end_us=first.start_us,
                writer_id=mounted.writer.writer_id,
            )
        )
        self.is_open = True
        try:
            self._file = SegmentFile.create(volume, path)
            try:
                self._file.append([init_segment(first.video_config, first.audio_config, header)])
                self.append(first)
            except BaseException:
                self._file.abandon()
                raise
        except BaseException:
            # It could not begin: neither file nor row stays, if the disk lets them go.
            with suppress(ArchiveError, OSError):  # else recovery does it
                volume.unlink([path])
                mounted.index.forget([self.segment_id])
            raise

    @property
    def has_keyframe(self) -> bool:
        """Whether it begins with one: with the first keyframe behind others a new one begins."""
        return bool(self._keyframes)

    @property
    def is_dirty(self) -> bool:
        """Whether something was appended that is not on the disk yet."""
        return self._file.durable_bytes < self._file.size_bytes

    def append(self, fragment: Fragment) -> None:
        """Write one fragment behind the others, whole or not at all.

        Raises:
            DiskFullError: no room; the segment is as it was before.
            SuspectSegmentError: the disk failed; nothing more may be written here.
        """
        offset = self._file.size_bytes
        self._file.append(fragment_buffers(self._fragments + 1, fragment.video, fragment.audio))
        self._fragments += 1
        self._frames += len(fragment.video)
        if fragment.begins_with_keyframe:
            first = fragment.video[0]
            self._keyframes.append(SyncPoint(first.dts + first.composition_offset, offset))
        self.end_us = fragment.end_us

    def sync(self) -> Progress:
        """Force everything to the disk; returns what the row may now claim (invariant A4).

        Raises:
            SuspectSegmentError: the disk could not.
        """
        durable_bytes = self._file.sync()
        self.durable_end_us = self.end_us
        return self._progress(durable_bytes)

    def close(self) -> Closing:
        """Write the closing index, force it to the disk, and hash.

        Raises:
            DiskFullError: no room for the closing index; it stays open for recovery to close.
            SuspectSegmentError: the disk failed.
        """
        sealed = self._file.close([mfra(self._keyframes)])
        self.durable_end_us = self.end_us
        self.is_open = False
        return Closing(self._progress(sealed.size_bytes), sealed.hash)

    def give_up(self) -> Closing:
        """The disk failed on it: what was durable stays, and nothing else is ever claimed."""
        self.leave()
        self.end_us = self.durable_end_us
        return Closing(self._progress(self._file.durable_bytes), None)

    def leave(self) -> None:
        """Let go of the file without another word; recovery finishes it."""
        self._file.abandon()
        self.is_open = False

    def _progress(self, durable_bytes: int) -> Progress:
        return Progress(
            self.segment_id, self.end_us, durable_bytes, self._frames, len(self._keyframes)
        )
