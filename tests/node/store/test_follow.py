"""Following a prefix: whatever happens to the watch, the view becomes true again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.store.subjects import do, in_a_loop, put

from tandem.node.store.errors import StoreRefusedError
from tandem.node.store.fake import Call, FakeStore, Fault, random_faults, scripted
from tandem.node.store.follow import Views, follow
from tandem.node.store.model import Change, Delete, Put, Snapshot

NEVER_S = 3600.0
OFTEN_S = 0.01


async def until(views: Views, keys: set[str]) -> Snapshot:
    """The first view with just these keys."""
    async for snapshot in views:
        if set(snapshot.entries) == keys:
            return snapshot
    raise AssertionError


async def watched(store: FakeStore, times: int = 1) -> None:
    """Wait until so many watches have stood."""
    while store.watches < times:  # noqa: ASYNC110
        await asyncio.sleep(0)


@in_a_loop
async def test_the_first_view_comes_even_if_there_is_nothing_to_see() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        first = await anext(views)
        assert (first.revision, dict(first.entries)) == (1, {})


@in_a_loop
async def test_a_view_has_all_keys_and_not_only_what_changed() -> None:
    store = FakeStore()
    await put(store, "/a/1")
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await until(views, {"/a/1"})
        await put(store, "/a/2")
        await put(store, "/b/1")
        both = await until(views, {"/a/1", "/a/2"})
        await do(store, Delete("/a/1"))
        one = await until(views, {"/a/2"})
        assert one.revision > both.revision
        assert views.watches == 1


@in_a_loop
async def test_a_slow_consumer_sees_the_newest_and_nothing_in_between() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await anext(views)
        for number in range(1000):
            await put(store, "/a/1", b"%d" % number)
        newest = await anext(views)
        while newest.entries["/a/1"].value != b"999":
            newest = await anext(views)  # the watch may tell in a few portions, never in many
        assert newest.entries["/a/1"].version == 1000


@in_a_loop
async def test_a_view_that_was_handed_out_never_changes() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        first = await anext(views)
        await put(store, "/a/1")
        await until(views, {"/a/1"})
        assert not first.entries


@in_a_loop
async def test_the_keys_of_a_view_are_in_order_whichever_came_first() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await anext(views)
        for name in "cab":
            await put(store, f"/a/{name}")
        assert list((await until(views, {"/a/a", "/a/b", "/a/c"})).entries) == [
            "/a/a",
            "/a/b",
            "/a/c",
        ]


@in_a_loop
async def test_a_broken_watch_resumes_and_loses_nothing_that_happened_between() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await anext(views)
        await watched(store)
        store.break_watches()
        await put(store, "/a/1")
        await until(views, {"/a/1"})
        assert views.watches == 2


@in_a_loop
async def test_a_watch_that_resumes_behind_a_compaction_lists_afresh() -> None:
    store = FakeStore()
    await put(store, "/a/1")
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await until(views, {"/a/1"})
        await watched(store)
        store.break_watches()
        await do(store, Delete("/a/1"))
        await put(store, "/a/2")
        store.keys.compact(store.keys.revision)
        await until(views, {"/a/2"})


@in_a_loop
async def test_a_silent_watch_is_noticed_by_listing_and_left() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=OFTEN_S) as views:
        await anext(views)
        await watched(store)
        store.silence_watches()
        await put(store, "/a/1")
        await until(views, {"/a/1"})
        await put(store, "/a/2")
        await until(views, {"/a/1", "/a/2"})
        assert views.watches >= 2


@in_a_loop
async def test_a_late_watch_does_not_bring_back_the_past() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=OFTEN_S) as views:
        await anext(views)
        await watched(store)
        store.silence_watches()
        await put(store, "/a/1")
        await do(store, Delete("/a/1"))
        await put(store, "/a/2")
        now = await until(views, {"/a/2"})
        store.release_watches()
        await put(store, "/a/3")
        assert (await until(views, {"/a/2", "/a/3"})).revision > now.revision


@in_a_loop
async def test_an_unavailable_store_shows_nothing_and_is_asked_again() -> None:
    store = FakeStore(faults=scripted(*[Fault.UNAVAILABLE] * 4))
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        assert (await anext(views)).revision == 1


@in_a_loop
async def test_a_listing_from_the_past_is_not_believed() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0), relist_every_s=OFTEN_S) as views:
        await anext(views)
        await put(store, "/a/1")
        await until(views, {"/a/1"})
        listed = asyncio.Event()

        def stale(call: Call) -> Fault | None:
            if call is not Call.READ:
                return None
            listed.set()
            return Fault.STALE

        store.faults = stale
        await listed.wait()
        await put(store, "/a/2")
        await until(views, {"/a/1", "/a/2"})


@in_a_loop
async def test_a_store_that_will_not_have_us_ends_it() -> None:
    class Refusing(FakeStore):
        async def range(self, prefix: str) -> Snapshot:
            raise StoreRefusedError("go away")

    with pytest.raises(ExceptionGroup) as caught:
        async with follow(Refusing(), "/a/", Random(0)) as views:
            await anext(views)
    assert caught.group_contains(StoreRefusedError)


@in_a_loop
async def test_leaving_the_context_leaves_no_watch_behind() -> None:
    store = FakeStore()
    async with follow(store, "/a/", Random(0)) as views:
        await anext(views)
    assert len(asyncio.all_tasks()) == 1


@settings(max_examples=50)
@given(st.integers(), st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_whatever_fails_the_view_ends_up_true(seed: int, history: list[tuple[str, bool]]) -> None:
    @in_a_loop
    async def run() -> None:
        random = Random(seed)
        store = FakeStore()
        healthy = FakeStore(store.keys)
        store.faults = random_faults(random, 0.3, [Fault.UNAVAILABLE])
        async with follow(store, "/", Random(seed), relist_every_s=OFTEN_S) as views:
            for name, is_put in history:
                await do(healthy, Put(f"/{name}", b"") if is_put else Delete(f"/{name}"))
                if random.random() < 0.2:
                    random.choice([store.break_watches, store.silence_watches])()
                if random.random() < 0.1 and store.keys.revision > store.keys.compact_revision:
                    store.keys.compact(store.keys.revision)
            truth = dict(store.keys.range("/").entries)
            async for snapshot in views:
                if dict(snapshot.entries) == truth:
                    break

    run()


@in_a_loop
async def test_a_watch_that_goes_back_in_time_does_not_take_the_view_with_it() -> None:
    class Repeating(FakeStore):
        async def changes(
            self, prefix: str, from_revision: int
        ) -> AsyncGenerator[tuple[Change, ...], None]:
            async with aclosing(super().changes(prefix, from_revision)) as feed:
                async for told in feed:
                    yield told
                    yield self.keys.changes(prefix, 0)[:1]

    store = Repeating()
    await put(store, "/a/1", b"old")
    await put(store, "/a/1", b"new")
    async with follow(store, "/a/", Random(0), relist_every_s=NEVER_S) as views:
        await anext(views)
        await put(store, "/a/2")
        await until(views, {"/a/1", "/a/2"})
        await put(store, "/a/3")
        assert (await until(views, {"/a/1", "/a/2", "/a/3"})).entries["/a/1"].value == b"new"


@in_a_loop
async def test_a_listing_that_the_watch_has_overtaken_is_passed_over() -> None:
    store = FakeStore()
    views = Views(store, "/a/", Random(0))
    before = await store.range("/a/")
    await put(store, "/a/1")
    assert views._adopt(await store.range("/a/"))
    assert not views._adopt(before)
    assert set((await anext(views)).entries) == {"/a/1"}
