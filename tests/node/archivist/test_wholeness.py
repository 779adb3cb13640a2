"""What a whole copy is: where room is short, in a mirror, and while another node is down."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from tests.archive.material import BASE_US, NO_FLOOR
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import (
    CAMERA,
    NOW_US,
    SECOND_US,
    sites,
)
from tests.node.archivist.test_reconciler import MINUTE_US, order, reconciler_of, turn

from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Role, State
from tandem.archive.space import Limits
from tandem.cluster.model import Placement
from tandem.node.archivist.copies import Copy, report
from tandem.node.archivist.orders import HealOrder
from tandem.node.archivist.view import Address


@pytest.mark.parametrize("limit", ["volume", "share"])
@in_a_loop
async def test_what_was_deleted_for_want_of_room_is_not_fetched_again(
    tmp_path: Path, limit: str
) -> None:
    """A mirror with less room than its primary: else it would heal for ever."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        kept = (5, 6, 8, 9)
        for minute in range(10):
            start_us = BASE_US + minute * MINUTE_US
            first.film(start_us=start_us, fragments=60 if minute in kept else 4)
            if minute in kept:
                second.film(Role.SECOND, start_us=start_us, fragments=60)
        held_bytes = sum(row.durable_bytes for row in second.rows())
        second.view.window_us = None
        if limit == "volume":
            second.mounted.volume.limits = Limits(held_bytes * 21 // 20, 0)
        else:
            second.view.share_bytes = held_bytes * 21 // 20
        reconciler = reconciler_of(second)
        reconciler.order(order("n1"))
        await turn(second, reconciler)
        assert (await turn(second, reconciler))["whole"]
        minutes = sorted((row.start_us - BASE_US) // MINUTE_US for row in second.rows())
        assert minutes == [5, 6, 7, 8, 9]
        second.view.share_bytes = None
        second.mounted.volume.limits = NO_FLOOR
        assert second.holdings.kept_since_us(CAMERA, "main", {}) is None


@pytest.mark.parametrize("nodes", [("n1", "n2"), ("n2", "n1")])
@in_a_loop
async def test_a_window_is_healed_on_a_full_disk_too(
    tmp_path: Path, nodes: tuple[str, str]
) -> None:
    """Whoever just became the second, or primary, has little of it; what is older gives way."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        lacking = first.film(start_us=NOW_US - 3 * MINUTE_US, fragments=2)
        second.film(Role.SECOND, start_us=NOW_US - 40 * SECOND_US, fragments=30)
        second.film(start_us=BASE_US, fragments=60)
        held_bytes = sum(row.durable_bytes for row in second.rows())
        second.mounted.volume.limits = Limits(held_bytes * 11 // 10, 0)
        second.view.placement = Placement(CAMERA, nodes, 2)
        reconciler = reconciler_of(second)
        reconciler.order(order("n1", since_us=NOW_US - 5 * MINUTE_US))
        await turn(second, reconciler)
        assert lacking.start_us in {row.start_us for row in second.rows()}


@in_a_loop
async def test_a_mirror_fetches_what_a_disk_failed_on_and_what_lacks_within_a_segment(
    tmp_path: Path,
) -> None:
    """Nobody asks it about single pictures: it drops nothing."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        second.view.window_us = None
        first.film(fragments=20)
        failed = second.film(Role.SECOND, fragments=20)
        second.path(failed).write_bytes(bytes(100))
        with closing(sqlite3.connect(second.mounted.volume.root / INDEX_FILE)) as index, index:
            index.execute("UPDATE segment SET state = 'suspect', hash = NULL")
        for without in (frozenset(range(5, 8)), frozenset[int]()):
            start_us = BASE_US + (1 if without else 2) * MINUTE_US
            first.film(start_us=start_us, fragments=20)
            second.film(Role.SECOND, start_us=start_us, fragments=20, without=without)
        reconciler = reconciler_of(second)
        reconciler.order(order("n1"))
        assert not (await turn(second, reconciler))["whole"]
        assert (await turn(second, reconciler))["whole"]
        held = Counter(
            one.identity
            for row in second.rows()
            if row.state is State.CLOSED
            for one in second.holdings.read(row).pictures
        )
        assert len(held) == 3 * 20 * 25
        assert set(held.values()) == {1}
        fetched_bytes = second.healer.progress.fetched_bytes
        reconciler.order(order("n1", token="2"))
        assert (await turn(second, reconciler))["whole"]
        assert second.healer.progress.fetched_bytes == fetched_bytes


@in_a_loop
async def test_what_was_compared_is_not_listed_again_however_often_nodes_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a copy that is kept for a year, each return would cost a list of a year."""
    async with sites(tmp_path, "n1", "n3") as (first, third):
        for minute in range(3):
            first.film(start_us=BASE_US + minute * 60 * SECOND_US, fragments=60)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        asked: list[int] = []
        listing = third.peers.segments

        async def noted(node_id: str, camera_id: str, stream: str, *times: int) -> Any:
            asked.append(times[0])
            return await listing(node_id, camera_id, stream, *times)

        monkeypatch.setattr(third.peers, "segments", noted)
        newest = first.film(start_us=BASE_US + 3 * 60 * SECOND_US)
        for token in ("2", "3"):  # two nodes came back before anything could be compared
            reconciler.order(order("n1", token=token))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        assert min(asked) >= BASE_US + 2 * 60 * SECOND_US
        assert newest.start_us in {row.start_us for row in third.rows()}


@in_a_loop
async def test_what_is_older_than_all_that_was_compared_is_looked_at(tmp_path: Path) -> None:
    """A window that became longer, or a share."""
    async with sites(tmp_path, "n1", "n3") as (first, third):
        starts = [BASE_US + minute * 60 * SECOND_US for minute in range(3)]
        for start_us in starts:
            first.film(start_us=start_us)
        reconciler = reconciler_of(third)
        reconciler.order(order("n1", since_us=starts[2]))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        reconciler.order(order("n1", token="2", since_us=starts[0]))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        assert sorted(row.start_us for row in third.rows()) == starts


@in_a_loop
async def test_a_time_that_is_yet_to_come_is_not_relied_upon(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        first.film(start_us=NOW_US + 3_600 * SECOND_US)  # by a clock that was ahead
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        later = first.film(start_us=BASE_US + 60 * SECOND_US)
        reconciler.order(order("n1", token="2"))
        await turn(third, reconciler)
        assert later.start_us in {row.start_us for row in third.rows()}


@in_a_loop
async def test_when_volumes_change_all_is_compared_again(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        first.film()
        reconciler = reconciler_of(third)
        reconciler.order(order("n1"))
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        (healed,) = third.rows()
        third.mounted.index.mark_garbage({healed.segment_id: None})
        reconciler.begin_anew()
        assert not reconciler.status()[CAMERA]["whole"]
        await turn(third, reconciler)
        assert (await turn(third, reconciler))["whole"]
        assert len(third.rows()) == 2


@in_a_loop
async def test_while_a_follower_is_down_copies_are_whole_and_it_alone_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node that is down must not have all others compare for ever."""
    async with sites(tmp_path, "n1", "n3") as (first, third):
        third.view.placement = Placement(CAMERA, ("n1", "n3", "n2"), 1)
        first.film()
        third.view.known["n2"] = [Address("127.0.0.1", 1)]
        asked = Counter[str]()
        listing = third.peers.segments

        async def noted(node_id: str, *which: Any) -> Any:
            asked[node_id] += 1
            return await listing(node_id, *which)

        monkeypatch.setattr(third.peers, "segments", noted)
        reconciler = reconciler_of(third)
        one = order("n2", "n1")[CAMERA]
        reconciler.order({f"door{n}": one for n in range(50)} | {CAMERA: one})
        for _ in range(110):
            await turn(third, reconciler, after_s=0)
        third.clock.now_us += 3 * SECOND_US
        for _ in range(60):
            await reconciler.turn()
        assert reconciler.status()[CAMERA]["whole"]
        assert asked["n1"] == 52
        before = asked.copy()
        for _ in range(600):
            third.clock.now_us += SECOND_US // 5
            await reconciler.turn()
        assert asked["n1"] == before["n1"]
        assert 3 <= asked["n2"] - before["n2"] <= 10
        assert reconciler.report() == {"copies": {"ordered": 51, "whole": 1}, "cameras": ANY}


@in_a_loop
async def test_while_the_holder_of_the_other_copy_is_down_a_copy_is_not_whole(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        third.view.placement = Placement(CAMERA, ("n2", "n3", "n1"), 1)
        first.film()
        third.view.known["n2"] = [Address("127.0.0.1", 1)]
        reconciler = reconciler_of(third)
        reconciler.order(order("n2", "n1"))
        for _ in range(5):
            state = await turn(third, reconciler, after_s=31)
        assert not state["whole"]
        assert "cannot be asked" in state["problem"]


def test_the_line_that_tells_what_lacks_stays_short() -> None:
    """The agent ends an archivist whose line is longer than 4 MiB, and takes it for hung."""
    copies = {
        f"camera-{number}-of-the-north-gate": Copy(
            HealOrder(("n1", "n2"), ("main", "sub"), None, "1"), 0, 0, problem="Node n1 is. " * 99
        )
        for number in range(10_000)
    }
    found = report(copies)
    assert len(json.dumps(found)) < 3 << 20
    assert found["copies"] == {"ordered": 10_000, "whole": 0}
    for copy in copies.values():
        copy.is_whole = True
    assert report(copies) == {"copies": {"ordered": 10_000, "whole": 10_000}, "cameras": {}}
