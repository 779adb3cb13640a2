"""Recorder processes are started, told, read, and never left behind."""

import asyncio
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from tests.lab.camera.running import wait_until
from tests.node.recorders.running import (
    CLUSTER,
    exists,
    kill,
    make_volume,
    running,
    stop,
    stream,
)

from tandem.node.children.health import Condition, Patience
from tandem.node.recorders.wanted import Wanted

TOP = Path(__file__).parents[3]
PASSWORD = "correct-horse-battery"

STATUS = '{"version": 1, "at_us": 1, "streams": [], "volumes": [], "dropped_bytes": 0}'


def pretender(program: str) -> tuple[str, ...]:
    """A command that takes a recorder's place; it can `say()` that it is well."""
    head = f"""
        import os, signal, sys, time
        def say(): print('{STATUS}', flush=True)
    """
    return (sys.executable, "-c", dedent(head) + dedent(program))


STUBBORN = pretender("""
    say()
    while True: time.sleep(1000)
""")


def wanted(tmp_path: Path) -> Wanted:
    return Wanted(CLUSTER, (make_volume(tmp_path / "volume"),), (stream("a"),))


@pytest.mark.real
@pytest.mark.parametrize("are_stopped", [False, True])
def test_no_recorder_outlives_an_agent_that_is_killed(tmp_path: Path, are_stopped: bool) -> None:
    volume = make_volume(tmp_path / "volume")
    agent = subprocess.Popen(
        [sys.executable, "-m", "tests.node.recorders.agent", volume.path, str(volume.volume_id)],
        stdout=subprocess.PIPE,
        cwd=TOP,
    )
    assert agent.stdout is not None
    with agent.stdout:
        pids = [int(pid) for pid in agent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(exists(pid) for pid in pids)
    for pid in pids if are_stopped else []:
        stop(pid)
    agent.kill()
    agent.wait()
    wait_until(lambda: not any(exists(pid) for pid in pids), "both recorders have ended")


@pytest.mark.real
def test_passwords_are_in_no_argument_no_environment_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> str:
        one = stream("a", "rtsp://127.0.0.1:1/", PASSWORD)
        async with running(replace(wanted(tmp_path), streams=(one,))) as bench:
            await bench.all_speak()
            assert PASSWORD not in repr(bench.recorders.report())
            process = Path("/proc") / str(bench.pid())
            return (process / "cmdline").read_text() + (process / "environ").read_text()

    assert PASSWORD not in asyncio.run(scenario())
    assert PASSWORD not in caplog.text


def test_whoever_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    async def scenario() -> int:
        patience = Patience(end_us=100_000)
        async with running(wanted(tmp_path), command=STUBBORN, patience=patience) as bench:
            await bench.all_speak()
            return bench.pid()

    assert not exists(asyncio.run(scenario()))


def with_helper(helper: Path) -> tuple[str, ...]:
    """A stubborn recorder that has started a process of its own."""
    return pretender(f"""
        pid = os.fork()
        if pid:
            open({str(helper)!r}, "w").write(str(pid))
            say()
        while True: time.sleep(1000)
    """)


def test_a_second_cancellation_leaves_no_process_behind(tmp_path: Path) -> None:
    helper = tmp_path / "helper"

    async def scenario() -> None:
        async with running(wanted(tmp_path), command=with_helper(helper)) as bench:
            await bench.all_speak()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for _ in range(3):
                for task in others:
                    task.cancel()
                await asyncio.sleep(0)
            pids = [bench.pid(), int(helper.read_text())]
            await bench.until(lambda: not any(map(exists, pids)), "both are killed at once")

    asyncio.run(scenario())


def test_what_a_recorder_has_started_is_killed_with_it(tmp_path: Path) -> None:
    helper = tmp_path / "helper"

    async def scenario() -> None:
        patience = Patience(end_us=100_000)
        command = with_helper(helper)
        async with running(wanted(tmp_path), command=command, patience=patience) as bench:
            await bench.all_speak()

    asyncio.run(scenario())
    wait_until(lambda: not exists(int(helper.read_text())), "its helper has ended")


def test_a_recorder_may_close_its_files_before_it_ends(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    command = pretender(f"""
        say()
        while sys.stdin.readline(): pass
        print("INFO a: closed", file=sys.stderr)
        open({str(closed)!r}, "w").close()
    """)

    async def scenario() -> None:
        async with running(wanted(tmp_path), command=command) as bench:
            await bench.all_speak()

    asyncio.run(scenario())
    assert closed.exists()


def test_a_recorder_that_talks_nonsense_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = pretender("""
        say()
        while True:
            print("nonsense", flush=True)
            time.sleep(0.1)
    """)

    async def scenario() -> None:
        patience = Patience(hung_us=500_000, lost_us=1_000_000)
        async with running(wanted(tmp_path), command=command, patience=patience) as bench:
            await bench.until(
                lambda: bench.recorders.report().recorders[0].restarts > 0, "it is replaced"
            )

    asyncio.run(scenario())
    assert "what is no status" in caplog.text


def test_orders_that_a_stopped_recorder_cannot_read_pile_up_nowhere(tmp_path: Path) -> None:
    command = pretender("""
        say()
        while sys.stdin.readline(): say()
    """)

    async def scenario() -> None:
        async with running(wanted(tmp_path), command=command) as bench:
            await bench.all_speak()
            stop(bench.pid())
            child = bench.recorders._slots[0]._child
            assert child is not None
            size = 0
            for number in range(300):
                bench.want_streams(stream(f"c{it}-{number}") for it in range(30))
                await asyncio.sleep(0)
                size = max(size, child._stdin.transport.get_write_buffer_size())
            assert size < 200_000
            kill(bench.pid())

    asyncio.run(scenario())


def test_one_that_ends_at_once_is_started_less_and_less_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    command = pretender("print('CRITICAL a: no volume', file=sys.stderr); sys.exit(2)")

    async def scenario() -> None:
        async with running(wanted(tmp_path), command=command) as bench:
            await bench.until(
                lambda: bench.recorders.report().recorders[0].restarts == 4, "it fails four times"
            )
            report = bench.recorders.report()
            assert report.recorders[0].condition is Condition.WAITING
            (state,) = report.streams.values()
            assert "Recorder 1 could not carry out its orders" in state["message"]

    asyncio.run(scenario())
    assert ("tandem.recorder.1", logging.CRITICAL, "a: no volume") in caplog.record_tuples


def test_a_program_that_is_missing_is_named_and_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(wanted(tmp_path), command=("/nonexistent/recorder",)) as bench:
            await bench.until(
                lambda: bench.recorders.report().recorders[0].restarts == 2, "it is tried again"
            )
            problem = bench.recorders.report().recorders[0].problem
            assert problem is not None
            assert "/nonexistent/recorder" in problem

    asyncio.run(scenario())
