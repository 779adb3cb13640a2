"""What plans were made from: kept, bounded, and never in the way."""

import asyncio
import gzip
import logging
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock, camera, node

from tandem.cluster.model import Placement
from tandem.cluster.placement import View, plan
from tandem.cluster.plan.saved import CameraInput, Decision
from tandem.node.agent.decisions import MOST_WAITING, Decisions

POLL_S = 0.01


class Bench:
    """A saver, and plans that differ."""

    def __init__(self, directory: Path, **bounds: int) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.decisions = Decisions(directory, "n1", self.clock, **bounds)
        self.count = 0
        self.running: asyncio.Task[None] | None = None

    def note(self) -> CameraInput:
        """Have a plan noted; each is of one more generation."""
        self.count += 1
        placed = {"gate": Placement("gate", ("n1", "n2"), self.count)}
        made_from = CameraInput(
            View((node("n1"), node("n2")), placed),
            (camera(login="sealed"), camera(f"new{self.count}")),
        )
        self.decisions.note(made_from, plan(made_from.view, made_from.wanted))
        return made_from

    def saved(self) -> list[Path]:
        return sorted(self.directory.glob("*.json.gz"))

    async def run_until(self, is_so: Callable[[], bool]) -> None:
        """Save for as long as it takes; the loop ends it."""
        self.running = self.running or asyncio.create_task(self.decisions.run())
        async with asyncio.timeout(60):
            while not is_so() and not self.running.done():  # noqa: ASYNC110 - the disk tells nobody
                await asyncio.sleep(POLL_S)
        assert not self.running.done()

    def generations(self) -> list[int]:
        return [generation(path) for path in self.saved()]


def _are(bench: Bench, expected: list[int]) -> bool:
    return bench.generations() == expected


def generation(path: Path) -> int:
    decision = Decision.decode(gzip.decompress(path.read_bytes()))
    assert isinstance(decision.made_from, CameraInput)
    return decision.made_from.view.placements["gate"].generation


@in_a_loop
async def test_a_plan_is_saved_with_all_that_repeats_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions")
    bench.note()
    await bench.run_until(lambda: bool(bench.saved()))
    [path] = bench.saved()
    assert path.name == "00000001-cameras-20251009T091000Z.json.gz"
    decision = Decision.decode(gzip.decompress(path.read_bytes()))
    assert decision.difference(decision.made_from.outcome()) == []
    assert (decision.node_id, decision.at_us) == ("n1", bench.clock.utc_us())


@in_a_loop
async def test_nobody_else_can_read_it_and_no_login_or_url_is_in_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions")
    bench.note()
    await bench.run_until(lambda: bool(bench.saved()))
    text = gzip.decompress(bench.saved()[0].read_bytes())
    assert b"sealed" not in text
    assert b"rtsp" not in text
    assert stat.S_IMODE(bench.saved()[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(bench.directory.stat().st_mode) == 0o700


@in_a_loop
async def test_a_plan_made_again_from_the_same_is_not_saved_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions")
    made_from = bench.note()
    bench.decisions.note(made_from, plan(made_from.view, made_from.wanted))
    bench.note()
    await bench.run_until(lambda: len(bench.saved()) == 2)
    assert bench.generations() == [1, 2]


@in_a_loop
async def test_the_oldest_go_where_there_are_too_many(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions", most_files=3)
    for expected in ([1], [1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]):
        bench.note()
        bench.clock.now_us -= 1_000_000_000  # it is set back each time
        await bench.run_until(partial(_are, bench, expected))


@in_a_loop
async def test_the_newest_is_kept_however_large_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions", most_bytes=1)
    for expected in ([1], [2], [3]):
        bench.note()
        await bench.run_until(partial(_are, bench, expected))


@in_a_loop
async def test_planning_never_waits_and_the_oldest_that_wait_are_left_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions")
    for _ in range(MOST_WAITING + 2):
        bench.note()
    assert not bench.directory.exists(), "nothing is written by who plans"
    await bench.run_until(lambda: len(bench.saved()) == MOST_WAITING)
    assert bench.generations() == [3, 4, 5, 6]


@in_a_loop
async def test_a_disk_that_refuses_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(tmp_path / "decisions")
    bench.directory.write_text("a file in its place")
    bench.note()
    bench.note()
    await bench.run_until(lambda: not bench.decisions._waiting and bool(caplog.messages))
    bench.directory.unlink()
    bench.note()
    await bench.run_until(lambda: bool(bench.saved()) and len(caplog.messages) == 2)
    assert "cannot be saved; planning goes on" in caplog.messages[0]
    assert caplog.messages[1] == "what plans are made from is saved again"


@in_a_loop
async def test_what_was_torn_by_a_crash_is_cleared_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "decisions")
    bench.directory.mkdir()
    torn = bench.directory / ".00000007-cameras-x.json.gz.99.new"
    torn.write_bytes(b"half")
    bench.note()
    await bench.run_until(lambda: bool(bench.saved()) and not torn.exists())
    assert not torn.exists()
