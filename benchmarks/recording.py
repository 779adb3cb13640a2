"""Recording many cameras: Tandem beside the physical limit, beside ffmpeg and beside PyAV.

    python -m benchmarks.recording --rounds 5

One run, one machine, the same cameras: 1080p25, H.264 of 4 Mbit/s over interleaved TCP on loopback.
Each recorder in turn is given all streams, and watched once it has settled; then they begin anew,
in the opposite order. A shared machine is faster at one moment than at the next, so recorders are
compared within a round, and of these ratios the median counts. Tandem runs with all it does in
production: durable, hashed, indexed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.cameras import Cameras, cameras
from benchmarks.measure import Cost, measure
from tandem.archive.identity import VolumeIdentity
from tandem.archive.volume import Volume
from tandem.lab.counting.compare import Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.ledger import read_ledger

WARM_UP_S = 6.0
TURN_S = 10.0
LONG_TURN_S = 30.0
ROUNDS = 5
STOP_S = 20.0
UNCOUNTED_US = 1_000_000
CLUSTER = 1


Recorder = Callable[[Cameras, Path, float], Cost]
"""Records from cameras to a directory; how long it is watched, in seconds."""


@dataclass(frozen=True)
class Turn:
    """One recorder's figures of one round. `frames` has those found, and those lost or doubled."""

    recorder: str
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


def limit(served: Cameras, directory: Path, length_s: float) -> Cost:
    """Sockets copied to files."""
    command = [sys.executable, "-m", "benchmarks.limit", str(directory), *served.urls.values()]
    with running([command]) as pids:
        return measure(pids, WARM_UP_S, length_s)


def ffmpeg(served: Cameras, directory: Path, length_s: float) -> Cost:
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
        return measure(pids, WARM_UP_S, length_s)


def pyav(served: Cameras, directory: Path, length_s: float) -> Cost:
    """The library way: a thread of PyAV a camera."""
    command = [sys.executable, "-m", "benchmarks.pyav_copy", str(directory)]
    with running([[*command, *served.urls.values()]]) as pids:
        return measure(pids, WARM_UP_S, length_s)


def tandem(served: Cameras, directory: Path, length_s: float) -> Cost:
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
        return measure(pids, WARM_UP_S, length_s)


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
    name: str, recorder: Recorder, length_s: float, count: int, work: Path, cache: Path
) -> Turn:
    """One recorder on `count` fresh cameras."""
    directory = work / "recordings"
    directory.mkdir(parents=True)
    try:
        with cameras(count, work, cache) as served:
            cost = recorder(served, directory, length_s)
        counted = frames(served, directory) if recorder is tandem else None
    finally:
        shutil.rmtree(work)
    turn = Turn(name, cost, counted)
    print(turn, file=sys.stderr, flush=True)
    return turn


LIMIT = "copying sockets to files, nothing parsed (the limit)"
FFMPEG = "`ffmpeg -c copy -f segment`, a process a camera"
RECORDERS: list[tuple[str, Recorder]] = [
    (LIMIT, limit),
    ("Tandem: durable, hashed, indexed", tandem),
    (FFMPEG, ffmpeg),
    ("PyAV, a thread a camera", pyav),
]


def played(rounds: int, count: int, work: Path, cache: Path) -> list[dict[str, Turn]]:
    """Let all recorders have their turn in each round; every other one begins with the last."""
    found = []
    for number in range(rounds):
        order = RECORDERS if number % 2 == 0 else RECORDERS[::-1]
        turns = [measured(name, recorder, TURN_S, count, work, cache) for name, recorder in order]
        found.append({turn.recorder: turn for turn in turns})
    return found


def ratio(rounds: Sequence[dict[str, Turn]], recorder: str, peer: str) -> str:
    """How much processor a recorder takes of what a peer does: median, and all that was seen."""
    seen = [turns[recorder].cost.cpu_percent / turns[peer].cost.cpu_percent for turns in rounds]
    if recorder == peer:
        return "1"
    return f"{median(seen):.2f} ({min(seen):.2f} - {max(seen):.2f})"


def line(name: str, count: int, turns: Sequence[Turn], *ratios: str) -> str:
    """A row of the table. Memory is that of the round that took most."""
    cpu_percent = median(turn.cost.cpu_percent for turn in turns)
    memory_mb = max(turn.cost.memory_mb for turn in turns)
    counted = [turn.frames for turn in turns if turn.frames is not None]
    found, lost = map(sum, zip(*counted, strict=True)) if counted else ("", "")
    cells = [name, count, f"{cpu_percent:.1f}", *ratios, f"{memory_mb:.0f}"]
    return "| " + " | ".join(map(str, [*cells, f"{memory_mb / count:.2f}", found, lost])) + " |"


def section(count: int, most: int, rounds: int, work: Path, cache: Path) -> str:
    """Measure everything; returns a section of Markdown."""
    found = played(rounds, count, work, cache)
    largest = measured("Tandem, one process", tandem, LONG_TURN_S, most, work, cache)
    lines = [
        "## Recording",
        "",
        (
            "1080p25, H.264 of 4 Mbit/s, RTSP over interleaved TCP on loopback. "
            f"{rounds} rounds, in each of which every recorder has its turn: {TURN_S:.0f} s "
            f"after {WARM_UP_S:.0f} s to settle. Processor in per cent of one core, the median; a "
            "ratio is taken within each round, and given as the median with the least and the "
            "greatest. Memory as proportional share, of the round that took most. Frames are "
            "counted by the numbers that the cameras put into them. Tandem alone with the most "
            f"cameras has one turn of {LONG_TURN_S:.0f} s."
        ),
        "",
        (
            "| recorder | cameras | CPU % | to limit | to ffmpeg | MB | MB a camera | frames "
            "| lost or doubled |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, _ in RECORDERS:
        turns = [one[name] for one in found]
        lines.append(
            line(name, count, turns, ratio(found, name, LIMIT), ratio(found, name, FFMPEG))
        )
    lines.append(line(largest.recorder, most, [largest], "", ""))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--cameras", type=int, default=50, help="cameras side by side (50)")
    parser.add_argument("--most", type=int, default=200, help="cameras for Tandem alone (200)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"turns of each ({ROUNDS})")
    given = parser.parse_args()
    cache = Path(__file__).parent.parent / ".cache" / "cameras"
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as work:
        print(section(given.cameras, given.most, given.rounds, Path(work) / "run", cache))


if __name__ == "__main__":
    main()
