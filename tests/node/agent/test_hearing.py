"""Other nodes asked over HTTPS what they can record, again and again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock
from tests.node.control.material import PlayedAgent
from tests.node.test_tls import Files

from tandem.cluster.duties import Word
from tandem.node.agent import hearing
from tandem.node.agent.hearing import Hearing
from tandem.node.archivist.view import Address
from tandem.node.control.service import serve_links
from tandem.node.control.words import encode_word
from tandem.node.tls import client_context, server_context

LOOK_S = 0.01
NOWHERE = Address("127.0.0.1", 1)
CANNOT = Word(frozenset({("gate", "main")}))
HOLDS = Word(holds={"gate": {"main": 2381}})


class Bench:
    """Node n1, which asks n2, whose agent a test plays."""

    def __init__(self, place: Path) -> None:
        self.files = Files(place, "ca")
        self.clock = FakeClock()
        self.agent = PlayedAgent()
        self.asked = 0
        self.changes = 0
        self.addresses: list[Address] = []
        self.say(Word())
        self.agent.word = self._counted  # type: ignore[method-assign]

    def say(self, word: Word, revision: str = "1") -> None:
        self.agent.said = encode_word("n2", revision, word)

    def _counted(self) -> dict[str, object]:
        self.asked += 1
        return self.agent.said

    def stand_still(self) -> dict[str, object]:
        """The answer to one question takes as long as this node is frozen, and is none."""
        self.clock.now_us += hearing.FORGET_US
        self.agent.word = self._counted  # type: ignore[method-assign]
        return {}

    def note(self) -> None:
        self.changes += 1

    @asynccontextmanager
    async def hearing(self) -> AsyncGenerator[Hearing, None]:
        tls = server_context(self.files.authority, self.files.node("n2"))
        asks = client_context(self.files.authority, self.files.node("n1"))
        async with serve_links(self.agent, [Address("127.0.0.1", 0)], tls) as addresses:
            one = Hearing({"n2": [NOWHERE, *addresses]}, asks, self.clock, self.note)
            task = asyncio.create_task(one.run())
            try:
                yield one
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_so():  # noqa: ASYNC110 - it is in another task
                await asyncio.sleep(LOOK_S)

    async def asked_again(self) -> None:
        """Until two further questions were answered, so that the first has been read."""
        since = self.asked
        await self.until(lambda: self.asked >= since + 2)


@in_a_loop
async def test_what_another_node_says_is_known_and_again_when_it_changes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.hearing() as one:
        assert one.unheard == {"n2"}
        await bench.until(lambda: one.words == {"n2": Word()})
        assert not one.unheard
        changes = bench.changes
        bench.say(CANNOT, "2")
        await bench.until(lambda: one.words == {"n2": CANNOT})
        assert bench.changes == changes + 1


@in_a_loop
async def test_what_has_not_changed_is_neither_sent_again_nor_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.hearing() as one:
        await bench.until(lambda: "n2" in one.words)
        await bench.asked_again()
        bench.say(HOLDS)  # under the revision that is known: it would be read if it were sent
        await bench.asked_again()
        assert one.words == {"n2": Word()}


@in_a_loop
async def test_of_a_node_that_is_not_there_nothing_counts_until_it_speaks_anew(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.say(HOLDS)
    async with bench.hearing() as one:
        await bench.until(lambda: "n2" in one.words)
        changes = bench.changes
        one.forget("n2")
        assert one.words == {}
        assert bench.changes == changes + 1
        await bench.until(lambda: one.words == {"n2": HOLDS})


@in_a_loop
async def test_what_a_node_said_is_forgotten_when_it_has_been_silent_for_seconds(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.say(CANNOT)
    async with bench.hearing() as one:
        await bench.until(lambda: "n2" in one.words)
        bench.agent.said = {"version": 1, "revision": "2"}  # as of another release
        await bench.asked_again()
        assert one.words == {"n2": CANNOT}
        assert not one.quiet
        bench.clock.now_us += hearing.FORGET_US
        await bench.until(lambda: one.words == {})
        assert one.quiet == {"n2"}
        changes = bench.changes
        bench.say(CANNOT, "3")
        await bench.until(lambda: one.words == {"n2": CANNOT})
        assert not one.quiet
        assert bench.changes > changes


@in_a_loop
async def test_a_node_that_never_said_anything_is_quiet_after_as_long_and_each_return_begins_anew(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.agent.said = {}
    async with bench.hearing() as one:
        await bench.asked_again()
        bench.clock.now_us += hearing.FORGET_US
        await bench.until(lambda: one.quiet == {"n2"})
        assert bench.changes > 0
        one.expect("n2")
        assert not one.quiet
        await bench.asked_again()
        assert not one.quiet
        bench.clock.now_us += hearing.FORGET_US
        await bench.until(lambda: one.quiet == {"n2"})


@in_a_loop
async def test_one_question_that_failed_while_this_node_stood_still_makes_nobody_quiet(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.say(CANNOT)
    async with bench.hearing() as one:
        await bench.until(lambda: "n2" in one.words)
        bench.agent.word = bench.stand_still  # type: ignore[method-assign]
        await bench.asked_again()
        assert one.words == {"n2": CANNOT}
        assert not one.quiet


@in_a_loop
async def test_a_first_word_is_waited_for_no_longer_than_a_moment(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    asks = client_context(bench.files.authority, bench.files.node("n1"))
    one = Hearing({"n2": []}, asks, bench.clock, bench.note)
    assert one.unheard == {"n2"}
    bench.clock.now_us += hearing.BEGINNING_US
    assert not one.unheard


@in_a_loop
async def test_a_node_that_comes_is_asked_and_one_that_leaves_is_forgotten(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.say(CANNOT)
    async with bench.hearing() as one:
        await bench.until(lambda: one.words == {"n2": CANNOT})
        others = {"n2": list(one._addresses["n2"])}
        one.set_others({})
        assert not one.words
        assert not one.quiet | one.unheard
        asked, changes = bench.asked, bench.changes
        await asyncio.sleep(2 * hearing.ASK_S)  # nothing can be waited for: nothing is to happen
        assert (bench.asked, bench.changes) == (asked, changes)
        one.set_others(others)
        await bench.until(lambda: one.words == {"n2": CANNOT})
