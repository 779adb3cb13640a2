"""What every store tells of changes on one watch."""

from contextlib import aclosing

import pytest
from tests.conformance.store.subjects import Subject, do, in_a_loop, put

from tandem.node.store.errors import CompactedError
from tandem.node.store.model import Change, Delete, Put
from tandem.node.store.protocol import Store


async def told(store: Store, prefix: str, from_revision: int, count: int) -> list[Change]:
    """What a new watch tells first."""
    found: list[Change] = []
    async with aclosing(store.changes(prefix, from_revision)) as feed:
        async for changes in feed:
            found += changes
            if len(found) >= count:
                break
    return found


@in_a_loop
async def test_a_watch_says_that_it_stands_before_it_tells_anything(subject: Subject) -> None:
    async with subject.open() as store:
        revision = await put(store, subject.prefix + "a")
        async with aclosing(store.changes(subject.prefix, revision)) as feed:
            assert await anext(feed) == ()
            assert [change.revision for change in await anext(feed)] == [revision]


@in_a_loop
async def test_a_watch_tells_what_happens_after_it_began(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store, subject.open() as other:
        start = (await store.range(subject.prefix)).revision + 1
        async with aclosing(store.changes(subject.prefix, start)) as feed:
            assert await anext(feed) == ()
            revision = await put(other, key, b"1")
            (change,) = await anext(feed)
            assert change == Change(key, revision, await other.get(key))


@in_a_loop
async def test_a_watch_from_the_past_tells_everything_in_order(subject: Subject) -> None:
    a, b = subject.prefix + "a", subject.prefix + "b"
    async with subject.open() as store:
        first = await put(store, a, b"1")
        await put(store, b, b"2")
        await do(store, Delete(a))
        await put(store, a, b"3")
        changes = await told(store, subject.prefix, first, 4)
        assert [(change.key, change.revision - first) for change in changes] == [
            (a, 0),
            (b, 1),
            (a, 2),
            (a, 3),
        ]
        assert [change.entry and change.entry.value for change in changes] == [
            b"1",
            b"2",
            None,
            b"3",
        ]


@in_a_loop
async def test_a_watch_begins_with_its_revision_and_not_before(subject: Subject) -> None:
    async with subject.open() as store:
        await put(store, subject.prefix + "a")
        second = await put(store, subject.prefix + "b")
        changes = await told(store, subject.prefix, second, 1)
        assert [change.key for change in changes] == [subject.prefix + "b"]


@in_a_loop
async def test_one_revision_is_told_as_a_whole(subject: Subject) -> None:
    async with subject.open() as store:
        puts = [Put(f"{subject.prefix}{number}", bytes(5000)) for number in range(100)]
        revision = (await do(store, *puts)).revision
        async with aclosing(store.changes(subject.prefix, revision)) as feed:
            assert await anext(feed) == ()
            assert len(await anext(feed)) == 100


@in_a_loop
async def test_keys_beside_the_prefix_are_not_told(subject: Subject) -> None:
    async with subject.open() as store:
        start = await put(store, subject.prefix + "b")
        await put(store, subject.prefix + "a/1")
        await put(store, subject.prefix + "a0")
        await put(store, subject.prefix + "a/2")
        changes = await told(store, subject.prefix + "a/", start, 2)
        assert [change.key for change in changes] == [
            subject.prefix + "a/1",
            subject.prefix + "a/2",
        ]


@in_a_loop
async def test_a_watch_of_what_was_compacted_says_so_and_from_where_it_goes(
    subject: Subject,
) -> None:
    async with subject.open() as store:
        first = await put(store, subject.prefix + "a")
        await put(store, subject.prefix + "a")
        last = await put(store, subject.prefix + "a")
        subject.compact(last)
        with pytest.raises(CompactedError) as caught:
            await told(store, subject.prefix, first, 1)
        assert caught.value.compact_revision == last
        assert len(await told(store, subject.prefix, last, 1)) == 1


@in_a_loop
async def test_two_watches_tell_the_same(subject: Subject) -> None:
    async with subject.open() as store:
        first = await put(store, subject.prefix + "a")
        await put(store, subject.prefix + "b")
        one = await told(store, subject.prefix, first, 2)
        assert await told(store, subject.prefix, first, 2) == one
