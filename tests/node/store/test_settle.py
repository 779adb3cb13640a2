"""Reading back what became of a transaction with an unknown outcome."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.store.subjects import do, in_a_loop, put

from tandem.node.store.errors import StoreUnavailableError, UnknownOutcomeError
from tandem.node.store.fake import FakeStore, Fault, random_faults, scripted
from tandem.node.store.keyspace import Keyspace
from tandem.node.store.model import Delete, Entry, Put, Transaction, unchanged, value_is
from tandem.node.store.settle import Fate, Settlement, settle

NEW = Put("/a", b"nonce-1")


def swap(compared: int, new: Put = NEW) -> Transaction:
    return Transaction((unchanged("/a", compared),), (new,))


@in_a_loop
async def test_an_answered_attempt_is_not_read_back() -> None:
    store = FakeStore()
    assert await settle(store, swap(0), NEW) == Settlement(Fate.APPLIED, 2)
    assert await settle(store, swap(0), NEW) == Settlement(Fate.REFUSED, 2)


@in_a_loop
async def test_an_unanswered_attempt_that_happened_is_found_by_its_nonce() -> None:
    store = FakeStore(faults=scripted(Fault.UNANSWERED))
    settled = await settle(store, swap(0), NEW)
    assert (settled.fate, settled.revision) == (Fate.APPLIED, 2)


@in_a_loop
async def test_an_attempt_that_may_still_arrive_is_never_called_failed() -> None:
    store = FakeStore(faults=scripted(Fault.DELAYED))
    assert (await settle(store, swap(0), NEW)).fate is Fate.OPEN
    store.deliver_delayed()
    entry = await store.get("/a")
    assert entry
    assert entry.value == NEW.value


@in_a_loop
async def test_a_second_attempt_settles_one_that_may_still_arrive() -> None:
    store = FakeStore(faults=scripted(Fault.DELAYED))
    second = Put("/a", b"nonce-2")
    assert (await settle(store, swap(0), NEW)).fate is Fate.OPEN
    assert (await settle(store, swap(0, second), second)).fate is Fate.APPLIED
    store.deliver_delayed()
    entry = await store.get("/a")
    assert entry
    assert (entry.value, entry.version) == (second.value, 1)


@in_a_loop
async def test_an_attempt_that_another_write_came_before_can_never_happen() -> None:
    store = FakeStore()
    first = await put(store, "/a", b"old")
    await put(store, "/a", b"theirs")
    store.faults = scripted(Fault.LOST)
    settled = await settle(store, swap(first), NEW)
    assert (settled.fate, settled.revision) == (Fate.OVERTAKEN, first + 1)


@in_a_loop
async def test_an_attempt_whose_value_was_overwritten_is_not_called_applied() -> None:
    other = FakeStore()

    class Overwritten(FakeStore):
        async def get(self, key: str) -> Entry | None:
            await put(other, key, b"theirs")
            return await super().get(key)

    store = Overwritten(other.keys, scripted(Fault.UNANSWERED))
    assert (await settle(store, swap(0), NEW)).fate is Fate.OVERTAKEN


@in_a_loop
async def test_the_same_value_from_before_is_no_proof() -> None:
    store = FakeStore()
    first = await put(store, "/a", NEW.value)
    store.faults = scripted(Fault.LOST)
    assert (await settle(store, swap(first), NEW)).fate is Fate.OPEN


@in_a_loop
async def test_a_key_that_was_deleted_meanwhile_has_moved_on() -> None:
    store = FakeStore()
    first = await put(store, "/a", b"old")
    await do(store, Delete("/a"))
    store.faults = scripted(Fault.LOST)
    settled = await settle(store, swap(first), NEW)
    assert (settled.fate, settled.revision) == (Fate.OVERTAKEN, 0)


@in_a_loop
async def test_what_cannot_be_read_back_stays_unknown() -> None:
    store = FakeStore(faults=scripted(Fault.UNANSWERED, Fault.UNAVAILABLE))
    with pytest.raises(UnknownOutcomeError, match="could not be read back"):
        await settle(store, swap(0), NEW)


@in_a_loop
async def test_what_certainly_did_not_happen_is_passed_on() -> None:
    with pytest.raises(StoreUnavailableError):
        await settle(FakeStore(faults=scripted(Fault.UNAVAILABLE)), swap(0), NEW)


@pytest.mark.parametrize(
    "transaction",
    [
        Transaction((), (NEW,)),
        Transaction((value_is("/a", b""),), (NEW,)),
        Transaction((unchanged("/b", 0),), (NEW,)),
        Transaction((unchanged("/a", 0),), (), (NEW,)),
    ],
)
@in_a_loop
async def test_what_could_not_be_read_back_is_not_even_sent(transaction: Transaction) -> None:
    store = FakeStore()
    with pytest.raises(ValueError, match="/a"):
        await settle(store, transaction, NEW)
    assert store.keys.revision == 1


@settings(max_examples=60)
@given(st.integers())
def test_among_any_faults_each_applied_attempt_is_one_write_and_each_refused_none(
    seed: int,
) -> None:
    keyspace = Keyspace()
    applied: dict[bytes, int] = {}
    refused: set[bytes] = set()

    async def attempt_often(number: int) -> None:
        random = Random(seed + number)
        store = FakeStore(keyspace, random_faults(random, 0.4, set(Fault) - {Fault.STALE}))
        for turn in range(12):
            entry = keyspace.get("/a")
            new = Put("/a", b"%d/%d" % (number, turn))
            await asyncio.sleep(0)
            try:
                settled = await settle(store, swap(entry.mod_revision if entry else 0, new), new)
            except (UnknownOutcomeError, StoreUnavailableError):
                continue
            if settled.fate is Fate.APPLIED:
                applied[new.value] = settled.revision
            elif settled.fate is Fate.REFUSED:
                refused.add(new.value)
            if random.random() < 0.5:
                store.deliver_delayed()

    @in_a_loop
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(attempt_often(number))

    run()
    written = {
        change.entry.value: change.revision for change in keyspace.changes("/a", 0) if change.entry
    }
    assert applied.items() <= written.items()
    assert not refused & set(written)
