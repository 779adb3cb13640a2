"""A process as an exclusive resource: from an order in the store to a process, and to its end."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.etcd_processes import SingleEtcd, single_etcd
from tests.node.pulse.test_process import exists, orders, pid_of, running

from tandem.cluster import keys
from tandem.cluster.order import Order
from tandem.cluster.plan.resource import Resource
from tandem.node.pulse.messages import Json, Report
from tandem.node.pulse.pulse import GROUP
from tandem.node.store.etcd import open_store
from tandem.node.store.model import Put, Transaction
from tandem.resources.control_group import own_group

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


def one(report: Report) -> Json:
    """What is said of the process; nothing while it is not known."""
    return next((it for it in report.resources if it["resource"] == "job"), {})


def phase(report: Report) -> str:
    return str(one(report).get("phase", ""))


async def enter(etcd: SingleEtcd, told: Path, *checks: dict[str, object]) -> None:
    """A process that says its number, and then only waits."""
    command = ("/bin/sh", "-c", f"echo $TANDEM_TOKEN > {told}; exec sleep 1000")
    job = Resource("job", "process", options={"command": list(command)}, checks=checks)
    async with open_store([etcd.endpoint], Random(0)) as store:
        puts = (
            Put(keys.key(keys.RESOURCES, "job"), job.encode()),
            Put(keys.key(keys.ORDERS, "job"), Order(("n1",), 1).encode()),
        )
        await store.transact(Transaction(success=puts))


def left(place: Path) -> list[Path]:
    return list((place / "run" / "started").glob("*"))


@contextmanager
def no_group_left() -> Iterator[None]:
    """A pulse leaves its empty group to the next one; after these there is none."""
    group = own_group() / GROUP
    try:
        yield
    finally:
        if group.exists():
            group.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_it_runs_with_its_token_and_ends_with_the_pulse_or_is_ended_by_the_next(
    tmp_path: Path,
) -> None:
    (tmp_path / "etcd").mkdir()
    with no_group_left(), single_etcd(tmp_path / "etcd") as etcd:
        asyncio.run(run_and_end(tmp_path, etcd))


async def run_and_end(place: Path, etcd: SingleEtcd) -> None:
    said = place / "said"
    await enter(etcd, said)
    given = orders(place, etcd.endpoint.url)
    async with running(given) as first:
        report = await first.until(lambda it: phase(it) == "running")
        token = next(it["token"] for it in report.resources if it["resource"] == "job")
        assert said.read_text().strip() == token
        pid = pid_of(first)
        assert left(place)
    assert not exists(pid)
    assert not left(place), "it was proven stopped"
    async with running(given) as second:
        await second.until(lambda it: phase(it) == "running")
        os.kill(pid_of(second), signal.SIGKILL)
        await asyncio.wait([second.running])
        assert left(place)
    async with running(given) as third:
        await third.until(lambda it: phase(it) == "running")
        assert said.read_text().strip() != token
    assert not left(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_one_that_fails_its_check_is_killed_and_told_and_runs_again_later(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    with no_group_left(), single_etcd(tmp_path / "etcd") as etcd:
        asyncio.run(fail_a_check(tmp_path, etcd))


async def fail_a_check(place: Path, etcd: SingleEtcd) -> None:
    well = place / "well"
    well.touch()
    script = f"test -e {well} || {{ echo no page; exit 1; }}"
    check = {"kind": "command", "command": ["/bin/sh", "-c", script]}
    await enter(etcd, place / "said", {**check, "interval_s": 0.1, "failures": 2, "start_s": 0})
    async with running(orders(place, etcd.endpoint.url)) as told:
        report = await told.until(lambda it: phase(it) == "running")
        assert not one(report)["failure"]
        well.unlink()
        report = await told.until(lambda it: phase(it) == "stopped")
        said = "its check 1 failed 2 times in a row: /bin/sh: status 1, said: no page."
        assert one(report)["failure"] == said
        assert one(report)["failed_us"]
        well.touch()
        await told.until(lambda it: phase(it) == "running")
