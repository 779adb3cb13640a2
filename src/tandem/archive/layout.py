"""Where things are in a volume. Pure: names only."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from uuid import UUID

IDENTITY_FILE = "tandem-volume.json"
INDEX_FILE = "tandem-index.sqlite"
BALLAST_FILE = "tandem-ballast"
LOCKS = PurePosixPath("locks")
QUARANTINE = PurePosixPath("quarantine")
WRITERS = PurePosixPath("writers")

RESERVED = frozenset({str(LOCKS), str(QUARANTINE), str(WRITERS), "lost+found"})
"""Directories of a volume's root that hold no camera."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def checked_name(name: str) -> str:
    """A camera's or stream's name, if it may be one directory of a path.

    Raises:
        ValueError: the name has a character outside letters, digits, `.`, `_` and `-`, is longer
            than 128, begins with a sign, or is one the volume uses itself.
    """
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(
            f"{name!r} cannot name a directory of recordings: use up to 128 letters, digits, "
            f"'.', '_' and '-', beginning with a letter or digit, and none of {sorted(RESERVED)}."
        )
    return name


def segment_path(camera_id: str, stream: str, start_us: int, segment_id: UUID) -> PurePosixPath:
    """The path of a segment inside its volume.

    Args:
        camera_id: the camera.
        stream: which of its streams, such as `main`.
        start_us: capture time of the first sample, UTC.
        segment_id: its last 8 digits go into the name, since those are random in every UUID in use.

    Returns:
        `<camera_id>/<stream>/<YYYY-MM-DD>/<HH-MM-SS.ffffffZ>_<segment_id8>.mp4`, in UTC, so that
        the names of a camera sort by time.

    Raises:
        ValueError: see `checked_name`.
    """
    start = _EPOCH + timedelta(microseconds=start_us)
    name = f"{start:%H-%M-%S.%fZ}_{segment_id.hex[-8:]}.mp4"
    return PurePosixPath(
        checked_name(camera_id), checked_name(stream), f"{start.date().isoformat()}", name
    )


def lock_path(segment_id: UUID) -> PurePosixPath:
    """The marker that keeps a segment as evidence even when the index is lost (invariant A7)."""
    return LOCKS / segment_id.hex
