"""Exports hours of tiny made-up video in a process of its own; prints what it took as JSON.

    python -m tests.archive.export.long_recording DIRECTORY MINUTES FRAME_BYTES

Two nodes record it, with a hole of some seconds each in every other minute, one 1.5 s late.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from uuid import UUID, uuid4

from blake3 import blake3
from tests.media.mp4.material import BASE_US, FRAME_TICKS
from tests.media.mp4.synthetic import AAC, H264
from tests.peak import most_kb

from tandem.archive.export.export import export
from tandem.archive.export.local import FileBytes
from tandem.archive.export.planning import Request
from tandem.archive.export.source import SegmentBytes
from tandem.archive.rows import Gap, Interval, Role, Segment, State
from tandem.media.mp4.fragment import Sample, fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment

FPS = 25
GOP = 50
MINUTE_US = 60_000_000
LATE_US = 1_500_000


@dataclass
class FolderSource:
    """A node whose segments are files in a directory."""

    node_id: str
    folder: Path
    rows: list[Segment] = field(default_factory=list)

    def segments(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Segment]:
        return [row for row in self.rows if row.start_us < to_us and row.end_us > from_us]

    def gaps(self, camera_id: str, stream: str, from_us: int, to_us: int) -> list[Gap]:
        return []

    @contextmanager
    def open(self, segment: Segment) -> Iterator[SegmentBytes]:
        with (self.folder / segment.path.name).open("rb") as file:
            yield FileBytes(file.fileno(), str(segment.path))


def picture(number: int, size: int, late_us: int) -> Sample:
    """A picture that tells its number, in a slice of `size` bytes."""
    first = b"\x65" if number % GOP == 0 else b"\x41"
    nal = (first + number.to_bytes(4, "big")).ljust(size, b"\x55")
    data = len(nal).to_bytes(4, "big") + nal
    return Sample(
        data,
        (BASE_US + late_us) * 9 // 100 + number * FRAME_TICKS,
        0,
        FRAME_TICKS,
        number % GOP == 0,
        blake3(data).digest(length=16),
    )


def sound(number: int, late_us: int) -> Sample:
    data = number.to_bytes(4, "big") * 3
    begin = (BASE_US + late_us) * AAC.sample_rate_hz // 1_000_000
    return Sample(data, begin + number * 1024, 0, 1024, True, blake3(data).digest(length=16))


def record(source: FolderSource, minutes: int, size: int, late_us: int, hole: range) -> None:
    """Write a segment for each minute, without the frames of `hole` in every other minute."""
    per_minute = 60 * FPS
    heard = 0
    for minute in range(minutes):
        segment_id = uuid4()
        start_us = BASE_US + late_us + minute * MINUTE_US
        header = SegmentHeader(7, source.node_id, "gate", "main", str(segment_id), start_us)
        pieces = [init_segment(H264, AAC, header)]
        for at in range(0, per_minute, GOP):
            first = minute * per_minute + at
            kept = [n for n in range(at, at + GOP) if minute % 2 == 0 or n not in hole]
            until = (first + GOP) * AAC.sample_rate_hz // FPS // 1024
            said = [sound(number, late_us) for number in range(heard, until)]
            run = [picture(minute * per_minute + n, size, late_us) for n in kept]
            if run:  # else the next fragment has the sound, which goes on without pictures
                heard = until
                pieces.append(b"".join(fragment(len(pieces), run, said)))
        source.rows.append(_write(source, segment_id, start_us, b"".join(pieces)))


def _write(source: FolderSource, segment_id: UUID, start_us: int, content: bytes) -> Segment:
    path = PurePosixPath(f"{segment_id}.mp4")
    (source.folder / path.name).write_bytes(content)
    return Segment(
        segment_id=segment_id,
        camera_id="gate",
        stream="main",
        path=path,
        role=Role.PRIMARY,
        start_us=start_us,
        end_us=start_us + MINUTE_US,
        durable_bytes=len(content),
        frames=content.count(b"moof") * GOP,
        keyframes=content.count(b"moof"),
        state=State.CLOSED,
    )


def main(arguments: Sequence[str]) -> None:
    folder, minutes, size = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    sources = [FolderSource(name, folder) for name in ("north", "south")]
    record(sources[0], minutes, size, 0, range(400, 500))
    record(sources[1], minutes, size, LATE_US, range(300, 450))
    before_kb = most_kb()
    wanted = Interval(BASE_US - MINUTE_US, BASE_US + (minutes + 1) * MINUTE_US)
    began_s = time.perf_counter()
    result = export(sources, Request("gate", "main", wanted, folder / "export.mp4"))
    told = {
        "took_s": time.perf_counter() - began_s,
        "before_kb": before_kb,
        "peak_kb": most_kb(),
        "frames": result.frames,
        "spans": len(result.files[0].spans),
        "files": len(result.files),
        "size_bytes": result.files[0].size_bytes,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
