"""What one copy lacks is fetched from the other, whole, verified, and no faster than allowed."""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from tests.archive.material import BASE_US, FRAMES, mounted_at
from tests.archive.material import create as create_volume
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import (
    SECOND_US,
    Known,
    Site,
    identities,
    inquiry,
    site,
    sites,
    spoil,
)
from tests.node.test_tls import Files

from tandem.archive.check import check
from tandem.archive.errors import DiskFailedError, DiskFullError
from tandem.archive.rows import GapCause, Role, State
from tandem.archive.space import Limits
from tandem.cluster.model import Placement
from tandem.node.archivist import healing
from tandem.node.archivist.client import Peers
from tandem.node.archivist.errors import ArchivistError, PeerLiesError, PeerUnreachableError
from tandem.node.archivist.filing import NamelessFile
from tandem.node.archivist.healing import Healer
from tandem.node.archivist.matching import Held, Match
from tandem.node.archivist.throttle import Throttle

FRAME_US = 40_000


class Breaking:
    """A peer that is there for some pieces, and then no more."""

    def __init__(self, peers: Peers, pieces: int) -> None:
        self.ask = peers.ask
        self.segments = peers.segments
        self._peers = peers
        self._left = pieces

    async def read(self, node_id: str, segment_id: UUID, offset: int, length: int) -> bytes:
        if self._left == 0:
            raise PeerUnreachableError("The links are down.")
        self._left -= 1
        return await self._peers.read(node_id, segment_id, offset, length)


def faults(site: Site) -> list[str]:
    """What `check` finds: every file has its row, its size and its hash."""
    return [one.sentence for one in check(site.mounted.volume, site.mounted.reader, hashes=True)]


def film_minutes(site: Site, role: Role, *minutes: int) -> None:
    for minute in minutes:
        site.film(role, start_us=BASE_US + minute * 60 * SECOND_US)


@in_a_loop
async def test_a_new_second_fetches_the_whole_window(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        film_minutes(first, Role.PRIMARY, 0, 1, 2)
        filed = await third.heal("n1")
        assert len(filed) == 3
        assert identities(third) == identities(first)
        assert {row.role for row in third.rows()} == {Role.SECOND}
        assert {row.state for row in third.rows()} == {State.CLOSED}
        assert {row.writer_id for row in third.rows()} == {third.mounted.writer.writer_id}
        ids = {row.segment_id for row in first.rows()}
        assert not ids & {row.segment_id for row in third.rows()}
        assert faults(third) == []
        assert third.healer.progress.fetched_bytes == sum(r.durable_bytes for r in first.rows())


@in_a_loop
async def test_healing_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        film_minutes(first, Role.PRIMARY, 0, 1, 2)
        broken = Healer(
            "n3",
            third.holdings,
            third.view,
            Breaking(third.peers, 2),
            Throttle(1 << 40, third.clock),
        )
        assert len(await third.heal("n1", healer=broken)) == 2
        assert (broken.progress.failed, broken.progress.last_problem) == (1, "The links are down.")
        assert len(await third.heal("n1")) == 1
        assert await third.heal("n1") == []
        assert identities(third) == identities(first)
        assert faults(third) == []


@in_a_loop
async def test_of_a_segment_that_did_not_come_whole_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healing, "PIECE_BYTES", 4_096)
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()
        before = sorted(third.mounted.volume.root.rglob("*.mp4"))
        broken = Healer(
            "n3",
            third.holdings,
            third.view,
            Breaking(third.peers, 3),
            Throttle(1 << 40, third.clock),
        )
        with pytest.raises(PeerUnreachableError):
            await broken.heal_segment("n1", segment)
        assert sorted(third.mounted.volume.root.rglob("*.mp4")) == before == []
        assert third.rows() == []
        assert broken.progress.fetched_bytes == 3 * 4_096


