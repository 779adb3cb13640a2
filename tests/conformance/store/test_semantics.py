"""What every store does with keys, whoever it is."""

import pytest
from tests.conformance.store.subjects import Subject, do, in_a_loop, put

from tandem.node.store.errors import InvalidRequestError
from tandem.node.store.keyspace import MOST_BYTES, MOST_OPERATIONS
from tandem.node.store.model import (
    Compare,
    Delete,
    Entry,
    Get,
    List,
    Put,
    Relation,
    Target,
    Transaction,
    absent,
    unchanged,
    value_is,
)


@in_a_loop
async def test_a_key_that_was_never_written_is_not_there(subject: Subject) -> None:
    async with subject.open() as store:
        assert await store.get(subject.prefix + "a") is None
        assert not (await store.range(subject.prefix)).entries


@in_a_loop
async def test_a_key_carries_who_created_and_who_changed_it_last(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        created = await put(store, key, b"1")
        changed = await put(store, key, b"1")
        assert changed == created + 1
        assert await store.get(key) == Entry(key, b"1", created, changed, 2)


@in_a_loop
async def test_a_key_that_was_deleted_begins_anew(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        await put(store, key)
        await put(store, key)
        await do(store, Delete(key))
        assert await store.get(key) is None
        again = await put(store, key, b"new")
        assert await store.get(key) == Entry(key, b"new", again, again, 1)


@in_a_loop
async def test_deleting_what_is_not_there_is_no_change(subject: Subject) -> None:
    async with subject.open() as store:
        before = await put(store, subject.prefix + "a")
        assert (await do(store, Delete(subject.prefix + "b"))).revision == before


@in_a_loop
async def test_an_empty_value_is_a_value(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        await put(store, key, b"")
        found = await store.get(key)
        assert found
        assert found.value == b""


@in_a_loop
async def test_any_bytes_and_any_text_come_back_as_they_were(subject: Subject) -> None:
    key, value = subject.prefix + "caméra 仙 \x00\x7f", bytes(range(256))
    async with subject.open() as store:
        await put(store, key, value)
        found = await store.get(key)
        assert found
        assert (found.key, found.value) == (key, value)
        assert list((await store.range(subject.prefix)).entries) == [key]


@in_a_loop
async def test_a_range_has_its_prefix_alone_in_the_order_of_the_bytes(subject: Subject) -> None:
    names = ["a", "a/", "a0", "aa", "a\uffff", "a\U00010000", "b"]
    async with subject.open() as store:
        await do(store, *(Put(subject.prefix + name, b"") for name in reversed(names)))
        found = await store.range(subject.prefix + "a")
        assert list(found.entries) == [subject.prefix + name for name in names[:-1]]


@in_a_loop
async def test_a_range_has_the_stores_revision_and_not_its_keys(subject: Subject) -> None:
    async with subject.open() as store:
        await put(store, subject.prefix + "a/1")
        elsewhere = await put(store, subject.prefix + "b/1")
        assert (await store.range(subject.prefix + "a/")).revision == elsewhere


@in_a_loop
async def test_an_empty_prefix_means_all_keys(subject: Subject) -> None:
    async with subject.open() as store:
        await put(store, subject.prefix + "a")
        assert subject.prefix + "a" in (await store.range("")).entries


@in_a_loop
async def test_a_transaction_is_one_revision(subject: Subject) -> None:
    keys = [subject.prefix + name for name in "abc"]
    async with subject.open() as store:
        outcome = await do(store, *(Put(key, b"") for key in keys))
        entries = (await store.range(subject.prefix)).entries.values()
        assert {entry.mod_revision for entry in entries} == {outcome.revision}


@in_a_loop
async def test_a_branch_reads_what_it_has_written_so_far(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        first = await put(store, key, b"old")
        outcome = await do(store, Get(key), Put(key, b"new"), Get(key))
        assert outcome.gets == (
            Entry(key, b"old", first, first, 1),
            Entry(key, b"new", first, outcome.revision, 2),
        )


@in_a_loop
async def test_gets_keep_their_order_among_other_operations(subject: Subject) -> None:
    a, b, c = (subject.prefix + name for name in "abc")
    async with subject.open() as store:
        await do(store, Put(a, b"a"), Put(c, b"c"))
        outcome = await do(store, Get(c), Delete(a), Get(a), Put(b, b"b"), Get(b))
        assert [entry and entry.value for entry in outcome.gets] == [b"c", None, b"b"]


@in_a_loop
async def test_a_list_shows_all_of_a_prefix_as_it_stands_then(subject: Subject) -> None:
    a, b, c = (subject.prefix + name for name in ("x/a", "x/b", "y"))
    async with subject.open() as store:
        await do(store, Put(a, b"a"), Put(c, b"c"))
        everything = List(subject.prefix + "x/")
        outcome = await do(store, Get(c), everything, Put(b, b"b"), Delete(a), everything, Get(a))
        assert [entry and entry.value for entry in outcome.gets] == [b"c", None]
        assert [{key: entry.value for key, entry in found.items()} for found in outcome.lists] == [
            {a: b"a"},
            {b: b"b"},
        ]


@in_a_loop
async def test_a_list_of_nothing_is_empty(subject: Subject) -> None:
    async with subject.open() as store:
        outcome = await do(store, List(subject.prefix + "none/"))
        assert [dict(found) for found in outcome.lists] == [{}]


@in_a_loop
async def test_where_a_condition_fails_only_the_other_branch_is_done(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        first = await put(store, key, b"1")
        swap = Transaction((unchanged(key, first),), (Put(key, b"2"),), (Get(key),))
        done = await store.transact(swap)
        assert (done.succeeded, done.revision, done.gets) == (True, first + 1, ())
        late = await store.transact(swap)
        assert (late.succeeded, late.revision) == (False, first + 1)
        assert late.gets == (Entry(key, b"2", first, first + 1, 2),)


@in_a_loop
async def test_one_false_condition_of_many_is_enough(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        await put(store, key, b"1")
        both = Transaction((value_is(key, b"1"), absent(key)), (Put(key, b"2"),))
        assert not (await store.transact(both)).succeeded


@in_a_loop
async def test_a_transaction_without_conditions_succeeds(subject: Subject) -> None:
    async with subject.open() as store:
        assert (await store.transact(Transaction())).succeeded


RELATIONS = {  # of what is there to what it is compared with: less, equal, greater
    Relation.EQUAL: (False, True, False),
    Relation.NOT_EQUAL: (True, False, True),
    Relation.GREATER: (False, False, True),
    Relation.LESS: (True, False, False),
}


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("target", Target)
@in_a_loop
async def test_every_target_stands_in_every_relation(
    subject: Subject, target: Target, relation: Relation
) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        await put(store, key, b"m")
        await put(store, key, b"m")
        entry = await store.get(key)
        assert entry
        actual = getattr(entry, target.value)
        around = (b"n", b"m", b"l") if actual == b"m" else (actual + 1, actual, actual - 1)
        held = [
            (
                await store.transact(Transaction((Compare(key, target, operand, relation),)))
            ).succeeded
            for operand in around
        ]
        assert tuple(held) == RELATIONS[relation]


@pytest.mark.parametrize("target", [Target.VERSION, Target.CREATE_REVISION, Target.MOD_REVISION])
@in_a_loop
async def test_the_numbers_of_a_key_that_is_not_there_are_0(
    subject: Subject, target: Target
) -> None:
    condition = Compare(subject.prefix + "a", target, 0)
    async with subject.open() as store:
        assert (await store.transact(Transaction((condition,)))).succeeded


@pytest.mark.parametrize("relation", Relation)
@in_a_loop
async def test_a_value_that_is_not_there_is_not_even_unequal(
    subject: Subject, relation: Relation
) -> None:
    condition = Compare(subject.prefix + "a", Target.VALUE, b"", relation)
    async with subject.open() as store:
        assert not (await store.transact(Transaction((condition,)))).succeeded


@in_a_loop
async def test_as_many_operations_as_etcd_takes_are_taken_and_one_more_is_not(
    subject: Subject,
) -> None:
    puts = tuple(Put(f"{subject.prefix}{number}", b"") for number in range(MOST_OPERATIONS + 1))
    compares = tuple(absent(put.key) for put in puts)
    async with subject.open() as store:
        assert (await do(store, *puts[:-1])).succeeded
        for transaction in (Transaction(success=puts), Transaction(failure=puts)):
            with pytest.raises(InvalidRequestError):
                await store.transact(transaction)
        with pytest.raises(InvalidRequestError):
            await store.transact(Transaction(compares))


@pytest.mark.parametrize("size", [MOST_BYTES + 1, MOST_BYTES * 3])
@in_a_loop
async def test_what_is_too_large_is_never_done_and_says_so(subject: Subject, size: int) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        with pytest.raises(InvalidRequestError):
            await put(store, key, bytes(size))
        assert await store.get(key) is None


@in_a_loop
async def test_a_key_cannot_be_changed_twice_at_once(subject: Subject) -> None:
    key = subject.prefix + "a"
    async with subject.open() as store:
        for twice in ((Put(key, b"1"), Put(key, b"2")), (Put(key, b"1"), Delete(key))):
            for transaction in (Transaction(success=twice), Transaction(failure=twice)):
                with pytest.raises(InvalidRequestError):
                    await store.transact(transaction)
        assert (await do(store, Delete(key), Delete(key))).succeeded


@in_a_loop
async def test_an_empty_key_is_refused(subject: Subject) -> None:
    async with subject.open() as store:
        with pytest.raises(InvalidRequestError):
            await put(store, "")


@in_a_loop
async def test_every_member_says_how_it_is(subject: Subject) -> None:
    async with subject.open() as store:
        revision = await put(store, subject.prefix + "a")
        (status,) = await store.status()
        assert not status.problem
        assert status.revision >= revision
        assert status.leader == status.member != 0
