"""A recorder process under test, on a volume of its own."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from tandem.archive.identity import VolumeIdentity
from tandem.archive.volume import Volume
from tandem.media.units import VIDEO_CLOCK_HZ

DEADLINE_S = 60.0
POLL_S = 0.02
CLUSTER = 1
FILE_TICKS = ("-enc_time_base:v", f"1:{VIDEO_CLOCK_HZ}")

COMMAND = (sys.executable, "-m", "tandem.recording.process")


class RecorderProcess:
    """Starts a recorder, gives it its orders, remembers what it says.

    Args:
        root: directory of its volume, created.
        streams: what it is to record.
        command: runs it, here or elsewhere.
        volumes: of another machine, seen from here: where they are there; `root` is then not used.
        relaying: how it talks with other recorders.
    """

    def __init__(
        self,
        root: Path,
        streams: list[dict[str, Any]],
        command: Sequence[str] = COMMAND,
        volumes: Mapping[str, Path] | None = None,
        relaying: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.relaying = relaying
        self.volumes: list[dict[str, Any]] = [
            {"path": there, "volume_id": make_volume(here), "min_free_bytes": 1 << 20}
            for there, here in (volumes or {str(root): root}).items()
        ]
        self.status: dict[str, Any] = {}
        self.log: list[str] = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._readers = [
            threading.Thread(target=self._read_status),
            threading.Thread(target=self._read_log),
        ]
        for reader in self._readers:
            reader.start()
        self.order(streams)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._await_end()

    def order(self, streams: list[dict[str, Any]]) -> None:
        """Give new orders."""
        orders = {
            "version": 1,
            "cluster_number": CLUSTER,
            "volumes": self.volumes,
            "streams": streams,
            "relaying": self.relaying,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(orders).encode() + b"\n")
        self.process.stdin.flush()

    def stop(self) -> int:
        """End it in good order; returns its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self._await_end()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self._await_end()

    def stream(self, camera_id: str) -> dict[str, Any]:
        """What it last said of a camera; empty before that."""
        streams: list[dict[str, Any]] = self.status.get("streams", [])
        return next((one for one in streams if one["camera_id"] == camera_id), {})

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition, and say which one did not come about."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process.poll() is None, f"The recorder ended: {self.log}"
            assert time.monotonic() < deadline, f"{what} did not come about: {self.status}"
            time.sleep(POLL_S)

    def wait_for_pictures(self, camera_id: str, more: int) -> None:
        """Wait until so many more pictures are in closed fragments."""
        wanted = self.stream(camera_id).get("pictures", 0) + more
        self.wait_for(
            lambda: bool(self.stream(camera_id).get("pictures", 0) >= wanted),
            f"{more} more pictures of {camera_id}",
        )

    def files(self, camera_id: str) -> list[Path]:
        """Its segment files, in the order of time."""
        return sorted((self.root / camera_id).rglob("*.mp4"))

    def _await_end(self) -> int:
        status = self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return status

    def _read_status(self) -> None:
        for line in self._lines(self.process.stdout):
            self.status = json.loads(line)

    def _read_log(self) -> None:
        for line in self._lines(self.process.stderr):
            self.log.append(line.decode().rstrip())

    def _lines(self, pipe: Any) -> Iterable[bytes]:
        return iter(pipe.readline, b"")


def make_volume(root: Path) -> str:
    """Make a directory a volume, if it is not yet; returns its id."""
    root.mkdir(parents=True, exist_ok=True)
    identity = VolumeIdentity(uuid4(), CLUSTER, "node-1", time.time_ns() // 1000)
    return str(Volume.create(root, identity).volume_id)


def complaints(path: Path) -> str:
    """What libav has to say against a file, read and decoded; nothing if all is well.

    ffmpeg's null output rounds the times of pictures to the nominal frame rate. Pictures that come
    a little faster than that, by a camera's crystal or since capture time is bent back to the truth
    (at most 500 ppm, `tandem.media.rtp.clock`), then meet on one frame sooner or later, and ffmpeg
    calls a file wrong that is right. So it gets the ticks of the file to count in.
    """
    said = ""
    for command in (
        ["ffprobe", "-v", "warning", "-show_packets", str(path)],
        ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *FILE_TICKS, "-f", "null", "-"],
    ):
        said += subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return said
