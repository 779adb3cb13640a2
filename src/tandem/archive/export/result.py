"""What an export tells about itself, as values and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tandem.archive.export.layout import Span
from tandem.archive.export.missing import MissingSpan
from tandem.archive.export.reader import Problem
from tandem.archive.export.source import Unreachable
from tandem.archive.rows import Interval

RESULT_VERSION = 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file.

    Attributes:
        path: where it is.
        size_bytes: how large.
        blake3: hash of all of it, 32 bytes.
        frames: pictures in it.
        keyframes: how many of these one may begin at.
        sound_frames: frames of sound in it.
        video_codec: such as `h264`.
        audio_codec: such as `aac`; None without sound.
        spans: what it shows, and where.
    """

    path: Path
    size_bytes: int
    blake3: bytes
    frames: int
    keyframes: int
    sound_frames: int
    video_codec: str
    audio_codec: str | None
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class CopyShare:
    """What one node's copy gave.

    Attributes:
        node_id: whose it is.
        frames_taken: pictures of the export whose bytes are from it.
        frames_held: pictures of the export that it has.
    """

    node_id: str
    frames_taken: int
    frames_held: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported, and what is missing.

    Attributes:
        camera_id: the camera.
        stream: which of its streams.
        wanted: what was asked for.
        files: in the order of time.
        copies: one for each node that was read.
        missing: times without pictures.
        unreachable: copies that could not be read.
        problems: segments that could not be used, or not all of them.
        unsound_frames: frames that were not taken since their bytes are not what was recorded.
        separate_encodings: where the camera encodes for each client, the nodes that have each
            encoding, the preferred one first; a node that fetched from others may have several.
            They were joined by time, at keyframes. Empty where all copies are one.
    """

    camera_id: str
    stream: str
    wanted: Interval
    files: Sequence[ExportedFile]
    copies: Sequence[CopyShare]
    missing: Sequence[MissingSpan]
    unreachable: Sequence[Unreachable]
    problems: Sequence[Problem]
    unsound_frames: int
    separate_encodings: Sequence[Sequence[str]]

    @property
    def frames(self) -> int:
        """Pictures in all files."""
        return sum(file.frames for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object; times are RFC 3339, in UTC."""
        return {
            "version": RESULT_VERSION,
            "camera_id": self.camera_id,
            "stream": self.stream,
            "from": rfc3339(self.wanted.from_us),
            "to": rfc3339(self.wanted.to_us),
            "frames": self.frames,
            "files": [_file(file) for file in self.files],
            "copies": [
                {
                    "node_id": copy.node_id,
                    "frames_taken": copy.frames_taken,
                    "frames_held": copy.frames_held,
                }
                for copy in self.copies
            ],
            "missing": [_missing(one, self.files) for one in self.missing],
            "unreachable": [_unreachable(copy) for copy in self.unreachable],
            "problems": [
                {
                    "node_id": problem.node_id,
                    "segment_id": str(problem.segment_id),
                    "path": problem.path,
                    "problem": problem.sentence,
                }
                for problem in self.problems
            ],
            "unsound_frames": self.unsound_frames,
            "separate_encodings": [list(nodes) for nodes in self.separate_encodings],
        }


def rfc3339(time_us: int) -> str:
    """A UTC time in microseconds, as "2026-11-18T11:06:40.000000Z"."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _file(file: ExportedFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "size_bytes": file.size_bytes,
        "blake3": file.blake3.hex(),
        "frames": file.frames,
        "keyframes": file.keyframes,
        "sound_frames": file.sound_frames,
        "video_codec": file.video_codec,
        "audio_codec": file.audio_codec,
        "spans": [
            {"from": rfc3339(span.from_us), "to": rfc3339(span.to_us), "at_us": span.at_us}
            for span in file.spans
        ],
    }


def _missing(one: MissingSpan, files: Sequence[ExportedFile]) -> dict[str, Any]:
    return {
        "from": rfc3339(one.from_us),
        "to": rfc3339(one.to_us),
        "cause": str(one.cause),
        "detail": one.detail,
        "unreachable_nodes": list(one.unreachable_nodes),
        "file": None if one.file is None else str(files[one.file].path),
        "at_us": one.at_us,
    }


def _unreachable(copy: Unreachable) -> dict[str, Any]:
    return {
        "node_id": copy.node_id,
        "reason": copy.reason,
        "spans": None
        if copy.spans is None
        else [{"from": rfc3339(start), "to": rfc3339(end)} for start, end in copy.spans],
    }
