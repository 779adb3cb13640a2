"""Volumes that hang, are missing, die, come back, and are ordered anew."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.recording.serving import Bench, gaps, pictures, segments
from tests.recording.streams import GOP_US, T0_US, order

from tandem.archive.rows import GapCause, State
from tandem.archive.space import NO_CAP, Space
from tandem.recording import patience, volume_service, volume_writer
from tandem.recording.orders import VolumeOrder
from tandem.recording.status import volume_status

GATE = order()
ROOMY = Space(100 << 30, 100 << 30, 0, NO_CAP)


def run(root: Path, test: Callable[[Bench], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with Bench(root) as bench:
            await test(bench)

    asyncio.run(inside())


def test_a_disk_that_hangs_while_it_is_opened_holds_up_neither_recording_nor_the_end(
    tmp_path: Path,
) -> None:
    benches: list[Bench] = []
    kept: list[VolumeOrder] = []

    async def test(bench: Bench) -> None:
        well, hung = bench.order("well"), bench.order("hung")
        bench.mood(hung).goes_on.clear()
        bench.volumes.apply([hung, well])
        await bench.until(lambda: bench.is_serving(well))
        bench.keep(GATE, 0, 1)
        assert not bench.is_serving(hung)
        kept.append(well)
        benches.append(bench)

    run(tmp_path, test)
    (well,) = kept
    assert pictures(well) == [0, 1]
    assert [one.state for one in segments(well)] == [State.CLOSED]
    benches[0].close_what_hung()


def test_a_disk_that_hangs_is_told_and_is_well_again_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HANGS_US", 3_000_000)

    async def test(bench: Bench) -> None:
        one = bench.order("one")
        mood = bench.mood(one)
        await bench.serve(one)
        state = bench.disks.volumes[one.volume_id]
        mood.goes_on.clear()
        bench.keep(GATE, 0)
        await bench.until(
            lambda: "not answered" in str(volume_status(one.volume_id, state)["problem"])
        )
        mood.goes_on.set()
        await bench.until(lambda: volume_status(one.volume_id, state)["problem"] is None)

    run(tmp_path, test)


def test_a_disk_that_hung_joins_when_it_goes_on(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        well, hung = bench.order("well"), bench.order("hung")
        bench.mood(hung).goes_on.clear()
        bench.volumes.apply([hung, well])
        await bench.until(lambda: bench.is_serving(well))
        bench.mood(hung).goes_on.set()
        await bench.until(lambda: bench.is_serving(hung))

    run(tmp_path, test)


def test_a_volume_that_nobody_waits_for_any_more_is_let_go_of_when_it_opens(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        hung = bench.order("hung")
        bench.mood(hung).goes_on.clear()
        bench.volumes.apply([hung])
        await asyncio.sleep(0)
        bench.volumes.apply([])
        bench.mood(hung).goes_on.set()
        await bench.until(lambda: bool(bench.opened))
        await bench.until(lambda: bench.opened[0].volume._root_fd < 0)

    run(tmp_path, test)


def test_a_disk_that_hangs_at_the_end_is_left_to_itself_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(volume_service, "LAST_SYNC_S", 0.2)
    benches: list[Bench] = []

    async def test(bench: Bench) -> None:
        hung = bench.order("hung")
        mood = bench.mood(hung)
        await bench.serve(hung)
        bench.keep(GATE, 0)
        mood.goes_on.clear()
        benches.append(bench)

    run(tmp_path, test)
    assert "not everything reached the disk" in caplog.text
    benches[0].release()


def test_a_volume_that_was_missing_comes_into_service_without_a_restart(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        late = bench.order("late", exists=False)
        bench.volumes.apply([late])
        await bench.until(lambda: "mount the disk" in bench.problem(late))
        assert bench.disks.volumes[late.volume_id].is_dead
        bench.keep(GATE, 0)
        bench.make(late)
        await bench.until(lambda: bench.is_serving(late))
        assert bench.problem(late) == ""
        bench.keep(GATE, 1)
        await bench.until(lambda: bench.disks.durable_until_us == {GATE.key: T0_US + 2 * GOP_US})
        (gap,) = gaps(late)
        assert (gap.from_us, gap.to_us) == (T0_US, T0_US + GOP_US)
        assert gap.cause is GapCause.VOLUME_MISSING
        assert "mount the disk" in gap.detail

    run(tmp_path, test)


def test_a_volume_that_died_is_opened_anew_and_what_it_left_open_is_closed(tmp_path: Path) -> None:
    kept: list[VolumeOrder] = []

    async def test(bench: Bench) -> None:
        ill, well = bench.order("ill"), bench.order("well")
        mood = bench.mood(ill)
        await bench.serve(ill)
        bench.keep(GATE, 0, 1)
        await bench.until(lambda: bool(bench.disks.durable_until_us))
        bench.volumes.apply([ill, well])
        await bench.until(lambda: bench.is_serving(well))
        mood.is_failing = True
        bench.keep(GATE, 2)
        await bench.until(lambda: bench.disks.volumes[ill.volume_id].is_dead)
        bench.keep(GATE, 3)
        assert not bench.is_serving(ill)
        mood.is_failing = False
        await bench.until(lambda: bench.is_serving(ill))
        assert [one.state for one in segments(ill)] == [State.CLOSED]
        kept.extend([ill, well])

    run(tmp_path, test)
    ill, well = kept
    assert pictures(ill) == [0, 1]
    assert pictures(well) == [2, 3]
    assert {one.state for one in segments(well)} == {State.CLOSED}


def test_a_volume_that_is_unmounted_under_a_recorder_is_left_and_taken_back(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        away = bench.order("away")
        await bench.serve(away)
        elsewhere = away.path.with_name("elsewhere")
        away.path.rename(elsewhere)
        await bench.until(lambda: bench.disks.volumes[away.volume_id].is_dead)
        elsewhere.rename(away.path)
        await bench.until(lambda: bench.is_serving(away))

    run(tmp_path, test)


def test_a_disk_that_is_only_read_only_is_tried_at_the_same_pace_however_long_it_is(
    tmp_path: Path,
) -> None:
    async def test(bench: Bench) -> None:
        one = bench.order("one")
        mood = bench.mood(one)
        await bench.serve(one)
        told = bench.reopenings[one.volume_id].told
        mood.error, mood.is_failing = errno.EROFS, True
        await bench.until(lambda: len(told) > 5)
        assert told[:5] == ["failed", *["absent"] * 4]
        assert "read-only" in bench.problem(one)
        mood.is_failing = False
        await bench.until(lambda: bench.is_serving(one))

    run(tmp_path, test)


def test_volumes_are_added_and_removed_while_recording_goes_on(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        old, new = bench.order("old"), bench.order("new")
        await bench.serve(old)
        bench.keep(GATE, 0, 1)
        bench.volumes.apply([old, new])
        await bench.until(lambda: bench.is_serving(new))
        bench.volumes.apply([new])
        assert old.volume_id not in bench.disks.volumes
        bench.keep(GATE, 2)
        await bench.until(lambda: [one.state for one in segments(old)] == [State.CLOSED])
        await bench.until(
            lambda: bench.disks.durable_until_us == {GATE.key: T0_US + 3 * GOP_US},
        )
        assert pictures(old) == [0, 1]
        assert pictures(new) == [2]
        assert gaps(new) == gaps(old) == []

    run(tmp_path, test)


def test_a_volume_whose_limits_change_is_closed_and_opened_anew(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        one = bench.order("one")
        await bench.serve(one)
        bench.keep(GATE, 0)
        smaller = VolumeOrder(one.path, one.volume_id, type(one.limits)(1 << 30, 1 << 20))
        bench.volumes.apply([smaller])
        assert not bench.is_serving(one)
        await bench.until(lambda: bench.is_serving(smaller))
        assert bench.opened[-1].volume.limits == smaller.limits
        assert pictures(one) == [0]
        assert [it.state for it in segments(one)] == [State.CLOSED]

    run(tmp_path, test)


def test_what_a_removed_disk_that_hangs_did_not_take_goes_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_service, "LAST_SYNC_S", 0.2)

    async def test(bench: Bench) -> None:
        hung, well = bench.order("hung"), bench.order("well")
        mood = bench.mood(hung)
        await bench.serve(hung)
        bench.keep(GATE, 0)
        await bench.until(lambda: bool(bench.disks.durable_until_us))
        mood.goes_on.clear()
        bench.keep(GATE, 1, 2, 3)
        bench.volumes.apply([hung, well])
        await bench.until(lambda: bench.is_serving(well))
        bench.volumes.apply([well])
        await bench.until(lambda: {2, 3} <= set(pictures(well)))
        mood.goes_on.set()

    run(tmp_path, test)


def test_what_waits_for_a_disk_that_hangs_is_written_elsewhere_and_once_though_nothing_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HANGS_US", 1_000_000)
    monkeypatch.setattr(volume_service, "RELIEF_S", 0.05)
    kept: list[VolumeOrder] = []

    async def test(bench: Bench) -> None:
        hung, well = bench.order("hung"), bench.order("well")
        mood = bench.mood(hung)
        await bench.serve(hung)
        bench.keep(GATE, 0)
        await bench.until(lambda: bool(bench.disks.durable_until_us))
        mood.goes_on.clear()
        bench.keep(GATE, 1, 2, 3)
        bench.volumes.apply([hung, well])
        await bench.until(lambda: {2, 3} <= set(pictures(well)))
        bench.keep(GATE, 4)
        mood.goes_on.set()
        kept.extend([hung, well])

    run(tmp_path, test)
    assert pictures(*kept) == [0, 1, 2, 3, 4]
    for one in kept:
        found = segments(one)
        assert {it.state for it in found} == {State.CLOSED}
        assert [it.start_us for it in found[1:]] == [it.end_us for it in found[:-1]]


def test_a_full_disk_that_is_removed_is_let_go_of_and_what_waited_goes_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_service, "LAST_SYNC_S", 0.2)

    async def test(bench: Bench) -> None:
        full, well = bench.order("full"), bench.order("well")
        mood = bench.mood(full)
        await bench.serve(full)
        bench.keep(GATE, 0)
        await bench.until(lambda: bool(bench.disks.durable_until_us))
        mood.error, mood.is_failing = errno.ENOSPC, True
        bench.keep(GATE, 1, 2, 3)
        await bench.until(lambda: "No space left" in bench.problem(full))
        bench.volumes.apply([full, well])
        await bench.until(lambda: bench.is_serving(well))
        bench.volumes.apply([well])
        await bench.until(lambda: {2, 3} <= set(pictures(well)))
        mood.is_failing = False
        await bench.until(lambda: bench.opened[0].volume._root_fd < 0)
        assert pictures(full, well) == [0, 1, 2, 3]

    run(tmp_path, test)


def test_of_the_only_disk_it_is_said_at_the_end_that_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(volume_service, "LAST_SYNC_S", 0.2)
    benches: list[Bench] = []

    async def test(bench: Bench) -> None:
        full = bench.order("full")
        mood = bench.mood(full)
        await bench.serve(full)
        mood.error, mood.is_failing = errno.ENOSPC, True
        bench.keep(GATE, 0)
        await bench.until(lambda: "No space left" in bench.problem(full))
        benches.append(bench)

    run(tmp_path, test)
    assert "it has no room: see `df -h`" in caplog.text
    benches[0].moods.popitem()[1].is_failing = False


def test_pictures_that_a_disk_gave_back_late_stand_in_files_whose_times_increase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_service, "LAST_SYNC_S", 0.2)
    kept: list[VolumeOrder] = []

    async def test(bench: Bench) -> None:
        hung, well = bench.order("hung"), bench.order("well")
        mood = bench.mood(hung)
        await bench.serve(hung)
        bench.keep(GATE, 0)
        await bench.until(lambda: bool(bench.disks.durable_until_us))
        mood.goes_on.clear()
        bench.keep(GATE, 1, 2, 3)
        bench.volumes.apply([hung, well])
        await bench.until(lambda: bench.is_serving(well))
        bench.volumes.apply([well])
        bench.keep(GATE, 4, 5)  # before the others are taken back
        await bench.until(lambda: {2, 3} <= set(pictures(well)))
        bench.keep(GATE, 6)
        mood.goes_on.set()
        kept.append(well)

    run(tmp_path, test)
    (well,) = kept
    found = segments(well)
    assert {it.state for it in found} == {State.CLOSED}
    assert all(it.start_us < it.end_us for it in found)
    assert [it.start_us for it in found[1:]] == [it.end_us for it in found[:-1]]


def test_what_waits_for_a_full_disk_at_the_end_is_written_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_writer, "RETRY_FULL_S", 1e6)
    kept: list[VolumeOrder] = []

    async def test(bench: Bench) -> None:
        well, full = bench.order("well"), bench.order("full")
        mood = bench.mood(full)
        bench.volumes.apply([well, full])
        await bench.until(lambda: bench.is_serving(well) and bench.is_serving(full))
        bench.disks.volumes[full.volume_id].space = ROOMY
        bench.keep(GATE, 0)
        await bench.until(lambda: bool(segments(full)))
        mood.error, mood.is_failing = errno.ENOSPC, True
        bench.keep(GATE, 1, 2, 3)
        await bench.until(lambda: "No space left" in bench.problem(full))
        kept.extend([well, full])

    run(tmp_path, test)
    assert pictures(*kept) == [0, 1, 2, 3]
