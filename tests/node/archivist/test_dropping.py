"""A second drops what its primary has promised afresh, and nothing else."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from tests.archive.material import BASE_US
from tests.conformance.store.subjects import TEST_S, in_a_loop
from tests.node.archivist.material import NOW_US, SECOND_US, Site, identities, inquiry, sites

from tandem.archive.rows import Role, Segment
from tandem.archive.space import Limits
from tandem.cluster.model import Placement
from tandem.cluster.promise import DEADLINE_US, Answer
from tandem.node.archivist import contents
from tandem.node.archivist.client import Peers
from tandem.node.archivist.dropping import Dropper
from tandem.node.archivist.errors import PeerUnreachableError
from tandem.node.archivist.matching import Match
from tandem.node.archivist.messages import Inquiry

Moment = Callable[[], object]


class Faulty:
    """Other nodes, over a transport that loses, delays and repeats answers."""

    def __init__(self, peers: Peers) -> None:
        self.segments = peers.segments
        self.read = peers.read
        self._peers = peers
        self.answers: list[Answer] = []
        self.is_losing = False
        self.repeats: Answer | None = None
        self.before_arrival: Moment = lambda: None

    async def ask(self, node_id: str, inquiry: Inquiry) -> Answer:
        self.answers.append(await self._peers.ask(node_id, inquiry))
        self.before_arrival()
        if self.is_losing:
            raise PeerUnreachableError("The answer was lost.")
        return self.repeats or self.answers[-1]


def over_faults(second: Site) -> Faulty:
    faulty = Faulty(second.peers)
    second.dropper = Dropper(second.name, second.holdings, second.view, faulty, second.clock)
    return faulty


async def sweep(second: Site) -> list[Segment]:
    return await second.dropper.sweep()


@in_a_loop
async def test_what_is_promised_goes_and_the_primary_keeps_it(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        kept = first.film()
        copy = second.film(Role.SECOND, shift_us=7_000)
        pictures = identities(second)
        assert [row.segment_id for row in await sweep(second)] == [copy.segment_id]
        assert second.rows() == []
        assert not second.path(copy).exists()
        row = first.row(kept)
        assert row is not None
        assert row.promised_us
        assert identities(first) == pictures


@in_a_loop
async def test_what_the_primary_lacks_is_fetched_by_it_before_it_goes(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(without=frozenset({2}))
        second.film(Role.SECOND)
        pictures = identities(second)
        assert await sweep(second) == []
        await first.healer.heal_wanted()
        assert len(await sweep(second)) == 1
        assert identities(first) == pictures


@in_a_loop
async def test_nothing_goes_within_its_window_or_by_a_doubtful_clock(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.SECOND)
        faulty = over_faults(second)
        second.view.window_us = None
        assert await sweep(second) == []
        second.view.window_us = NOW_US - BASE_US
        assert await sweep(second) == []
        second.view.window_us, second.view.now_us = 0, None
        assert await sweep(second) == []
        assert faulty.answers == []


@in_a_loop
async def test_a_primary_asks_nobody(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.SECOND)
        faulty = over_faults(second)
        second.view.placement = Placement("gate", ("n2", "n1"), 2)
        assert await sweep(second) == []
        assert faulty.answers == []


@in_a_loop
async def test_a_lost_answer_keeps_the_copy_until_it_is_asked_about_afresh(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)
        faulty = over_faults(second)
        faulty.is_losing = True
        assert await sweep(second) == []
        assert faulty.answers[0].promised
        faulty.is_losing = False
        assert await sweep(second) == []  # the question that was lost is open still
        second.clock.now_us += DEADLINE_US
        assert [row.segment_id for row in await sweep(second)] == [copy.segment_id]
        assert faulty.answers[0].nonce != faulty.answers[1].nonce


@in_a_loop
async def test_a_late_answer_drops_nothing(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.SECOND)
        faulty = over_faults(second)

        def too_late() -> None:
            second.clock.now_us += DEADLINE_US

        faulty.before_arrival = too_late
        assert await sweep(second) == []
        assert len(second.rows()) == 1


@in_a_loop
async def test_an_answer_to_an_earlier_question_drops_nothing(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)
        faulty = over_faults(second)
        faulty.repeats = await second.peers.ask("n1", inquiry(second, copy))
        assert faulty.repeats.promised
        assert await sweep(second) == []
        assert len(second.rows()) == 1


@pytest.mark.parametrize("nodes", [("n2", "n1"), ("n1", "n3", "n2")])
@in_a_loop
async def test_a_placement_that_changes_on_the_way_keeps_the_copy(
    tmp_path: Path, nodes: tuple[str, ...]
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.SECOND)

        def change() -> None:
            second.view.placement = Placement("gate", nodes, 2)

        over_faults(second).before_arrival = change
        assert await sweep(second) == []
        assert len(second.rows()) == 1


@in_a_loop
async def test_what_this_node_promised_on_the_way_is_kept(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)

        second.mounted.volume.limits = Limits(max_bytes=1, min_free_bytes=0)

        def promise() -> None:
            second.holdings.promise([copy.segment_id], NOW_US)

        over_faults(second).before_arrival = promise
        assert await sweep(second) == []
        assert len(second.rows()) == 1


@in_a_loop
async def test_a_wrong_primary_drops_nothing(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.SECOND)
        first.view.placement = Placement("gate", ("n3", "n1"), 1)
        assert await sweep(second) == []
        assert len(second.rows()) == 1


@pytest.mark.parametrize("cut_at", ["somewhere", "the last fragment"])
@in_a_loop
async def test_a_copy_that_is_not_whole_is_not_asked_about(tmp_path: Path, cut_at: str) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        copy = second.film(Role.SECOND)
        path = second.path(copy)
        data = path.read_bytes()
        end = 2_000 if cut_at == "somewhere" else data.rindex(b"moof") - 4
        path.write_bytes(data[:end])
        faulty = over_faults(second)
        assert await sweep(second) == []
        assert faulty.answers == []


@in_a_loop
async def test_dropping_makes_no_room_beyond_what_is_promised(tmp_path: Path) -> None:
    """A full disk is the sweep's business: here nothing goes for it."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        promised = second.film(Role.SECOND)
        for minute in (1, 2):
            second.film(Role.SECOND, start_us=BASE_US + minute * 60 * SECOND_US)
        second.mounted.volume.limits = Limits(max_bytes=1, min_free_bytes=0)
        assert [row.segment_id for row in await sweep(second)] == [promised.segment_id]
        assert len(second.rows()) == 2


