"""Hours end to end: archivist processes, TLS, the command itself, ffprobe, ffmpeg."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import pytest
from tests.archive.export.material import BASE_US, FRAME_US, complaints, probe
from tests.node.archivist.running import mounted_of, orders_of, running
from tests.node.retrieval.cluster import free_host, write_settings
from tests.node.retrieval.hours import PER_MINUTE, film, number_shown, take_turns
from tests.node.test_tls import Files
from tests.peak import COMMAND, most_kb

from tandem.archive.export.result import rfc3339
from tandem.node.archivist.view import ARCHIVIST_PORT, Address

NODES = ("n1", "n3")
SEEN_S = 1_800


@dataclass(frozen=True)
class Exported:
    """What the command did.

    Attributes:
        told: what it printed.
        shown: what it showed on its terminal.
        took_s: how long.
        most_kb: how much memory it had at most.
    """

    told: Mapping[str, Any]
    shown: str
    took_s: float
    most_kb: int


def export(settings: Path, target: Path, minutes: int) -> Exported:
    """Run `tandem export` as somebody at a terminal does."""
    words = ["export", "gate", "--settings", str(settings), "-o", str(target), "--json"]
    words += ["--from", rfc3339(BASE_US), "--to", rfc3339(BASE_US + minutes * 60_000_000)]
    status = target.with_suffix(".status")
    program = f"{COMMAND} from tandem.cli.main import main; main()"
    command = [sys.executable, "-c", program, str(status), *words]
    ours, theirs = pty.openpty()
    shown = b""
    began_s = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        try:
            while data := os.read(ours, 4_096):
                shown += data
        except OSError:
            pass  # EIO: whoever had the other end has closed it
        assert process.stdout is not None
        told = process.stdout.read()
    took_s = perf_counter() - began_s
    os.close(ours)
    assert process.returncode == 0, (told, shown)
    return Exported(json.loads(told), shown.decode(), took_s, most_kb(status))


def recorded_and_exported(folder: Path, minutes: int, turn: int, frame_bytes: int) -> Exported:
    """Record, start the archivists, and export."""
    filmed = film(minutes * PER_MINUTE, frame_bytes, folder)
    mounts = [mounted_of(folder, name) for name in NODES]
    try:
        take_turns(filmed, turn, mounts, (0, 300_000))
    finally:
        for mounted in mounts:
            mounted.close()
    return asyncio.run(served_and_exported(folder, minutes))


async def served_and_exported(folder: Path, minutes: int) -> Exported:
    files = Files(folder, "ours")
    hosts = {name: [free_host()] for name in NODES}
    settings = {name: write_settings(folder, name, hosts, files) for name in NODES}
    async with AsyncExitStack() as stack:
        for name in NODES:
            links = (Address(hosts[name][0], ARCHIVIST_PORT),)
            orders = orders_of(folder, files, name)
            orders = replace(orders, links=links, placements={}, retention={})
            archivist = await stack.enter_async_context(running(orders))
            await archivist.listens()
        return await asyncio.to_thread(export, settings["n1"], folder / "gate.mp4", minutes)


def check(done: Exported, minutes: int) -> None:
    """Look at the file with what others wrote."""
    frames = minutes * PER_MINUTE
    (file,) = done.told["files"]
    target = Path(file["path"])
    assert (done.told["frames"], file["frames"]) == (frames, frames)
    assert (done.told["missing"], done.told["problems"], done.told["unreachable"]) == ([], [], [])
    assert len(file["spans"]) == 1
    duration_s = float(probe(target)["format"]["duration"])
    assert duration_s == pytest.approx(minutes * 60, abs=0.1)
    assert complaints(target) == ""
    random = Random(7)
    for _ in range(20):
        number = random.randrange(1, frames - 1)
        assert number_shown(target, (number - 0.5) * FRAME_US / 1e6) == number


def copied_s(source: Path) -> float:
    """How long it takes to copy a file, until it is on the disk."""
    target = source.with_name("copy.mp4")
    began_s = perf_counter()
    subprocess.run(["cp", source, target], check=True, timeout=SEEN_S)
    subprocess.run(["sync", target], check=True, timeout=SEEN_S)
    return perf_counter() - began_s


@pytest.mark.real
def test_minutes_of_nodes_that_took_over_from_each_other_are_one_file_that_seeks(
    tmp_path: Path,
) -> None:
    done = recorded_and_exported(tmp_path, 6, 2, 400)
    check(done, 6)
    taken = {copy["node_id"]: copy["frames_taken"] for copy in done.told["copies"]}
    assert min(taken.values()) > PER_MINUTE


@pytest.mark.prove
@pytest.mark.real
@pytest.mark.timeout(3 * SEEN_S)
def test_three_hours_over_https_open_seek_and_need_little_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    load = os.getloadavg()[0]
    done = recorded_and_exported(tmp_path, 180, 20, 15_000)
    (file,) = done.told["files"]
    record_property("exported_bytes", file["size_bytes"])
    record_property("export_s", round(done.took_s, 1))
    record_property("cp_and_sync_s", round(copied_s(Path(file["path"])), 1))
    record_property("most_kb", done.most_kb)
    record_property("load", load)
    check(done, 180)
    assert "comparing the copies: " in done.shown
    assert "writing: " in done.shown
    # Tables of 270,000 pictures, a window of each node, and pieces that were fetched ahead.
    assert done.most_kb < 200_000
