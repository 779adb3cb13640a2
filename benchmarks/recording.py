"""Recording many cameras: Tandem beside the physical limit, beside ffmpeg and beside PyAV.

One run, one machine, the same cameras: 1080p25, H.264 of 4 Mbit/s over interleaved TCP on loopback.
Each recorder in turn is given all streams, and watched once it has settled. Tandem runs with all it
does in production: durable, hashed, indexed.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.cameras import Cameras, cameras
from benchmarks.measure import Cost, measure
from tandem.archive.identity import VolumeIdentity
from tandem.archive.volume import Volume

WARM_UP_S = 8.0
LENGTH_S = 30.0
STOP_S = 20.0
CLUSTER = 1


@dataclass(frozen=True)
class Row:
    """One recorder's figures. `lost` is None where frames were not counted."""

    recorder: str
    cameras: int
    cost: Cost
    lost: int | None


@contextmanager
def running(commands: Sequence[Sequence[str]], orders: str | None = None) -> Iterator[list[int]]:
    """Run processes, give each `orders` on standard input, and end them in good order."""
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if orders else subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        for process in processes:
            if orders and process.stdin:
                process.stdin.write(orders.encode() + b"\n")
                process.stdin.flush()
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            if process.stdin:
                process.stdin.close()
            if not orders:
                process.kill()
        for process in processes:
            process.wait(STOP_S)


def limit(served: Cameras, directory: Path) -> Cost:
    """Sockets copied to files."""
    command = [sys.executable, "-m", "benchmarks.limit", str(directory), *served.urls.values()]
    with running([command]) as pids:
        return measure(pids, WARM_UP_S, LENGTH_S)


def ffmpeg(served: Cameras, directory: Path) -> Cost:
    """The usual way: a process of ffmpeg a camera."""
    commands = [
        ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy"]
        + ["-f", "segment", "-segment_time", "60", str(directory / f"{number}-%03d.mp4")]
        for number, url in served.urls.items()
    ]
    with running(commands) as pids:
        return measure(pids, WARM_UP_S, LENGTH_S)


def pyav(served: Cameras, directory: Path) -> Cost:
    """The library way: a thread of PyAV a camera."""
    command = [sys.executable, "-m", "benchmarks.pyav_copy", str(directory)]
    with running([[*command, *served.urls.values()]]) as pids:
        return measure(pids, WARM_UP_S, LENGTH_S)


def tandem(served: Cameras, directory: Path) -> Cost:
    """Tandem's recorder process with everything on."""
    identity = VolumeIdentity(uuid4(), CLUSTER, "benchmark", int(time.time() * 1e6))
    Volume.create(directory, identity)
    orders = {
        "version": 1,
        "cluster_number": CLUSTER,
        "volumes": [{"path": str(directory), "volume_id": str(identity.volume_id)}],
        "streams": [
            {"camera_id": f"camera-{number}", "url": url} for number, url in served.urls.items()
        ],
    }
    command = [sys.executable, "-m", "tandem.recording.process"]
    with running([command], json.dumps(orders)) as pids:
        return measure(pids, WARM_UP_S, LENGTH_S)


def lost_frames(served: Cameras, directory: Path) -> int:
    """Pictures that a camera handed to the recorder and that no file has, by their own numbers."""
    lost = 0
    for number in served.urls:
        ledger = next(served.ledgers.glob(f"*{number:04d}*"))
        files = sorted((directory / f"camera-{number}").rglob("*.mp4"))
        command = [sys.executable, "-m", "tandem.lab.counting", "--json", str(ledger)]
        answer = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)  # noqa: PLW1510
        lost += json.loads(answer.stdout)["lost_count"]
    return lost


def run(count: int, work: Path, cache: Path) -> list[Row]:
    """All recorders on the same `count` cameras."""
    recorders: list[tuple[str, Callable[[Cameras, Path], Cost]]] = [
        ("copying sockets to files (the limit)", limit),
        ("Tandem, durable, hashed, indexed", tandem),
        ("PyAV, a thread a camera", pyav),
        ("ffmpeg -c copy -f segment, a process a camera", ffmpeg),
    ]
    rows = []
    for name, recorder in recorders:
        directory = work / "recordings"
        directory.mkdir(parents=True)
        with cameras(count, work, cache) as served:
            cost = recorder(served, directory)
            lost = None
        if recorder is tandem:
            lost = lost_frames(served, directory)
        rows.append(Row(name, count, cost, lost))
        shutil.rmtree(work)
        print(rows[-1], file=sys.stderr, flush=True)
    return rows
