"""The fake and etcd, side by side on the same random history: every answer is the same."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.store.etcd_processes import SingleEtcd
from tests.conformance.store.subjects import PATIENT, EtcdSubject, in_a_loop

from tandem.node.store.errors import InvalidRequestError, StoreError
from tandem.node.store.etcd import open_store
from tandem.node.store.fake import FakeStore
from tandem.node.store.keyspace import Keyspace
from tandem.node.store.model import (
    Change,
    Compare,
    Delete,
    Entry,
    Get,
    List,
    Operation,
    Outcome,
    Put,
    Relation,
    Snapshot,
    Target,
    Transaction,
    unchanged,
)
from tandem.node.store.protocol import Store

NUMBERS = (Target.VERSION, Target.CREATE_REVISION, Target.MOD_REVISION)
REVISIONS = (Target.CREATE_REVISION, Target.MOD_REVISION)

keys = st.sampled_from(["a", "b", "b/1", "b0", "é"])
values = st.sampled_from([b"", b"1", b"2"])
operations = st.one_of(
    st.builds(Get, keys),
    st.builds(List, keys),
    st.builds(Put, keys, values),
    st.builds(Delete, keys),
)
relations = st.sampled_from(Relation)
compares = st.one_of(
    st.builds(Compare, keys, st.just(Target.VALUE), values, relations),
    st.builds(Compare, keys, st.sampled_from(NUMBERS), st.integers(0, 12), relations),
)
transactions = st.builds(
    Transaction,
    st.lists(compares, max_size=2).map(tuple),
    st.lists(operations, max_size=4).map(tuple),
    st.lists(operations, max_size=4).map(tuple),
)


class Normalised:
    """A store seen from where a history begins: keys without their prefix, revisions from 0."""

    def __init__(self, store: Store, prefix: str, start: int) -> None:
        self._store = store
        self._prefix = prefix
        self._start = start

    async def transact(self, transaction: Transaction) -> Outcome | type[StoreError]:
        try:
            done = await self._store.transact(
                Transaction(
                    tuple(self._compare(compare) for compare in transaction.compares),
                    tuple(map(self._operation, transaction.success)),
                    tuple(map(self._operation, transaction.failure)),
                )
            )
        except InvalidRequestError as error:
            return type(error)
        gets = tuple(entry and self._entry(entry) for entry in done.gets)
        lists = tuple(
            {entry.key: entry for entry in map(self._entry, found.values())} for found in done.lists
        )
        return Outcome(done.succeeded, done.revision - self._start, gets, lists)

    async def range(self, prefix: str) -> Snapshot:
        found = await self._store.range(self._prefix + prefix)
        entries = [self._entry(entry) for entry in found.entries.values()]
        return Snapshot(found.revision - self._start, {entry.key: entry for entry in entries})

    async def get(self, key: str) -> Entry | None:
        found = await self._store.get(self._prefix + key)
        return found and self._entry(found)

    async def changes(self, prefix: str, count: int) -> list[Change]:
        """The first changes since the history began."""
        told: list[Change] = []
        feed = self._store.changes(self._prefix + prefix, self._start + 1)
        async with aclosing(feed):
            while len(told) < count:
                told += await anext(feed)
        return [
            Change(
                change.key.removeprefix(self._prefix),
                change.revision - self._start,
                change.entry and self._entry(change.entry),
            )
            for change in told
        ]

    def _operation(self, operation: Operation) -> Operation:
        if isinstance(operation, List):
            return List(self._prefix + operation.prefix)
        return replace(operation, key=self._prefix + operation.key)

    def _compare(self, compare: Compare) -> Compare:
        operand = compare.operand
        if compare.target in REVISIONS and isinstance(operand, int) and operand:
            operand += self._start
        return replace(compare, key=self._prefix + compare.key, operand=operand)

    def _entry(self, entry: Entry) -> Entry:
        return replace(
            entry,
            key=entry.key.removeprefix(self._prefix),
            create_revision=entry.create_revision - self._start,
            mod_revision=entry.mod_revision - self._start,
        )


@pytest.mark.real
@settings(max_examples=60)
@given(history=st.lists(transactions, max_size=12), prefix=st.sampled_from(["", "b", "b/"]))
def test_the_fake_answers_every_history_as_etcd_does(
    etcd: SingleEtcd, history: list[Transaction], prefix: str
) -> None:
    @in_a_loop
    async def compare() -> None:
        async with open_store([etcd.endpoint], Random(0), deadlines=PATIENT) as real:
            start = (await real.range("/none/")).revision
            theirs = Normalised(real, f"/same/{uuid4()}/", start)
            keyspace = Keyspace(revision=1000)  # so that small numbers are no revisions of either
            ours = Normalised(FakeStore(keyspace), "/same/", 1000)
            for transaction in history:
                assert await ours.transact(transaction) == await theirs.transact(transaction)
            assert await ours.range(prefix) == await theirs.range(prefix)
            assert await ours.get("b") == await theirs.get("b")
            count = len(keyspace.changes("/same/" + prefix, 1001))
            assert await ours.changes(prefix, count) == await theirs.changes(prefix, count)

    compare()


@pytest.mark.parametrize("kind", ["fake", pytest.param("etcd", marks=pytest.mark.real)])
@in_a_loop
async def test_of_many_that_swap_one_key_each_revision_has_one_winner(
    kind: str, request: pytest.FixtureRequest
) -> None:
    keyspace = Keyspace()
    won: list[int] = []

    async def swap_often(store: Store, key: str) -> None:
        for _ in range(15):
            entry = await store.get(key)
            seen = entry.mod_revision if entry else 0
            done = await store.transact(Transaction((unchanged(key, seen),), (Put(key, b""),)))
            if done.succeeded:
                won.append(done.revision)

    async def run(stores: list[Store], key: str) -> None:
        async with asyncio.TaskGroup() as group:
            for store in stores:
                group.create_task(swap_often(store, key))
        entry = await stores[0].get(key)
        assert entry
        assert entry.version == len(won) == len(set(won))
        assert entry.mod_revision == max(won)
        assert len(won) < 15 * len(stores)  # they did get into each other's way

    if kind == "fake":
        await run([FakeStore(keyspace) for _ in range(4)], "/a")
        return
    subject = EtcdSubject(request.getfixturevalue("etcd"))
    async with subject.open() as one, subject.open() as two, subject.open() as three:
        await run([one, two, three], subject.prefix + "a")
