"""kill -9 in the middle of anything: what was said to be durable is there, byte for byte."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

from tests.archive.killed_recorder import MAX_FRAGMENTS, SEGMENT_US
from tests.archive.material import BASE_US, create, gop, init, mounted_at, segment_uuid

from tandem.archive.check import check
from tandem.archive.rows import State

KILLS = 24
STRIDE = 10_000


def expected(number: int, fragments: int) -> bytes:
    start_us = BASE_US + number * SEGMENT_US
    parts = [init(number, start_us=start_us)]
    parts += [b"".join(gop(number, at, start_us)) for at in range(fragments)]
    return b"".join(parts)


def record_and_kill(root: Path, first: int, random: Random) -> list[list[str]]:
    command = [sys.executable, "-m", "tests.archive.killed_recorder", str(root), str(first)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(random.randint(0, 25))]
    time.sleep(random.random() * 0.02)  # anywhere between two lines
    child.kill()
    said += child.stdout.readlines()
    child.wait(timeout=30)
    child.stdout.close()
    return [line.split() for line in said if line.endswith("\n")]


def test_kill_9_at_random_moments_loses_nothing_that_was_durable(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    create(root)
    seed = time.time_ns()
    random = Random(seed)
    for kill in range(1, KILLS + 1):
        said = record_and_kill(root, kill * STRIDE, random)
        durable: dict[int, int] = {}
        deleting: set[int] = set()
        for what, name, count in said:
            if what == "durable":
                durable[int(name)] = int(count)
            else:
                deleting.add(int(name))
        with mounted_at(root) as mounted:
            context = f"seed {seed}, kill {kill}: {mounted.report}"
            assert mounted.report.problems == [], context
            for number, fragments in durable.items():
                segment = mounted.index.segment(segment_uuid(number))
                if segment is None:
                    assert number in deleting, context
                    continue
                assert segment.state is State.CLOSED, context
                assert segment.keyframes >= fragments, context
                content = (root / segment.path).read_bytes()
                whole = expected(number, segment.keyframes)
                assert content[: len(whole)] == whole, context
            assert all(
                segment.keyframes <= MAX_FRAGMENTS for segment in mounted.index.all_segments()
            )
            assert list(check(mounted.volume, mounted.index, hashes=True)) == [], context