@pytest.mark.parametrize("where", ["a picture", "a time in a table"])
@in_a_loop
async def test_of_a_peer_that_lies_nothing_is_kept(tmp_path: Path, where: str) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()
        data = first.path(segment).read_bytes()
        at = len(data) - 1_000 if where == "a picture" else data.index(b"tfdt") + 15
        spoil(first.path(segment), at)
        with pytest.raises(PeerLiesError, match="nothing of it is kept"):
            await third.healer.heal_segment("n1", segment)
        assert third.rows() == []
        assert await third.heal("n1") == []
        assert third.healer.progress.failed == 1
        assert faults(third) == []


@in_a_loop
async def test_a_segment_of_another_camera_is_not_filed(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()
        with pytest.raises(PeerLiesError, match="listed for camera door"):
            await third.healer.heal_segment("n1", replace(segment, camera_id="door"))
        assert third.rows() == []


@in_a_loop
async def test_a_stretch_is_kept_from_its_keyframe_on(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(without=frozenset({1, 2, 5}), fragments=7)
        copy = second.film(Role.SECOND, fragments=7)
        filed = await first.healer.heal_segment("n2", copy)
        spans = [(row.start_us - BASE_US, row.end_us - BASE_US) for row in filed]
        assert spans == [(1 * SECOND_US, 3 * SECOND_US), (5 * SECOND_US, 6 * SECOND_US)]
        assert await first.healer.heal_segment("n2", copy) == []
        assert faults(first) == []


@in_a_loop
async def test_what_is_fetched_survives_a_restart_and_can_be_promised(tmp_path: Path) -> None:
    files = Files(tmp_path, "ours")
    known = Known()
    async with site("n2", tmp_path, files, known) as second:
        copy = second.film(Role.SECOND)
        async with site("n1", tmp_path, files, known) as first:
            await first.healer.heal_segment("n2", copy)
        async with site("n1", tmp_path, files, known) as first:
            assert first.mounted.report.problems == []
            assert (await second.peers.ask("n1", inquiry(second, copy))).promised


@in_a_loop
async def test_fetched_copies_have_the_role_of_the_committed_placement(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        film_minutes(first, Role.SECOND, 0)
        third.view.placement = Placement("gate", ("n3", "n1"), 2)
        await third.heal("n1")
        assert {row.role for row in third.rows()} == {Role.PRIMARY}


@in_a_loop
async def test_a_disk_that_fails_while_filing_keeps_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()

        def fails(**_kept: object) -> None:
            raise DiskFailedError("The disk failed.")

        monkeypatch.setattr(third.mounted.index, "sync_round", fails)
        with pytest.raises(DiskFailedError):
            await third.healer.heal_segment("n1", segment)
        assert third.rows() == []
        assert faults(third) == []


@in_a_loop
async def test_what_is_not_found_however_often_it_is_fetched_is_told_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        copy = second.film(Role.SECOND)
        never = Match((0,), frozenset()), list[Held]()
        monkeypatch.setattr(first.holdings, "_search", lambda *_: never)
        for _ in range(5):
            assert not (await second.peers.ask("n1", inquiry(second, copy))).promised
            await first.healer.heal_wanted()
        assert len(first.rows()) == 3
        assert "fetched 3 times" in first.healer.progress.last_problem


@in_a_loop
async def test_a_full_disk_heals_nothing(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()
        third.mounted.volume.limits = Limits(max_bytes=segment.durable_bytes, min_free_bytes=0)
        with pytest.raises(DiskFullError, match="recording goes first"):
            await third.healer.heal_segment("n1", segment)


@in_a_loop
async def test_a_recording_of_another_cluster_is_not_filed(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film(cluster_number=8)
        with pytest.raises(PeerLiesError, match="recorded by cluster 8"):
            await third.healer.heal_segment("n1", segment)
        assert third.rows() == []


@in_a_loop
async def test_a_file_that_was_healed_says_itself_which_segment_it_is(tmp_path: Path) -> None:
    """Else a rebuilt index would file it under the id of the peer's segment."""
    async with sites(tmp_path, "n1", "n3") as (first, third):
        (filed,) = await third.healer.heal_segment("n1", first.film())
        header = third.holdings.read(filed).init.header
        assert (header.segment_id, header.start_us) == (str(filed.segment_id), filed.start_us)


@in_a_loop
async def test_a_segment_that_fails_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        copies = [second.film(Role.SECOND, start_us=BASE_US + n * 60 * SECOND_US) for n in (0, 1)]
        spoil(second.path(copies[0]))
        for copy in copies:
            await second.peers.ask("n1", inquiry(second, copy))
        await first.healer.heal_wanted()
        assert [row.start_us for row in first.rows()] == [copies[1].start_us]
        assert first.healer.progress.failed == 1


def test_what_is_being_fetched_to_is_not_closed_while_a_thread_writes(tmp_path: Path) -> None:
    """A closed descriptor is soon another file's: a recording's, or the index's."""
    create_volume(tmp_path / "a")
    with mounted_at(tmp_path / "a") as mounted:
        file = NamelessFile(mounted)
        with ThreadPoolExecutor() as threads:
            with file.use() as fd:
                closing = threads.submit(file.close)
                assert wait([closing], timeout=0.1).not_done
                os.fstat(fd)
            closing.result(60)
        with pytest.raises(ArchivistError, match="given up"):
            file.write(b"late", 0)
        file.close()


@in_a_loop
async def test_the_throttle_lets_pass_what_it_is_given_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Clock:
        now_us = 5_000_000

        def boot_us(self) -> int:
            return self.now_us

        def utc_us(self) -> int:
            return 0

    clock = Clock()

    async def pass_time(seconds: float) -> None:
        clock.now_us += max(0, round(seconds * 1e6))

    monkeypatch.setattr("tandem.node.archivist.throttle.asyncio.sleep", pass_time)
    throttle = Throttle(1_000, clock)
    for _ in range(11):
        await throttle.take(500)
    assert clock.now_us - 5_000_000 == 10 * 500_000
    clock.now_us += 60_000_000  # idle time is not saved up
    began_us = clock.now_us
    for _ in range(3):
        await throttle.take(1_000)
    assert clock.now_us - began_us == 2_000_000


@in_a_loop
async def test_every_piece_is_taken_from_the_throttle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healing, "PIECE_BYTES", 4_096)
    taken: list[int] = []

    class Counting(Throttle):
        async def take(self, size_bytes: int) -> None:
            taken.append(size_bytes)

    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film()
        healer = Healer("n3", third.holdings, third.view, third.peers, Counting(1, third.clock))
        await healer.heal_segment("n1", segment)
        assert sum(taken) == segment.durable_bytes
        assert max(taken) == 4_096


@in_a_loop
async def test_what_a_peer_lost_of_what_is_fetched_is_a_gap_here_too(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        first.film(Role.PRIMARY, fragments=20, lost=10)
        await third.heal("n1")
        gaps = third.mounted.reader.gaps("gate", 0, 1 << 62)
        assert {gap.cause for gap in gaps} == {GapCause.PACKETS_LOST}
        begin_us = BASE_US + 400_000
        assert (gaps[0].from_us, gaps[0].to_us) == (begin_us, begin_us + FRAME_US)
        # One a second: most of them are joined, and each is told.
        assert len(gaps) < 20
        told = [(gap.from_us, gap.to_us) for gap in gaps]
        for second in range(20):
            at_us = begin_us + second * SECOND_US + FRAME_US // 2
            assert any(from_us <= at_us < to_us for from_us, to_us in told)


@in_a_loop
async def test_what_a_peer_lost_right_behind_what_is_fetched_is_told_too(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n3") as (first, third):
        segment = first.film(Role.PRIMARY, lost=FRAMES - 1)
        third.film(Role.SECOND, without=frozenset({0, 1}))
        await third.healer.heal_segment("n1", segment)
        gaps = third.mounted.reader.gaps("gate", 0, 1 << 62)
        # The picture that tells of the second one is in a fragment that is here already.
        ends_us = {gap.to_us for gap in gaps if gap.cause is GapCause.PACKETS_LOST}
        assert ends_us == {BASE_US + SECOND_US, BASE_US + 2 * SECOND_US}
