"""The archivist as a process: told by its agent, heals from another one, ends with its agent."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.lab.camera.running import wait_until
from tests.node.archivist.filming import Filming
from tests.node.archivist.material import film
from tests.node.archivist.running import (
    MINUTE_US,
    mounted_of,
    now_us,
    orders_of,
    pictures_of,
    running,
    volume_of,
)
from tests.node.recorders.running import exists, kill, stop
from tests.node.test_tls import Files

from tandem.archive.check import check
from tandem.archive.mount import Mounted
from tandem.archive.rows import Role, State
from tandem.node.archivist.view import Address
from tandem.node.children.health import Condition

pytestmark = pytest.mark.real
TOP = Path(__file__).parents[3]


@contextmanager
def volume(directory: Path, name: str) -> Iterator[Mounted]:
    mounted = mounted_of(directory, name)
    try:
        yield mounted
    finally:
        mounted.close()


def faults(mounted: Mounted) -> list[str]:
    """What `check` finds: every file has its row, its size and its hash."""
    return [one.sentence for one in check(mounted.volume, mounted.reader, hashes=True)]


@in_a_loop
async def test_a_window_is_made_whole_while_the_other_node_goes_on_recording(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path, "ours")
    with volume(tmp_path, "n1") as first, volume(tmp_path, "n3") as third:
        scene_us = now_us() + MINUTE_US  # so that it is new however slowly all this starts
        film(first, Role.PRIMARY, start_us=scene_us - MINUTE_US, fragments=60)
        theirs = Filming(first, scene_us).go_on(58)
        async with (
            running(orders_of(tmp_path, files, "n1")) as one,
            running(orders_of(tmp_path, files, "n3")) as three,
        ):
            await one.listens()
            three.heal({"n1": one})
            await three.until(lambda: three.filed == 2, "both are fetched")
            assert three.camera
            theirs.go_on(4)
            ours = Filming(third, scene_us, first=58, role=Role.SECOND).go_on(4)
            await three.is_whole()
            assert Counter(pictures_of(third)) == Counter(pictures_of(first))
            assert three.state["healing"]["last_problem"] == ""
            theirs.close()
            ours.close()
        assert faults(third) == []


@in_a_loop
async def test_an_archivist_that_is_killed_while_it_heals_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path, "ours")
    with volume(tmp_path, "n1") as first, volume(tmp_path, "n3") as third:
        start_us = now_us() - 8 * MINUTE_US
        rows = [
            film(first, Role.PRIMARY, start_us=start_us + n * MINUTE_US, fragments=60)
            for n in range(6)
        ]
        slow = replace(orders_of(tmp_path, files, "n3"), healing_bytes_s=rows[0].durable_bytes * 2)
        async with running(orders_of(tmp_path, files, "n1")) as one, running(slow) as three:
            await one.listens()
            three.heal({"n1": one})
            await three.until(lambda: third_has(third) >= 2, "some is healed")
            kill(three.pid)
            await three.until(lambda: three.child.report().restarts == 1, "it was killed")
            assert third_has(third) < len(rows)
            await three.is_whole()
            assert Counter(pictures_of(third)) == Counter(pictures_of(first))
            assert three.filed < len(rows)
        assert faults(third) == []


def third_has(mounted: Mounted) -> int:
    return sum(row.state is State.CLOSED for row in mounted.reader.all_segments())


@in_a_loop
async def test_a_volume_that_is_not_there_is_told_and_the_other_one_serves(tmp_path: Path) -> None:
    files = Files(tmp_path, "ours")
    orders = orders_of(tmp_path, files, "n1")
    missing = replace(volume_of(tmp_path, "n9"), path=tmp_path / "unmounted")
    with volume(tmp_path, "n1") as first:
        film(first, Role.PRIMARY, start_us=now_us() - MINUTE_US)
        async with (
            running(replace(orders, volumes=(*orders.volumes, missing))) as one,
            running(orders_of(tmp_path, files, "n3")) as three,
        ):
            await one.listens()
            problems = {each["path"]: each["problem"] for each in one.state["volumes"]}
            assert problems[str(tmp_path / "n1")] is None
            assert "mount the disk there" in problems[str(tmp_path / "unmounted")]
            three.heal({"n1": one})
            await three.until(lambda: three.filed == 1, "what can be read is healed")
            await three.until(lambda: bool(three.camera.get("problem")), "it says what may lack")
            assert "Node n1 cannot read all of its volumes" in three.camera["problem"]
            assert "unmounted" in three.camera["problem"]
            pid = one.pid
            one.want(volumes=orders.volumes)
            await three.is_whole()
            assert one.pid == pid, "volumes come and go without another process"


@in_a_loop
async def test_what_was_on_a_disk_that_is_lost_is_fetched_again_to_another_one(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path, "ours")
    both = volume_of(tmp_path, "n3"), volume_of(tmp_path, "n8")
    with volume(tmp_path, "n1") as first:
        film(first, Role.PRIMARY, start_us=now_us() - MINUTE_US)
    async with (
        running(orders_of(tmp_path, files, "n1")) as one,
        running(replace(orders_of(tmp_path, files, "n3"), volumes=both)) as three,
    ):
        await one.listens()
        three.heal({"n1": one})
        await three.until(lambda: three.filed == 1, "it is healed")
        await three.is_whole()
        (lost,) = [it for it in both if list(it.path.rglob("*.mp4"))]
        lost.path.rename(tmp_path / "taken-out")
        await three.until(lambda: three.filed == 2, "it is healed again")
        await three.is_whole()
        (other,) = [it for it in both if it is not lost]
        assert list(other.path.rglob("*.mp4"))


@in_a_loop
async def test_a_node_without_any_volume_says_so_to_whoever_would_heal_from_it(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path, "ours")
    orders = orders_of(tmp_path, files, "n1")
    missing = replace(orders.volumes[0], path=tmp_path / "unmounted")
    async with (
        running(replace(orders, volumes=(missing,))) as one,
        running(orders_of(tmp_path, files, "n3")) as three,
    ):
        await one.listens()
        three.heal({"n1": one})
        await three.until(lambda: bool(three.camera.get("problem")), "it says why")
        assert "No volume of this node is in use" in three.camera["problem"]
        assert three.state["copies"] == {"ordered": 1, "whole": 0}


@in_a_loop
async def test_a_link_that_is_not_there_keeps_no_other_from_serving(tmp_path: Path) -> None:
    files = Files(tmp_path, "ours")
    orders = orders_of(tmp_path, files, "n1")
    absent = Address("192.0.2.77", 0)
    async with running(replace(orders, links=(absent, *orders.links))) as one:
        await one.listens()
        told = {each["host"]: each["problem"] for each in one.state["listening"]}
        assert told["127.0.0.1"] is None
        assert "192.0.2.77:0 cannot be listened on" in told["192.0.2.77"]


@in_a_loop
async def test_other_volumes_or_links_need_another_process_and_other_placements_do_not(
    tmp_path: Path,
) -> None:
    orders = orders_of(tmp_path, Files(tmp_path, "ours"), "n1")
    async with running(orders) as one:
        await one.listens()
        pid = one.pid
        one.want(placements={}, trusts_clock=False)
        one.heal({})
        await one.until(lambda: one.state["copies"]["ordered"] == 1, "the orders have arrived")
        assert one.pid == pid
        one.want(links=(*orders.links, *orders.links))
        await one.until(lambda: len(one.state.get("listening", ())) == 2, "it listens twice")
        assert one.pid != pid
        assert one.child.report().restarts == 0


@in_a_loop
async def test_without_its_certificate_it_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    orders = orders_of(tmp_path, Files(tmp_path, "ours"), "n1")
    async with running(replace(orders, credentials=tmp_path / "none.pem")) as one:
        await one.until(lambda: one.child.report().restarts > 0, "it has ended")
        assert one.child.report().condition is Condition.WAITING
        assert "could not carry out its orders" in (one.child.report().problem or "")
    assert f"key and certificate in {tmp_path}/none.pem" in caplog.text


@pytest.mark.parametrize("is_stopped", [False, True])
def test_no_archivist_outlives_an_agent_that_is_killed(tmp_path: Path, is_stopped: bool) -> None:
    agent = subprocess.Popen(
        [sys.executable, "-m", "tests.node.archivist.agent", tmp_path],
        stdout=subprocess.PIPE,
        cwd=TOP,
    )
    assert agent.stdout is not None
    with agent.stdout:
        pid = int(agent.stdout.readline())
    assert exists(pid)
    if is_stopped:
        stop(pid)
    agent.kill()
    agent.wait()
    wait_until(lambda: not exists(pid), "the archivist has ended")
