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
from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import read_ledger

WARM_UP_S = 8.0
LENGTH_S = 30.0
STOP_S = 20.0
UNCOUNTED_US = 1_000_000
CLUSTER = 1


@dataclass(frozen=True)
class Row:
    """One recorder's figures. `frames` has those found, and those lost or doubled."""

    recorder: str
    cameras: int
    cost: Cost
    frames: tuple[int, int] | None


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
        [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            "-i",
            url,
            "-c",
            "copy",
            "-f",
            "segment",
            "-segment_time",
            "60",
            str(directory / f"{number}-%03d.mp4"),
        ]
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


def frames(served: Cameras, directory: Path) -> tuple[int, int]:
    """By the numbers in the pictures: how many are in the files, and how many are missing.

    The last second before the recorder was stopped does not count: what is then on its way to it
    has been sent, and belongs to nobody.
    """
    found = lost = 0
    for number in served.urls:
        ledger = read_ledger(served.ledgers / f"camera-{number}.ledger")
        until_us = max(one.closed_us or 0 for one in ledger.sessions.values()) - UNCOUNTED_US
        files = sorted((directory / f"camera-{number}").rglob("*.mp4"))
        result = compare(count_frames(files), ledger, Span(until_us=until_us))
        found += result.found
        lost += result.lost_frames + len(result.doubled)
    return found, lost


def measured(
    name: str, recorder: Callable[[Cameras, Path], Cost], count: int, work: Path, cache: Path
) -> Row:
    """One recorder on `count` fresh cameras."""
    directory = work / "recordings"
    directory.mkdir(parents=True)
    try:
        with cameras(count, work, cache) as served:
            cost = recorder(served, directory)
        counted = frames(served, directory) if recorder is tandem else None
    finally:
        shutil.rmtree(work)
    row = Row(name, count, cost, counted)
    print(row, file=sys.stderr, flush=True)
    return row


RECORDERS: list[tuple[str, Callable[[Cameras, Path], Cost]]] = [
    ("copying sockets to files, nothing parsed (the limit)", limit),
    ("Tandem: durable, hashed, indexed", tandem),
    ("PyAV, a thread a camera", pyav),
    ("`ffmpeg -c copy -f segment`, a process a camera", ffmpeg),
]


def section(count: int, most: int, work: Path, cache: Path) -> str:
    """Measure everything; returns a section of Markdown."""
    rows = [measured(name, recorder, count, work, cache) for name, recorder in RECORDERS]
    rows.append(measured("Tandem, one process", tandem, most, work, cache))
    base = rows[0].cost.cpu_percent
    lines = [
        "## Recording",
        "",
        (
            "1080p25, H.264 of 4 Mbit/s, RTSP over interleaved TCP on loopback; "
            f"{LENGTH_S:.0f} s each after settling, one recorder after the other. Processor in "
            "per cent of one core, memory as proportional share. Frames are counted by the "
            "numbers that the cameras put into them."
        ),
        "",
        "| recorder | cameras | CPU % | to limit | MB | MB a camera | frames | lost or doubled |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        ratio = f"{row.cost.cpu_percent / base:.2f}" if row.cameras == count else ""
        found, lost = row.frames or ("", "")
        lines.append(
            f"| {row.recorder} | {row.cameras} | {row.cost.cpu_percent:.1f} | {ratio} "
            f"| {row.cost.memory_mb:.0f} | {row.cost.memory_mb / row.cameras:.1f} "
            f"| {found} | {lost} |"
        )
    return "\n".join(lines) + "\n"
