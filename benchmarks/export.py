"""Exports: two copies on two archivists to one file, beside `cp` and `ffmpeg -c copy`, in one run.

    python -m benchmarks.export --minutes 10

Both copies are of one camera, with a hole of some seconds each in every other minute, one of them
late by 1.5 s. They are read over TLS on loopback; archivists and export are one process here, so
they share a core that nodes would each have for themselves. All files are synced.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from tests.archive.export.long_recording import LATE_US, MINUTE_US, FolderSource, record
from tests.archive.export.material import MemorySource
from tests.media.mp4.material import BASE_US
from tests.node.retrieval.cluster import Node, cluster

from tandem.archive.export.export import export
from tandem.archive.export.planning import Request
from tandem.archive.rows import Interval
from tandem.clock import SystemClock
from tandem.node.retrieval.recordings import open_recordings

FRAME_BYTES = 20_000
"""4 Mbit/s at 25 pictures a second."""

TIMES = 3
DEADLINE_S = 600


@dataclass(frozen=True)
class Row:
    """One way's figures: the median of its turns, and how large the file became."""

    way: str
    took_s: float
    size_bytes: int


def film(node: Node, minutes: int, folder: Path, late_us: int, hole: range) -> list[Path]:
    """Record some minutes on a node's volume; returns its files in order."""
    folder.mkdir()
    source = FolderSource(node.name, folder)
    record(source, minutes, FRAME_BYTES, late_us, hole)
    for row in source.rows:
        file = folder / row.path.name
        node.keep(MemorySource(node.name, [row], {row.segment_id: file.read_bytes()}))
        file.unlink()
    rows = sorted(node.mounted.reader.all_segments(), key=lambda row: row.start_us)
    return [node.mounted.volume.root / row.path for row in rows]


def export_all(node: Node, minutes: int, target: Path) -> None:
    """As `tandem export` does it."""
    wanted = Interval(BASE_US - MINUTE_US, BASE_US + (minutes + 1) * MINUTE_US)
    request = Request("gate", "main", wanted, target, replaces=True)
    with open_recordings(node.settings, SystemClock(), Random()) as found:
        export(found.sources, request)


def run(*commands: Sequence[str | Path]) -> None:
    """Run programs one after the other."""
    for command in commands:
        subprocess.run(command, check=True, timeout=DEADLINE_S)


def measured(way: str, target: Path, once: Callable[[], None]) -> Row:
    """Do something some times."""
    took_s = []
    for _ in range(TIMES):
        began_s = time.monotonic()
        once()
        took_s.append(time.monotonic() - began_s)
    return Row(way, median(took_s), target.stat().st_size)


def rows(minutes: int, work: Path) -> list[Row]:
    """Measure all ways on the same recordings."""
    exported, copied, joined = (work / f"{name}.mp4" for name in ("exported", "copied", "joined"))
    with cluster(work, "n1", "n2") as (first, second):
        files = film(first, minutes, work / "first", 0, range(400, 500))
        film(second, minutes, work / "second", LATE_US, range(300, 450))
        listed = work / "list.txt"
        listed.write_text("".join(f"file '{file}'\n" for file in files))
        ffmpeg = ["ffmpeg", "-nostdin", "-v", "fatal", "-y", "-f", "concat", "-safe", "0"]
        done = measured(
            "Tandem: two copies joined picture by picture, each verified",
            exported,
            lambda: export_all(first, minutes, exported),
        )
        return [
            measured(
                "`cp` of the exported file (the limit)",
                copied,
                lambda: run(["cp", exported, copied], ["sync", copied]),
            ),
            done,
            measured(
                "`ffmpeg -f concat -c copy` of one copy's files, holes and all",
                joined,
                lambda: run([*ffmpeg, "-i", listed, "-c", "copy", joined], ["sync", joined]),
            ),
        ]


def section(minutes: int, work: Path) -> str:
    """Measure everything; returns a section of Markdown."""
    found = rows(minutes, work)
    lines = [
        "## Exports",
        "",
        (
            f"{minutes} minutes of two copies at 4 Mbit/s with sound, each with holes, on two "
            "archivists over TLS on loopback, to one synced file; archivists and export in one "
            f"process. The median of {TIMES} turns, from the page cache."
        ),
        "",
        "| way | s | MB | MB/s | to limit |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in found:
        size_mb = row.size_bytes / 1e6
        lines.append(
            f"| {row.way} | {row.took_s:.2f} | {size_mb:.0f} | {size_mb / row.took_s:.0f} "
            f"| {row.took_s / found[0].took_s:.2f} |"
        )
    lines += [
        "",
        (
            "Three hours that two nodes recorded by turns, from archivist processes: a long proof, "
            "`tests/node/retrieval/test_hours.py`; "
            "[its figures](../design/export.md#what-it-costs)."
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how much to export (10)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as work:
        print(section(given.minutes, Path(work)))


if __name__ == "__main__":
    main()
