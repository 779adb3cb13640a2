"""A resource that runs and is not well any more: health checks, as the pulse carries them out."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.pulse.bench import TOKEN, Bench, bench_at, many_turns, until, working

from tandem.cluster.exclusive.events import Start, Started, StartFailed, Stop, Stopped
from tandem.cluster.plan.resource import Resource as Definition

DEADLINE_S = 20
QUICK = {"interval_s": 0.1, "timeout_s": 5, "start_s": 0}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench_at(tmp_path, monkeypatch)


def define(bench: Bench, *checks: dict[str, object]) -> None:
    """Resource db, with these checks."""
    bench.hands.definitions = {
        "db": Definition("db", "played", options={"secret": "s"}, checks=checks)
    }


def was_asked(listening: socket.socket) -> bool:
    """Whether somebody has connected since the last look."""
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@in_a_loop
@working
async def test_one_whose_check_fails_is_stopped_and_has_failed_with_the_checks_reason(
    bench: Bench,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        define(bench, {"kind": "tcp", "port": port, "failures": 2, **QUICK})
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
        for _ in range(3):
            async with asyncio.timeout(DEADLINE_S):
                await until(lambda: was_asked(listening))
        assert bench.machine.runs
        assert not bench.told
    async with asyncio.timeout(DEADLINE_S):
        await until(lambda: bench.told)
    said = f"its check 1 failed 2 times in a row: 127.0.0.1:{port}: Connection refused."
    assert bench.told == [StartFailed("db", 1, said)]
    assert bench.hands.failure_of("db") == said
    assert not bench.machine.runs


@in_a_loop
@working
async def test_one_check_that_fails_is_enough_and_is_named_by_its_number(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        well = {"kind": "tcp", "port": listening.getsockname()[1], **QUICK}
        define(bench, well, {"kind": "command", "command": ["/no/such"], "failures": 1, **QUICK})
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
        async with asyncio.timeout(DEADLINE_S):
            await until(lambda: bench.told)
    (told,) = bench.told
    assert isinstance(told, StartFailed)
    assert told.reason.startswith("its check 2 failed once: /no/such: ")


@in_a_loop
@working
async def test_one_with_checks_that_ends_by_itself_has_failed_at_once(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        define(bench, {"kind": "tcp", "port": listening.getsockname()[1]})
        await bench.hands.start(Start("db", 1, TOKEN))
        bench.machine.broken.add("db")
        async with asyncio.timeout(DEADLINE_S):
            await until(lambda: bench.told)
        assert bench.told == [StartFailed("db", 1, "it is broken.")]


@in_a_loop
@working
async def test_one_with_checks_stops_when_told_and_is_asked_no_more(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        define(bench, {"kind": "tcp", "port": listening.getsockname()[1], **QUICK})
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
        async with asyncio.timeout(DEADLINE_S):
            await until(lambda: was_asked(listening))
        assert await bench.hands.stop(Stop("db", 1, None)) == Stopped("db", 1)
        await many_turns()
        assert not [it for it in asyncio.all_tasks() if "db" in it.get_name()]
    assert not bench.told
    assert not bench.hands.failure_of("db")


@in_a_loop
@working
async def test_a_check_that_cannot_be_asked_is_a_failure_and_not_the_end_of_the_pulse(
    bench: Bench,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        define(bench, {"kind": "http", "url": url, "host": "a\r\nb", "failures": 1, **QUICK})
        assert await bench.hands.start(Start("db", 1, TOKEN)) == Started("db", 1)
        async with asyncio.timeout(DEADLINE_S):
            await until(lambda: bench.told)
    assert isinstance(bench.told[0], StartFailed)
    assert not bench.machine.runs
    define(bench)
    assert await bench.hands.start(Start("db", 2, TOKEN)) == Started("db", 2)


@in_a_loop
@working
async def test_a_definition_whose_checks_cannot_be_read_is_not_started(bench: Bench) -> None:
    define(bench, {"kind": "ping"})
    answer = await bench.hands.start(Start("db", 1, TOKEN))
    assert isinstance(answer, StartFailed)
    assert "Resource db, check 1: kind: write command, tcp or http." in answer.reason
    assert not bench.machine.runs
