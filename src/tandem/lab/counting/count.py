"""Counting the pictures in recordings, by the marks that cameras put into them."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import av

from tandem.lab.counting.marks import find_mark

_CODECS = ("h264", "hevc")


class CountError(Exception):
    """A file cannot be counted; the message says which and why."""


@dataclass(slots=True)
class FrameCount:
    """The pictures in a sequence of files.

    Attributes:
        numbers: per camera the frame numbers, in the order in which they stand in the files.
        unmarked: pictures without a mark.
    """

    numbers: dict[int, "array[int]"] = field(default_factory=dict)
    unmarked: int = 0


def count_frames(files: Iterable[Path]) -> FrameCount:
    """Read every picture's mark. Nothing is decoded.

    Args:
        files: recordings in any container that FFmpeg reads, in the order of time. Of each, the
            first video track counts.

    Returns:
        What is in them.

    Raises:
        CountError: a file cannot be read to its end, or has no H.264 or H.265 track.
    """
    count = FrameCount()
    for path in files:
        try:
            _count_file(path, count)
        except (av.error.FFmpegError, OSError) as error:
            raise CountError(f"{path} cannot be read: {error.strerror or error}.") from error
    return count


def _count_file(path: Path, count: FrameCount) -> None:
    # What is in the file counts, also where an export does not show it for want of its keyframe.
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        codec = container.streams.video[0].codec.name if container.streams.video else "no video"
        if codec not in _CODECS:
            raise CountError(f"{path} holds {codec}; only H.264 and H.265 can be counted.")
        for packet in container.demux(video=0):
            if packet.size == 0:
                continue
            mark = find_mark(bytes(packet), codec)
            if mark is None:
                count.unmarked += 1
            else:
                count.numbers.setdefault(mark.camera, array("Q")).append(mark.number)
