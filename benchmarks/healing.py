"""Healing: what lacks fetched from another node, beside `cp` and plain HTTPS, in one run.

    python -m benchmarks.healing --minutes 5

Two archivists, each a process with a volume of its own, on loopback. One has recordings of one
camera, the other one has none of it and makes itself whole. From the order until the last segment
is closed and synced: listed, fetched piece by piece, its hash and each picture verified, looked for
among what is held already, filed, read again, hashed and synced. The download is of the same files,
by `curl` from `openssl s_server`, and then synced; nothing is verified.
"""

import argparse
import asyncio
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from tests.node.archivist.material import film
from tests.node.archivist.running import MINUTE_US, mounted_of, now_us, orders_of, running
from tests.node.test_tls import Files

from tandem.archive.rows import Role, State

FRAME_BYTES: Final = 20_000
"""4 Mbit/s at 25 pictures a second."""

THROTTLE_BYTES_S: Final = 25_000_000
"""A quarter of a hard disk's 100 MB/s, which is what a node is set to by itself."""

UNTHROTTLED: Final = 1 << 40
TIMES: Final = 3
POLL_S: Final = 0.01
DEADLINE_S: Final = 600


@dataclass(frozen=True)
class Row:
    """One way's figure: the median of its turns."""

    way: str
    took_s: float


class Place:
    """Where all of it is: the recordings of node n1, and who may speak for whom.

    Attributes:
        directory: of the volumes and files.
        files: the segments of n1.
    """

    def __init__(self, directory: Path, minutes: int) -> None:
        self.directory = directory
        self.tls = Files(directory, "ours")
        self.healer = orders_of(directory, self.tls, "n3")
        mounted = mounted_of(directory, "n1")
        try:
            start_us = now_us() - (minutes + 1) * MINUTE_US
            for minute in range(minutes):
                at_us = start_us + minute * MINUTE_US
                film(
                    mounted,
                    Role.PRIMARY,
                    start_us=at_us,
                    fragments=60,
                    frame_bytes=FRAME_BYTES,
                )
            rows = sorted(mounted.reader.all_segments(), key=lambda row: row.start_us)
            self.files = [mounted.volume.root / row.path for row in rows]
        finally:
            mounted.close()

    @property
    def size_bytes(self) -> int:
        """Of the segments together."""
        return sum(file.stat().st_size for file in self.files)

    def emptied(self, name: str) -> Path:
        """A directory with nothing in it, on the same disk as all others."""
        return Path(tempfile.mkdtemp(prefix=name, dir=self.directory))


async def heal(place: Place, bytes_s: int) -> float:
    """Make an empty node whole; returns how long it took, in seconds."""
    own = replace(
        orders_of(place.emptied("healed"), place.tls, "n3"),
        credentials=place.healer.credentials,
        healing_bytes_s=bytes_s,
    )
    giving = orders_of(place.directory, place.tls, "n1")
    async with running(giving) as one, running(own) as three:
        await one.listens()
        await three.listens()
        mounted = mounted_of(own.volumes[0].path.parent, "n3")
        try:
            began_s = time.monotonic()
            three.heal({"n1": one})
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    rows = list(mounted.reader.all_segments())
                    if sum(row.state is State.CLOSED for row in rows) == len(place.files):
                        return time.monotonic() - began_s
                    await asyncio.sleep(POLL_S)
        finally:
            mounted.close()


def copy(place: Place) -> float:
    """Copy the files on the disk, and sync them."""
    target = place.emptied("copied")
    return timed(["cp", *place.files, target], ["sync", *(target / it.name for it in place.files)])


def download(place: Place, port: int) -> float:
    """Download the files as they are, and sync them."""
    target = place.emptied("downloaded")
    urls = [
        part
        for file in place.files
        for part in ("-o", target / file.name, f"https://127.0.0.1:{port}/{file.name}")
    ]
    fetch = ["curl", "--silent", "--show-error", "--fail", "--insecure", *urls]
    return timed(fetch, ["sync", *(target / it.name for it in place.files)])


def timed(*commands: Sequence[str | Path]) -> float:
    """Run programs one after the other; returns how long it took, in seconds."""
    began_s = time.monotonic()
    for command in commands:
        subprocess.run(command, check=True, timeout=DEADLINE_S)
    return time.monotonic() - began_s


@contextmanager
def https_server(place: Place) -> Iterator[int]:
    """Serve the files of n1 by a program that is not ours; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = ["openssl", "s_server", "-WWW", "-quiet", "-accept", f"127.0.0.1:{port}"]
    pem = place.tls.node("n1")
    serving = subprocess.Popen(
        [*command, "-cert", pem, "-key", pem],
        cwd=place.files[0].parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_s = time.monotonic() + DEADLINE_S
        while not answers(port):
            if time.monotonic() > until_s or serving.poll() is not None:
                raise RuntimeError("openssl s_server does not answer.")
            time.sleep(POLL_S)
        yield port
    finally:
        serving.terminate()
        serving.wait()


def answers(port: int) -> bool:
    """Whether somebody speaks TLS there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as connected,
            context.wrap_socket(connected),
        ):
            return True
    except OSError:
        return False


def rows(place: Place) -> list[Row]:
    """Measure all ways by turns."""
    found: dict[str, list[float]] = {}
    with https_server(place) as port:
        for _ in range(TIMES):
            for way, took_s in (
                ("`cp` on the disk (the limit)", copy(place)),
                ("`curl` from `openssl s_server`, nothing verified", download(place, port)),
                ("Tandem: verified, compared, filed", asyncio.run(heal(place, UNTHROTTLED))),
            ):
                found.setdefault(way, []).append(took_s)
    throttled = f"Tandem, throttled to {THROTTLE_BYTES_S / 1e6:.0f} MB/s"
    found[throttled] = [asyncio.run(heal(place, THROTTLE_BYTES_S))]
    return [Row(way, median(took_s)) for way, took_s in found.items()]


def section(minutes: int, work: Path) -> str:
    """Measure everything; returns a section of Markdown."""
    place = Place(work, minutes)
    found, size_mb = rows(place), place.size_bytes / 1e6
    lines = [
        "## Healing",
        "",
        (
            f"{minutes} minutes of a camera of 4 Mbit/s, {size_mb:.0f} MB, that one node lacks, "
            "fetched from another one over TLS on loopback; each archivist is a process, all "
            f"volumes are on one disk. The median of {TIMES} turns, everything synced."
        ),
        "",
        "| way | s | MB/s | to limit |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| {row.way} | {row.took_s:.2f} | {size_mb / row.took_s:.0f} "
        f"| {row.took_s / found[0].took_s:.2f} |"
        for row in found
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.healing", description=__doc__)
    parser.add_argument("--minutes", type=int, default=5, help="how much to heal (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as work:
        print(section(given.minutes, Path(work)))


if __name__ == "__main__":
    main()
