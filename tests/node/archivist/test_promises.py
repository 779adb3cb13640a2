"""The primary promises what is whole on its disk, and nothing else."""

import asyncio
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.file_systems import ext4
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import CAMERA, Site, inquiry, sites, spoil

from tandem.archive.errors import DiskFailedError
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Role
from tandem.cluster.model import Placement
from tandem.node.archivist.contents import Check
from tandem.node.archivist.errors import PeerRefusedError
from tandem.node.archivist.holdings import Wanted
from tandem.node.archivist.matching import Match


def promised_on_disk(site: Site) -> int:
    path = site.mounted.volume.root / INDEX_FILE
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as index:
        count: int = index.execute(
            "SELECT count(*) FROM segment WHERE promised_us IS NOT NULL"
        ).fetchone()[0]
        return count


@in_a_loop
async def test_a_promise_is_in_the_index_when_it_is_given(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(shift_us=7_000)
        copy = second.film(Role.SECOND)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert answer.promised
        assert promised_on_disk(first) == 1


@in_a_loop
async def test_pictures_are_found_over_several_segments_cut_elsewhere(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(without=frozenset({2, 3}), fragments=4)
        first.film(without=frozenset({0, 1}), fragments=4)
        answer = await second.peers.ask("n1", inquiry(second, second.film(Role.SECOND)))
        assert answer.promised
        assert promised_on_disk(first) == 2


@in_a_loop
async def test_a_byte_that_rotted_is_refused_healed_and_then_promised(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        rotten = first.film()
        copy = second.film(Role.SECOND)
        spoil(first.path(rotten))
        refused = await second.peers.ask("n1", inquiry(second, copy))
        assert not refused.promised
        assert len(refused.missing) == copy.frames
        assert promised_on_disk(first) == 0
        await first.healer.heal_wanted()
        assert (await second.peers.ask("n1", inquiry(second, copy))).promised
        (row,) = [row for row in first.rows() if row.promised_us is not None]
        assert row.segment_id not in {rotten.segment_id, copy.segment_id}


@pytest.mark.lab("loop")
@in_a_loop
async def test_the_disk_is_read_and_not_the_page_cache(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        (tmp_path / "n1").symlink_to(disk.root)
        for left in disk.root.iterdir():
            left.rmdir()
        async with sites(tmp_path, "n1", "n2") as (first, second):
            segment = first.film()
            copy = second.film(Role.SECOND)
            recorded = first.path(segment).read_bytes()
            image = tmp_path / "disk.img"
            at = image.read_bytes().index(recorded[-3_000:-2_000])
            spoil(image, at)
            assert first.path(segment).read_bytes() == recorded  # the cache knows nothing of it
            answer = await second.peers.ask("n1", inquiry(second, copy))
            assert not answer.promised


@in_a_loop
async def test_a_lacking_fragment_is_named_and_fetched_alone(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(without=frozenset({1, 3}))
        copy = second.film(Role.SECOND, shift_us=7_000)
        refused = await second.peers.ask("n1", inquiry(second, copy))
        assert refused.missing == (*range(25, 50), *range(75, 100))
        await first.healer.heal_wanted()
        assert [row.frames for row in first.rows()] == [50, 25, 25]
        assert (await second.peers.ask("n1", inquiry(second, copy))).promised
        assert promised_on_disk(first) == 3


@in_a_loop
async def test_a_still_scene_is_not_taken_for_a_longer_one(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(is_still=True, fragments=8, without=frozenset({4, 5}))
        copy = second.film(Role.SECOND, is_still=True, fragments=8)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert not answer.promised
        assert 40 <= len(answer.missing) <= 50


@in_a_loop
async def test_only_the_primary_of_this_very_placement_promises(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)
        stale = await second.peers.ask("n1", inquiry(second, copy, generation=2))
        assert "generation 2" in stale.reason
        first.view.placement = Placement("gate", ("n2", "n1"), 1)
        wrong = await second.peers.ask("n1", inquiry(second, copy))
        assert "primary of camera gate is node n2" in wrong.reason
        assert promised_on_disk(first) == 0


@in_a_loop
async def test_nobody_asks_in_the_name_of_another(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        asked = inquiry(second, second.film(Role.SECOND))
        forged = replace(asked, question=replace(asked.question, asker="n3"))
        with pytest.raises(PeerRefusedError, match="Node n2 asks in the name of n3"):
            await second.peers.ask("n1", forged)
        assert promised_on_disk(first) == 0


@in_a_loop
async def test_a_question_that_arrives_twice_is_worked_on_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        asked = inquiry(second, second.film(Role.SECOND))
        reads: list[Wanted] = []
        find = first.holdings.find

        def counted(wanted: Wanted, _: Check) -> Match:
            reads.append(wanted)
            return find(wanted)

        monkeypatch.setattr(first.holdings, "find", counted)
        other = replace(asked, question=replace(asked.question, camera_id="door"))
        answers = await asyncio.gather(
            first.promiser.answer(asked), first.promiser.answer(asked), first.promiser.answer(other)
        )
        assert [answer.promised for answer in answers] == [True, True, False]
        assert len(reads) == 1


@in_a_loop
async def test_what_vanishes_after_it_was_read_is_not_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        segment = first.film()
        copy = second.film(Role.SECOND)
        find = first.holdings.find

        def then_gone(wanted: Wanted, _: Check) -> Match:
            found = find(wanted)
            first.mounted.index.mark_garbage({segment.segment_id: None})
            return found

        monkeypatch.setattr(first.holdings, "find", then_gone)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert not answer.promised
        assert "gone" in answer.reason


@in_a_loop
async def test_a_promise_that_the_disk_does_not_take_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()

        def fails(_ids: Iterable[UUID], _now_us: int) -> frozenset[UUID]:
            raise DiskFailedError("The index cannot be written.")

        monkeypatch.setattr(first.mounted.index, "promise", fails)
        answer = await second.peers.ask("n1", inquiry(second, second.film(Role.SECOND)))
        assert not answer.promised
        assert answer.reason == "The index cannot be written."


@in_a_loop
async def test_a_placement_that_changes_while_the_disk_is_read_ends_the_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)
        find = first.holdings.find

        def then_swapped(wanted: Wanted, _: Check) -> Match:
            first.view.placement = Placement("gate", ("n2", "n1"), 2)
            return find(wanted)

        monkeypatch.setattr(first.holdings, "find", then_swapped)
        assert not (await second.peers.ask("n1", inquiry(second, copy))).promised
        assert promised_on_disk(first) == 0


@in_a_loop
async def test_the_pictures_of_another_stream_do_not_count(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        asked = inquiry(second, second.film(Role.SECOND))
        other = replace(asked, question=replace(asked.question, stream="small"))
        assert len((await second.peers.ask("n1", other)).missing) == 100


@in_a_loop
async def test_a_suspect_or_open_segment_is_never_promised(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        with closing(sqlite3.connect(first.mounted.volume.root / INDEX_FILE)) as index, index:
            index.execute("UPDATE segment SET state = 'suspect', hash = NULL")
        copy = second.film(Role.SECOND)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert not answer.promised
        assert len(answer.missing) == 100
        assert promised_on_disk(first) == 0


@in_a_loop
async def test_what_a_camera_encoded_separately_for_the_second_is_not_fetched(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(scene="for n1", fragments=60)
        copy = second.film(Role.SECOND, scene="for n2", fragments=60, shift_us=3_000)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert answer.is_yours
        assert "encoded separately" in answer.reason
        await first.healer.heal_wanted()
        assert first.healer.progress.fetched_bytes == 0
        assert len(first.rows()) == 1
        assert first.holdings.separate == {CAMERA}


@in_a_loop
async def test_a_hole_is_filled_with_the_other_encoding_and_no_more(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(scene="for n1", fragments=60, without=frozenset(range(30, 35)))
        copy = second.film(Role.SECOND, scene="for n2", fragments=60)
        assert len((await second.peers.ask("n1", inquiry(second, copy))).missing) == 60 * 25
        await first.healer.heal_wanted()
        assert sorted(row.frames for row in first.rows()) == [5 * 25, 55 * 25]
        assert (await second.peers.ask("n1", inquiry(second, copy))).is_yours


@in_a_loop
async def test_what_rotted_here_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        spoil(first.path(first.film(fragments=60)))
        copy = second.film(Role.SECOND, fragments=60)
        answer = await second.peers.ask("n1", inquiry(second, copy))
        assert not answer.is_yours
        await first.healer.heal_wanted()
        assert (await second.peers.ask("n1", inquiry(second, copy))).promised
