"""The pulse as a process: what it imports, what it is told and tells, and how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.etcd_processes import SingleEtcd, single_etcd
from tests.conformance.store.subjects import in_a_loop

from tandem.clock import SystemClock
from tandem.cluster import keys
from tandem.cluster.model import Session, SessionState
from tandem.node.beats import Route
from tandem.node.children.health import Patience
from tandem.node.pulse.child import COMMAND, PulseChild
from tandem.node.pulse.link import PulseEndedError
from tandem.node.pulse.messages import (
    MessageError,
    Orders,
    Report,
    parse_orders,
    parse_report,
)
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.etcd import open_store

CLOCK = SystemClock()
DEADLINE_S = 60.0
LOOK_S = 0.01
PLUMBING = {"tandem.recording.own_thread", "tandem.recording.orphan"}
"""Modules that only live there: threads and signals, nothing of a recording."""


def orders(place: Path, url: str) -> Orders:
    (place / "cluster.key").write_bytes(bytes(32))
    return Orders(
        node_id="n1",
        cluster=7,
        started_us=CLOCK.utc_us(),
        data=place,
        run_directory=place / "run",
        endpoints=(Endpoint(url, "n1"),),
        timing="patient",
        nodes=("n1",),
        routes=(),
    )


def test_it_imports_nothing_that_records_or_serves_pages() -> None:
    told = "import sys, tandem.node.pulse.process; print(*sys.modules)"
    names = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    barred = ("tandem.recording.", "tandem.media", "tandem.web", "tandem.node.agent", "tandem.cli")
    assert {name for name in names if name.startswith(barred)} <= PLUMBING
    assert not {name.partition(".")[0] for name in names} & {"av", "numpy", "click"}


def test_orders_and_reports_are_read_as_they_were_written(tmp_path: Path) -> None:
    given = Orders(
        **{
            **{
                name: getattr(orders(tmp_path, "http://127.0.0.1:1"), name)
                for name in Orders.__slots__
            },
            "routes": (Route("n2", "a", "10.0.0.1", "10.0.0.2", 2378, "eth1"),),
        }
    )
    assert parse_orders(given.encode()) == given
    told = Report(frozenset({"n2"}), frozenset({"n3"}), {"n2": 3}, epoch=4, renewed_us=5)
    read = parse_report(told.encode())
    assert read.encode() == told.encode()
    assert read.suspected == {"n2"}


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"version": 1}', b'{"version": 9}', b"\xff"])
def test_a_line_of_nobodys_is_refused(line: bytes) -> None:
    for parse in (parse_orders, parse_report):
        with pytest.raises(MessageError):
            parse(line)


class Told:
    """A pulse that runs, and what it says."""

    def __init__(self, child: PulseChild) -> None:
        self.child = child
        self.reports: list[Report] = []
        self.running = asyncio.create_task(child.run(self.reports.append))

    async def until(self, condition: Callable[[Report], object]) -> Report:
        async with asyncio.timeout(DEADLINE_S):
            while not self.reports or not condition(self.reports[-1]):
                assert not self.running.done(), self.running
                await asyncio.sleep(LOOK_S)
        return self.reports[-1]


@asynccontextmanager
async def running(given: Orders, **more: object) -> AsyncGenerator[Told, None]:
    child = PulseChild(CLOCK, **more)  # type: ignore[arg-type]
    child.order(given)
    told = Told(child)
    try:
        yield told
    finally:
        told.running.cancel()
        await asyncio.wait([told.running])


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def pid_of(told: Told) -> int:
    return int(told.reports[-1].health["pid"])


@pytest.mark.real
def test_it_keeps_a_session_says_how_it_is_and_ends_both_with_its_orders(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    with single_etcd(tmp_path / "etcd") as etcd:
        asyncio.run(keep_a_session(tmp_path, etcd))


async def keep_a_session(place: Path, etcd: SingleEtcd) -> None:
    async with running(orders(place, etcd.endpoint.url)) as told:
        first = await told.until(lambda it: it.phase == "live" and it.renewed_us)
        assert first.renewed_us
        renewed_us = first.renewed_us
        await told.until(lambda it: it.renewed_us and it.renewed_us > renewed_us)
        health = told.reports[-1].health
        assert health["real_time"] or health["problems"]
        pid = pid_of(told)
    assert not exists(pid)
    async with open_store([etcd.endpoint], Random(0)) as store:
        found = await store.get(keys.key(keys.SESSIONS, "n1"))
    assert found
    assert Session.decode("n1", found.value).state is SessionState.OFF, "nobody waits for it"


@in_a_loop
async def test_without_a_store_it_says_so_and_goes_on(tmp_path: Path) -> None:
    async with running(orders(tmp_path, "http://127.0.0.1:9")) as told:
        found = await told.until(lambda it: it.problem)
        assert found.phase != "live"
        assert found.renewed_us is None


@in_a_loop
async def test_the_agent_learns_that_its_pulse_was_killed(tmp_path: Path) -> None:
    async with running(orders(tmp_path, "http://127.0.0.1:9")) as told:
        await told.until(lambda _: True)
        os.kill(pid_of(told), signal.SIGKILL)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ExceptionGroup) as failed:
                await told.running
        assert failed.group_contains(PulseEndedError, match="has ended, with status -9")


@in_a_loop
async def test_the_agent_learns_that_its_pulse_hangs_and_kills_it(tmp_path: Path) -> None:
    patience = Patience(hung_us=500_000, lost_us=3_000_000)
    async with running(orders(tmp_path, "http://127.0.0.1:9"), patience=patience) as told:
        await told.until(lambda _: True)
        pid = pid_of(told)
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ExceptionGroup) as failed:
                await told.running
        assert failed.group_contains(PulseEndedError, match="hangs")
        assert not exists(pid)


def test_it_ends_when_its_agent_says_nothing_any_more(tmp_path: Path) -> None:
    given = orders(tmp_path, "http://127.0.0.1:9")
    made = (
        "import tandem.node.pulse.process as p; from tandem.node.children.health import Patience;"
    )
    made += "p.PATIENCE = Patience(hung_us=500_000, lost_us=2_000_000); raise SystemExit(p.main())"
    with subprocess.Popen(
        [sys.executable, "-c", made], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(given.encode() + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["version"]
        child.stdout.read()
        assert child.wait(DEADLINE_S) == 0


def test_the_command_is_this() -> None:
    assert COMMAND[1:] == ("-m", "tandem.node.pulse")
