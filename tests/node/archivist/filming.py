"""A scene that is being filmed at this moment, by one node or several: segments that stay open."""

from dataclasses import replace
from uuid import uuid4

from tests.archive.material import CLUSTER, FRAMES, VIDEO
from tests.node.archivist.material import CAMERA, SECOND_US, gop

from tandem.archive.layout import segment_path
from tandem.archive.mount import Mounted
from tandem.archive.rows import Closing, Progress, Role, Segment
from tandem.archive.segment_file import SegmentFile
from tandem.media.mp4.fragment import fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra


class Filming:
    """One segment on its way, as a recorder writes it: a fragment each second.

    Args:
        mounted: where.
        scene_us: when the scene begins; who films the same one has the same pictures.
        first: the second of the scene from which on it is filmed.
        keyframe_s: every how many seconds there is a keyframe.
    """

    def __init__(
        self,
        mounted: Mounted,
        scene_us: int,
        first: int = 0,
        *,
        keyframe_s: int = 1,
        role: Role = Role.PRIMARY,
    ) -> None:
        self._mounted = mounted
        self._scene_us = scene_us
        self._first = self._next = first
        self._keyframe_s = keyframe_s
        self._points: list[SyncPoint] = []
        start_us = scene_us + first * SECOND_US
        segment_id = uuid4()
        path = segment_path(CAMERA, "main", start_us, segment_id)
        writer_id = mounted.writer.writer_id
        self.row = Segment(
            segment_id, CAMERA, "main", path, role, start_us, start_us, writer_id=writer_id
        )
        mounted.index.begin(self.row)
        self._file = SegmentFile.create(mounted.volume, path)
        header = SegmentHeader(CLUSTER, "n1", CAMERA, "main", str(segment_id), start_us)
        self._file.append([init_segment(VIDEO, None, header)])

    def go_on(self, seconds: int) -> "Filming":
        """Write so many seconds more, and make them durable."""
        for at in range(self._next, self._next + seconds):
            samples = gop(f"{self._scene_us}/{at}", self._scene_us, at, is_still=False, size=400)
            if at % self._keyframe_s:
                samples[0] = replace(samples[0], is_keyframe=False)
            else:
                self._points.append(SyncPoint(samples[0].dts, self._file.size_bytes))
            self._file.append(fragment(at - self._first + 1, samples, []))
        self._next += seconds
        self._mounted.index.sync_round([self._progress(self._file.sync())])
        return self

    def close(self) -> Segment:
        """End the segment."""
        sealed = self._file.close([mfra(self._points)])
        self._mounted.index.sync_round(
            closings=[Closing(self._progress(sealed.size_bytes), sealed.hash)]
        )
        found = self._mounted.index.segment(self.row.segment_id)
        assert found is not None
        return found

    def leave(self) -> None:
        """As a recorder that is killed."""
        self._file.abandon()

    def _progress(self, durable_bytes: int) -> Progress:
        return Progress(
            self.row.segment_id,
            self._scene_us + self._next * SECOND_US,
            durable_bytes,
            (self._next - self._first) * FRAMES,
            len(self._points),
        )
