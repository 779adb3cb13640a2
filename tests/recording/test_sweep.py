"""Making room over all volumes, though one of them hangs."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.recording.serving import Bench, gaps, segments
from tests.recording.streams import T0_US, gop, order

from tandem.archive.deletion import Reason, Retention
from tandem.archive.errors import DiskError
from tandem.archive.index import Index
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause, Role, State
from tandem.archive.space import Limits, Space
from tandem.recording import sweep, volume_questions
from tandem.recording.orders import VolumeOrder
from tandem.recording.steadiness import SETTLED_US
from tandem.recording.sweep import FORGET_US, Sweeper
from tandem.recording.volume_jobs import Delete, End
from tandem.recording.volume_questions import VolumeQuestions

GATE = order()


class Silent:
    """A volume that never answers."""

    async def ask(self, *_: object) -> object:
        raise DiskError("it hangs")

    def close(self) -> None:
        pass


async def fill(bench: Bench, *numbers: int) -> None:
    """Record so many segments of a second."""
    for number in numbers:
        bench.keep(GATE, number)
        bench.disks.end(GATE.key)
    await bench.until(lambda: False not in [one.backlog_bytes == 0 for one in writers(bench)])


def writers(bench: Bench) -> list[Any]:
    return [state.writer for state in bench.disks.volumes.values() if state.writer]


def closed(wanted: VolumeOrder) -> int:
    return [one.state for one in segments(wanted)].count(State.CLOSED)


def test_a_cameras_share_is_counted_over_the_node_and_freed_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one, two = bench.order("one"), bench.order("two")
            await bench.serve(one)
            await fill(bench, 0, 1)
            await bench.until(lambda: closed(one) == 2)
            await bench.serve(two)
            await fill(bench, 2)
            await bench.until(lambda: closed(two) == 1)
            bench.volumes.apply([one, two])
            await bench.until(lambda: bench.is_serving(one))
            sizes = [it.durable_bytes for it in segments(one) + segments(two)]
            sweeper = Sweeper(bench.disks, 1, bench.clock, tasks)
            sweeper.keep({"gate": Retention(max_bytes=sum(sizes) - 1)}, trusts_clock=False)
            await sweeper.sweep()
            await bench.until(lambda: closed(one) + closed(two) == 2)
            await sweeper.sweep()
            assert closed(one) + closed(two) == 2

    asyncio.run(test())


def test_beyond_a_cameras_share_the_newest_stay_whichever_volume_they_are_on(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            orders = sorted((bench.order("a"), bench.order("b")), key=lambda it: it.volume_id)
            newer, older = orders  # the one with the newer recordings is planned for first
            for numbers, one in (((0, 1), older), ((2, 3), newer)):
                bench.volumes.apply([one])
                await bench.until(lambda one=one: bench.is_serving(one))  # type: ignore[misc]
                await fill(bench, *numbers)
                await bench.until(lambda one=one: closed(one) == 2)  # type: ignore[misc]
            bench.volumes.apply(orders)
            await bench.until(lambda: all(map(bench.is_serving, orders)))
            size = max(it.durable_bytes for it in segments(newer))
            sweeper = Sweeper(bench.disks, 1, bench.clock, tasks)
            sweeper.keep({"gate": Retention(max_bytes=2 * size)}, trusts_clock=False)
            await sweeper.sweep()
            await bench.until(lambda: closed(older) == 0)
            assert closed(newer) == 2

    asyncio.run(test())


def test_evidence_costs_nothing_else_of_its_camera(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one = bench.order("one")
            await bench.serve(one)
            await fill(bench, 0, 1, 2)
            await bench.until(lambda: closed(one) == 3)
            first, *others = sorted(segments(one), key=lambda it: it.start_us)
            index = Index.open(one.path / INDEX_FILE)
            index.set_locked([first.segment_id], locked=True)
            index.close()
            sweeper = Sweeper(bench.disks, 1, bench.clock, tasks)
            share = sum(it.durable_bytes for it in others)
            sweeper.keep({"gate": Retention(max_bytes=share)}, trusts_clock=False)
            await sweeper.sweep()
            assert not any(it.is_deleting for it in writers(bench))
            sweeper.keep({"gate": Retention(max_bytes=share - 1)}, trusts_clock=False)
            await sweeper.sweep()
            await bench.until(lambda: closed(one) == 2)
            assert first.segment_id in {it.segment_id for it in segments(one)}

    asyncio.run(test())


def test_while_no_camera_is_known_a_second_copy_goes_last_and_as_a_loss(tmp_path: Path) -> None:
    """A node may start without its memory of the cluster, and without the store."""

    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one = bench.order("one")
            await bench.serve(one)
            second = order(role="second")
            bench.disks.keep(second, gop(0))
            bench.disks.end(second.key)
            await bench.until(lambda: closed(one) == 1)
            await fill(bench, 1)
            await bench.until(lambda: closed(one) == 2)
            plans: list[Delete] = []
            (writer,) = writers(bench)
            writer.submit = plans.append
            state = bench.disks.volumes[one.volume_id]
            assert state.questions is not None
            sweeper = Sweeper(bench.disks, 1, bench.clock, tasks)
            full = Full(state.questions)
            state.questions = cast(Any, full)
            for known in ({}, {"yard": Retention()}):
                sweeper.keep(known, trusts_clock=False)
                await sweeper.sweep()
            unknown, stranger = [
                [(it.segment.role, it.reason, it.is_loss) for it in plan.deletions]
                for plan in plans
            ]
            assert unknown == [
                (Role.PRIMARY, Reason.SPACE, False),
                (Role.SECOND, Reason.SOLE_COPY, True),
            ]
            assert stranger == [
                (Role.SECOND, Reason.SPACE, False),
                (Role.PRIMARY, Reason.SPACE, False),
            ]

    asyncio.run(test())


class Full:
    """A volume that says that it has no room at all."""

    def __init__(self, questions: VolumeQuestions) -> None:
        self._questions = questions

    async def ask(self, question: Any) -> Any:
        stock, held = await self._questions.ask(question)
        return replace(stock, space=Space(1 << 40, 0, 1 << 40, Limits())), held

    def close(self) -> None:
        self._questions.close()


def test_gaps_of_times_that_are_kept_no_more_are_forgotten_each_hour(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            clock = SetClock(T0_US + 40 * DAY_US)
            sweeper = Sweeper(bench.disks, 1, clock, tasks)
            one = bench.order("one")
            with bench.disks.telling(sweeper.joined):
                await bench.serve(one)
            for day in (1, 20):
                at_us = T0_US + day * DAY_US
                cause = GapCause.CAMERA_UNREACHABLE
                bench.disks.note(Gap("gate", "main", at_us, at_us + 1, cause, "why"))
            await bench.until(lambda: len(gaps(one)) == 2)
            sweeper.keep(MONTH, trusts_clock=False)
            clock.now_us += 2 * FORGET_US
            await sweeper.sweep()
            assert len(gaps(one)) == 2, "the clock is not trusted"
            sweeper.keep(MONTH, trusts_clock=True)
            await sweeper.sweep()
            assert [gap.from_us for gap in gaps(one)] == [T0_US + 20 * DAY_US]
            clock.now_us += FORGET_US // 2
            bench.disks.note(Gap("gate", "main", T0_US, T0_US + 1, cause, "why"))
            await bench.until(lambda: len(gaps(one)) == 2)
            await sweeper.sweep()
            assert len(gaps(one)) == 2, "it was looked at half an hour ago"

    asyncio.run(test())


class SetClock:
    """Both clocks as a test sets them."""

    def __init__(self, utc_us: int) -> None:
        self.offset_us = utc_us
        self.now_us = 0

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us + self.offset_us


DAY_US = 86_400_000_000
MONTH = {"gate": Retention(max_age_us=30 * DAY_US)}


def test_only_a_clock_that_is_trusted_and_runs_evenly_deletes_for_an_age(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one = bench.order("one")
            await bench.serve(one)
            await fill(bench, 0, 1)
            await bench.until(lambda: closed(one) == 2)
            clock = SetClock(T0_US)
            sweeper = Sweeper(bench.disks, 1, clock, tasks)

            async def assert_all_stay() -> None:
                await sweeper.sweep()
                assert not any(it.is_deleting for it in writers(bench))
                assert closed(one) == 2

            clock.now_us += SETTLED_US
            sweeper.keep(MONTH, trusts_clock=True)
            clock.offset_us += 31 * DAY_US
            await assert_all_stay()  # it was just set
            clock.now_us += SETTLED_US
            sweeper.keep(MONTH, trusts_clock=False)
            await assert_all_stay()
            sweeper.keep(MONTH, trusts_clock=True)
            await sweeper.sweep()
            await bench.until(lambda: closed(one) == 0)

    asyncio.run(test())


def test_what_should_have_gone_long_ago_goes_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one = bench.order("one")
            await bench.serve(one)
            clock = SetClock(T0_US + 31 * DAY_US)
            sweeper = Sweeper(bench.disks, 1, clock, tasks)
            sweeper.keep(MONTH, trusts_clock=True)
            clock.now_us += SETTLED_US
            for number in (0, 1):
                await fill(bench, number)
                await bench.until(lambda: closed(one) == 1)
                await sweeper.sweep()
                await bench.until(lambda: closed(one) == 0)

    asyncio.run(test())
    assert caplog.text.count("up to 24 hours past their age") == 1
    assert "timedatectl" in caplog.text


def test_what_goes_at_its_time_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            one = bench.order("one")
            await bench.serve(one)
            await fill(bench, 0)
            await bench.until(lambda: closed(one) == 1)
            clock = SetClock(T0_US + 30 * DAY_US + 10_000_000)
            sweeper = Sweeper(bench.disks, 1, clock, tasks)
            sweeper.keep(MONTH, trusts_clock=True)
            clock.now_us += SETTLED_US
            await sweeper.sweep()
            await bench.until(lambda: closed(one) == 0)

    asyncio.run(test())
    assert "past their age" not in caplog.text


def test_a_volume_that_does_not_answer_keeps_no_other_from_being_swept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            well, hung = bench.order("well"), bench.order("hung")
            await bench.serve(well)
            await fill(bench, 0, 1)
            await bench.until(lambda: closed(well) == 2)
            bench.volumes.apply([well, hung])
            await bench.until(lambda: bench.is_serving(hung))
            state = bench.disks.volumes[hung.volume_id]
            assert state.questions is not None
            state.questions.close()
            state.questions = cast(Any, Silent())
            sweeper = Sweeper(bench.disks, 1, bench.clock, tasks)
            sweeper.keep({"gate": Retention(max_bytes=1)}, trusts_clock=False)
            await sweeper.sweep()
            await bench.until(lambda: closed(well) == 0)

    asyncio.run(test())
    assert "it hangs" in caplog.text


def test_questions_to_a_disk_that_hangs_are_few_and_answered_in_time(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench:
            one = bench.order("one")
            await bench.serve(one)
            questions = bench.disks.volumes[one.volume_id].questions
            assert questions is not None
            goes_on = bench.mood(one).goes_on
            goes_on.clear()
            count = 3 * volume_questions.MOST_WAITING
            answers = await asyncio.gather(
                *(questions.ask(lambda *_: goes_on.wait(20), 0.05) for _ in range(count)),
                return_exceptions=True,
            )
            assert all("may hang" in str(answer) for answer in answers)
            assert questions._waiting == volume_questions.MOST_WAITING
            with pytest.raises(DiskError, match="may hang"):
                await questions.ask(lambda *_: None, deadline_s=1e9)
            goes_on.set()
            await bench.until(lambda: questions._waiting == 0)
            assert await questions.ask(lambda _, reader: reader.held_bytes()) == {}

    asyncio.run(test())


def test_a_disk_that_hangs_while_gaps_are_forgotten_holds_up_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(sweep, "ANSWER_S", 0.1)
    monkeypatch.setattr(sweep, "forget_gaps", lambda *_: goes_on.wait(60))

    async def test() -> None:
        async with Bench(tmp_path) as bench, asyncio.TaskGroup() as tasks:
            clock = SetClock(T0_US + 40 * DAY_US)
            sweeper = Sweeper(bench.disks, 1, clock, tasks)
            one = bench.order("one")
            with bench.disks.telling(sweeper.joined):
                await bench.serve(one)
            sweeper.keep(MONTH, trusts_clock=True)
            clock.now_us += 2 * FORGET_US
            await sweeper.sweep()
            assert "does not answer" in caplog.text
            goes_on.set()

    asyncio.run(test())


def test_of_plans_that_wait_behind_a_disk_that_hangs_the_last_one_counts(tmp_path: Path) -> None:
    async def test() -> None:
        async with Bench(tmp_path) as bench:
            one = bench.order("one")
            mood = bench.mood(one)
            await bench.serve(one)
            (writer,) = writers(bench)
            mood.goes_on.clear()
            bench.keep(GATE, 0)
            for _ in range(1000):
                writer.submit(Delete([]))
            assert len(writer._backlog._jobs) <= 1
            mood.goes_on.set()
            writer.submit(End(GATE.key))
            await bench.until(lambda: closed(one) == 1)

    asyncio.run(test())
