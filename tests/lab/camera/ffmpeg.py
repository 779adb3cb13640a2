"""ffmpeg as a recorder and as a judge: neither was written here."""

import json
import subprocess
from pathlib import Path
from typing import Any

DEADLINE_S = 60


def record(address: str, path: Path, *, frames: int, transport: str = "tcp") -> None:
    """Record so many pictures as they come, without decoding."""
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-y", "-v", "error", "-rtsp_transport", transport),
            *("-i", address, "-map", "0", "-c", "copy", "-frames:v", str(frames)),
            # ffmpeg 7.1 takes no AAC from RTSP for a keyframe, and waits for one for ever.
            *("-copyinkf:a", str(path)),
        ],
        check=True,
        timeout=DEADLINE_S,
        capture_output=True,
    )


def complaints(path: Path) -> str:
    """Decode a file strictly and return what the decoder says about it."""
    done = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "warning", "-err_detect", "+crccheck+bitstream+explode"),
            *("-i", str(path), "-f", "null", "-"),
        ],
        check=False,
        timeout=DEADLINE_S,
        capture_output=True,
        text=True,
    )
    return done.stderr


def probe(path: Path | str, *settings: str) -> dict[str, Any]:
    """Return what ffprobe finds."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *settings, str(path)],
        check=True,
        timeout=DEADLINE_S,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