@in_a_loop
async def test_what_this_node_recorded_as_primary_is_not_asked_about(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        second.film(Role.PRIMARY)
        faulty = over_faults(second)
        assert await sweep(second) == []
        assert faulty.answers == []


@in_a_loop
async def test_a_primary_that_is_down_is_not_asked_for_each_segment(tmp_path: Path) -> None:
    async with sites(tmp_path, "n2") as (second,):
        for minute in range(10):
            second.film(Role.SECOND, start_us=BASE_US + minute * 60 * SECOND_US)
        asked: list[str] = []

        class Counting(Faulty):
            async def ask(self, node_id: str, inquiry: Inquiry) -> Answer:
                asked.append(node_id)
                return await super().ask(node_id, inquiry)

        faulty = Counting(second.peers)
        second.dropper = Dropper("n2", second.holdings, second.view, faulty, second.clock)
        assert await sweep(second) == []
        assert len(asked) == 4
        assert len(second.rows()) == 10


@in_a_loop
async def test_when_the_primarys_disk_dies_only_what_is_older_than_the_window_is_lost(
    tmp_path: Path,
) -> None:
    """G2: a copy within its window is still there, whatever the primary had promised."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        minutes = [NOW_US - minutes * 60 * SECOND_US for minutes in (30, 20, 9, 1)]
        for start_us in minutes:
            first.film(start_us=start_us)
            second.film(Role.SECOND, start_us=start_us)
        everything = identities(second)
        assert len(await sweep(second)) == 2
        rmtree(first.mounted.volume.root / "gate")
        assert [row.start_us for row in second.rows()] == minutes[2:]
        assert len(identities(second)) == len(everything) // 2
        for row in second.rows():
            refused = await second.peers.ask("n1", inquiry(second, row))
            assert not refused.promised


@in_a_loop
async def test_on_a_slow_disk_some_of_a_portion_is_promised_in_time_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each segment takes 10 s to read: two of four can be, and the others cost no read for long."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        for minute in range(4):
            first.film(start_us=BASE_US + minute * 60 * SECOND_US, fragments=20)
            second.film(Role.SECOND, start_us=BASE_US + minute * 60 * SECOND_US, fragments=20)
        faulty = over_faults(second)
        verify, find = contents._verify_part, first.holdings.find
        answer = first.promiser.answer
        arrived: list[Inquiry] = []
        # The clock goes on only while a segment is read. So reading waits for all questions, and
        # then for the answer to whatever has been read, which the clock must not outrun.
        is_settled = threading.Event()

        async def counted(inquiry: Inquiry) -> Answer:
            arrived.append(inquiry)
            if len(arrived) == 4:
                asyncio.get_running_loop().call_soon(is_settled.set)
            answered = await answer(inquiry)
            is_settled.set()
            return answered

        def find_when_settled(*wanted: Any) -> Match:
            assert is_settled.wait(TEST_S)
            try:
                return find(*wanted)
            finally:
                is_settled.clear()

        def slowly(*part: Any) -> None:
            first.clock.now_us += SECOND_US // 2
            second.clock.now_us = first.clock.now_us
            verify(*part)

        monkeypatch.setattr(first.holdings, "find", find_when_settled)
        monkeypatch.setattr(contents, "_verify_part", slowly)
        monkeypatch.setattr(first.promiser, "answer", counted)
        began_us = first.clock.now_us
        assert len(await sweep(second)) == 2
        assert first.clock.now_us - began_us == 25 * SECOND_US
        assert [answer.promised for answer in faulty.answers].count(True) == 2
        assert len(await sweep(second)) == 2


@in_a_loop
async def test_a_separate_encoding_stays_as_a_recording_of_this_nodes_own(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(scene="for n1", fragments=60)
        copy = second.film(Role.SECOND, scene="for n2", fragments=60)
        faulty = over_faults(second)
        assert await sweep(second) == []
        row = second.row(copy)
        assert row is not None
        assert row.promised_us
        assert await sweep(second) == []
        assert len(faulty.answers) == 1  # and is not asked about again


@in_a_loop
async def test_what_the_primary_has_no_room_for_is_kept_as_this_nodes_own(tmp_path: Path) -> None:
    """A window longer than the primary holds: else it would be fetched and deleted in turns."""
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(start_us=BASE_US + 600 * SECOND_US, fragments=60)
        held_bytes = sum(row.durable_bytes for row in first.rows())
        first.mounted.volume.limits = Limits(held_bytes * 21 // 20, 0)
        copy = second.film(Role.SECOND)
        faulty = over_faults(second)
        assert await sweep(second) == []
        await first.healer.heal_wanted()
        assert first.healer.progress.fetched_bytes == 0
        assert "past what node n1 keeps" in faulty.answers[0].reason
        row = second.row(copy)
        assert row is not None
        assert row.promised_us


@in_a_loop
async def test_a_full_primary_fetches_what_is_newer_than_its_oldest(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film(fragments=60)
        held_bytes = sum(row.durable_bytes for row in first.rows())
        first.mounted.volume.limits = Limits(held_bytes * 109 // 100, 0)
        second.film(Role.SECOND, start_us=BASE_US + 600 * SECOND_US, fragments=2)
        assert await sweep(second) == []
        await first.healer.heal_wanted()
        assert len(await sweep(second)) == 1
