"""Copies are made whole, from segments that are still being written too, each byte fetched once."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from tests.archive.material import BASE_US, create, mounted_at
from tests.conformance.store.subjects import eventually, in_a_loop
from tests.node.archivist.filming import Filming
from tests.node.archivist.material import (
    CAMERA,
    NOW_US,
    SECOND_US,
    Site,
    film,
    identities,
    inquiry,
    sites,
    spoil,
)
from tests.node.archivist.test_healing import faults

from tandem.archive.rows import Role, Segment, State
from tandem.cluster.model import Placement
from tandem.node.archivist import reconciler as module
from tandem.node.archivist.filing import Filed
from tandem.node.archivist.orders import HealOrder
from tandem.node.archivist.reconciler import Reconciler
from tandem.node.archivist.view import Address

MINUTE_US = 60 * SECOND_US
SCENE_US = NOW_US - MINUTE_US
"""When the scenes begin that are being filmed now."""


def reconciler_of(site: Site) -> Reconciler:
    return Reconciler(site.holdings, site.view, site.peers, site.healer, site.clock, Random(1))


def order(*peers: str, token: str = "1", since_us: int | None = BASE_US) -> dict[str, HealOrder]:
    return {CAMERA: HealOrder(peers, ("main",), since_us, token)}


async def turn(site: Site, reconciler: Reconciler, after_s: int = 3) -> dict[str, Any]:
    """One pass, some seconds after the last one; how the camera is then."""
    site.clock.now_us += after_s * SECOND_US
    await reconciler.turn()
    return reconciler.status()[CAMERA]


def times_each(site: Site) -> Counter[int]:
    """How often this node has a picture: so many pictures for each number of times."""
    found = Counter(one.identity for row in site.rows() for one in site.holdings.read(row).pictures)
    return Counter(found.values())


@in_a_loop
async def test_a_copy_is_whole_when_a_pass_finds_nothing_lacking(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        for minute in range(3):
            first.film(start_us=BASE_US + minute * MINUTE_US, fragments=60)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        assert not (await turn(third, reconciler))["whole"]
        assert (await turn(third, reconciler))["whole"]
        assert reconciler.status()[CAMERA]["healed_until_us"] == BASE_US + 3 * MINUTE_US
        assert identities(third) == identities(first)
        assert await reconciler.turn() is None


@in_a_loop
async def test_what_is_being_written_is_fetched_and_no_byte_of_it_twice(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        filming = Filming(first.mounted, SCENE_US).go_on(40)
        first.view.now_us = third.view.now_us = NOW_US
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        assert len(identities(third)) == 40 * 25
        first_bytes = third.healer.progress.fetched_bytes
        filming.go_on(19)
        await turn(third, reconciler)
        await turn(third, reconciler)
        assert times_each(third) == {1: 55 * 25}
        later_bytes = third.healer.progress.fetched_bytes - first_bytes
        assert later_bytes < first_bytes * 21 / 40
        assert {row.state for row in third.rows()} == {State.CLOSED}
        assert faults(third) == []
        filming.leave()


@in_a_loop
async def test_a_node_that_records_again_is_healed_up_to_where_it_began(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        theirs = Filming(first.mounted, SCENE_US).go_on(58)
        before = Filming(third.mounted, SCENE_US).go_on(10)
        before.close()
        ours = Filming(third.mounted, SCENE_US, first=30).go_on(25)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        assert not (await turn(third, reconciler))["whole"]
        assert not (await turn(third, reconciler))["whole"]  # a segment may just have ended
        state = await turn(third, reconciler, after_s=11)
        assert state["whole"]
        assert state["healed_until_us"] == SCENE_US + 55 * SECOND_US
        assert times_each(third) == {1: 55 * 25}  # and not what both write at this moment
        theirs.leave()
        ours.leave()


@in_a_loop
async def test_what_is_gone_on_from_can_be_decoded_by_itself(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        theirs = Filming(first.mounted, SCENE_US, keyframe_s=4).go_on(42)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        theirs.go_on(17)
        await turn(third, reconciler)
        starts = [
            third.holdings.read(row).parts[0].table.video[0].is_keyframe for row in third.rows()
        ]
        assert starts == [True, True]
        assert len(identities(third)) == 55 * 25
        assert faults(third) == []
        theirs.leave()


@in_a_loop
async def test_an_open_segment_that_rots_leaves_nothing_behind(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        theirs = Filming(first.mounted, SCENE_US).go_on(40)
        spoil(first.path(theirs.row))
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        state = await turn(third, reconciler)
        assert "nothing of it is kept" in state["problem"]
        assert third.rows() == []
        assert list(third.mounted.volume.root.rglob("*.mp4")) == []
        theirs.leave()


@in_a_loop
async def test_a_segment_that_never_comes_as_it_was_recorded_holds_up_no_other(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        rotten, good = (first.film(start_us=BASE_US + n * MINUTE_US) for n in range(2))
        spoil(first.path(rotten))
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        for _ in range(5):
            state = await turn(third, reconciler, after_s=31)
        assert [row.start_us for row in third.rows()] == [good.start_us]
        assert third.healer.progress.fetched_bytes == 3 * rotten.durable_bytes + good.durable_bytes
        assert not state["whole"]
        assert "Check the disks of node n1" in state["problem"]


@in_a_loop
async def test_until_this_node_s_recorder_begins_its_copy_is_not_whole(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        theirs = Filming(first.mounted, SCENE_US).go_on(59)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        for _ in range(3):
            assert not (await turn(third, reconciler))["whole"]
        assert (await turn(third, reconciler, after_s=30))["whole"]
        theirs.leave()


@in_a_loop
async def test_however_long_it_takes_what_a_peer_has_yet_to_write_is_waited_for(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        theirs = Filming(first.mounted, SCENE_US).go_on(50)
        ours = Filming(third.mounted, SCENE_US, first=53).go_on(2)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        for _ in range(3):
            assert not (await turn(third, reconciler, after_s=31))["whole"]
        theirs.go_on(5)
        for _ in range(2):
            state = await turn(third, reconciler)
        assert state["whole"]
        assert len(identities(third)) == 55 * 25
        theirs.leave()
        ours.leave()


@in_a_loop
async def test_only_a_new_token_has_all_compared_anew(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        first.film()
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        first.film(start_us=BASE_US + MINUTE_US)
        reconciler.order(order("n1", since_us=BASE_US + 1))
        assert (await turn(third, reconciler))["whole"]
        assert len(third.rows()) == 1
        reconciler.order(order("n1", token="2"))
        assert not (await turn(third, reconciler))["whole"]
        assert (await turn(third, reconciler))["whole"]
        assert len(third.rows()) == 2
        reconciler.order({})
        assert reconciler.status() == {}


@in_a_loop
async def test_a_peer_that_is_down_delays_no_other_and_is_asked_ever_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 1)
    async with sites(tmp_path, "n1", "n3") as (first, third):
        for minute in range(3):
            first.film(start_us=BASE_US + minute * MINUTE_US)
        third.view.known["n2"] = [Address("127.0.0.1", 1)]
        asked: list[str] = []
        listing = third.peers.segments

        async def noted(node_id: str, *which: Any) -> Any:
            asked.append(node_id)
            return await listing(node_id, *which)

        monkeypatch.setattr(third.peers, "segments", noted)
        reconciler = reconciler_of(third)
        reconciler.order(order("n2", "n1"))
        for _ in range(3):
            await reconciler.turn()  # at once, since something came
        assert identities(third) == identities(first)
        assert asked.count("n2") == 1
        state = await turn(third, reconciler)
        assert "cannot be asked" in state["problem"]
        assert not state["whole"]
        passed = third.clock.now_us
        before = asked.count("n2")
        while third.clock.now_us < passed + 120 * SECOND_US:
            await turn(third, reconciler, after_s=1)
        assert 3 <= asked.count("n2") - before <= 10


@in_a_loop
async def test_a_peer_whose_volumes_are_gone_does_not_say_that_it_has_nothing(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        first.film()
        first.mounted.volume.root.rename(tmp_path / "elsewhere")
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        state = await turn(third, reconciler)
        assert not state["whole"]
        assert "No volume of this node is in use" in state["problem"]


@in_a_loop
async def test_what_a_peer_cannot_read_may_lack_here_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = UUID(int=77)
    create(tmp_path / "b", other)
    async with sites(tmp_path, "n1", "n3") as (first, third):
        with mounted_at(tmp_path / "b", volume_id=other) as second_volume:
            archive = first.holdings._archive
            archive.volumes[other] = second_volume
            archive.bypass(other, "/srv/video2 failed.")
            first.film(start_us=BASE_US + MINUTE_US)
            behind = film(second_volume, Role.PRIMARY, start_us=BASE_US)
            asked = Counter[str]()
            listing = third.peers.segments

            async def noted(node_id: str, camera_id: str, *rest: Any) -> Any:
                asked[camera_id] += 1
                return await listing(node_id, camera_id, *rest)

            monkeypatch.setattr(third.peers, "segments", noted)
            reconciler = reconciler_of(third)
            one = order("n1")[CAMERA]
            reconciler.order({CAMERA: one} | {f"door{n}": one for n in range(20)})
            passed_us = third.clock.now_us
            while third.clock.now_us < passed_us + 120 * SECOND_US:
                await turn(third, reconciler, after_s=0)
                third.clock.now_us += SECOND_US // 10
            state = reconciler.status()[CAMERA]
            assert not state["whole"]
            assert state["healed_until_us"] is None
            assert "Node n1 cannot read all of its volumes" in state["problem"]
            assert "/srv/video2 failed." in state["problem"]
            assert [row.start_us for row in third.rows()] == [BASE_US + MINUTE_US]
            assert asked.total() <= 21 + 1 + 33, "once each, again to fetch, then one for all"
            del archive.bypassed[other]
            passed_us = third.clock.now_us
            while third.clock.now_us < passed_us + 60 * SECOND_US:
                await turn(third, reconciler, after_s=0)
                third.clock.now_us += SECOND_US // 10
            assert [row.start_us for row in third.rows()] == [behind.start_us, BASE_US + MINUTE_US]
            assert all(each["whole"] for each in reconciler.status().values())


@in_a_loop
async def test_cameras_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 1)
    async with sites(tmp_path, "n1", "n3") as (first, third):
        for minute in range(2):
            first.film(start_us=BASE_US + minute * MINUTE_US)
        reconciler = reconciler_of(third)
        one = order("n1")[CAMERA]
        reconciler.order({"door": one, CAMERA: one, "yard": one})
        for _ in range(3):
            await turn(third, reconciler, after_s=1)
        states = reconciler.status()
        assert [states[camera]["whole"] for camera in ("door", CAMERA, "yard")] == [
            True,
            False,
            True,
        ]
        assert len(third.rows()) == 1


@pytest.mark.parametrize("window_us", [10 * MINUTE_US, 0])
@in_a_loop
async def test_a_copy_is_compared_as_far_back_as_its_window(tmp_path: Path, window_us: int) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        third.view.window_us = window_us
        first.film(start_us=NOW_US - 20 * MINUTE_US)
        recent = first.film(start_us=NOW_US - 5 * MINUTE_US)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1", since_us=None))
        await turn(third, reconciler)
        assert [row.start_us for row in third.rows()] == [recent.start_us]
        assert {row.role for row in third.rows()} == {Role.SECOND}


@in_a_loop
async def test_what_promises_wait_for_is_fetched_while_a_window_is_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        for minute in range(3):
            first.film(start_us=BASE_US + minute * MINUTE_US)
        asked_for = first.film(Role.SECOND, start_us=BASE_US - 10 * MINUTE_US)
        third.view.placement = Placement(CAMERA, ("n3", "n1"), 1)
        question = inquiry(first, asked_for)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        order_of_filing: list[int] = []

        async def others_came() -> bool:
            return len(order_of_filing) > 1

        healed = third.healer.heal_part

        async def noted(peer: str, row: Segment, *how: Any) -> Filed:
            found = await healed(peer, row, *how)
            order_of_filing.append(row.start_us)
            if len(order_of_filing) == 1:
                await first.peers.ask("n3", question)
                await eventually(others_came)
            return found

        monkeypatch.setattr(third.healer, "heal_part", noted)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(third.healer.run())
            await reconciler.turn()
            running.cancel()
        assert order_of_filing[1] == asked_for.start_us
        assert len(order_of_filing) == 4
