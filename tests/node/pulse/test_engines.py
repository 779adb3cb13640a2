"""Engines of three nodes on one store, fake or real: who runs what, and never twice."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.etcd_processes import SingleEtcd, single_etcd
from tests.conformance.store.subjects import in_a_loop
from tests.node.pulse.played import LOOK_S, NODES, TELL_S, Site, site

from tandem.cluster import keys
from tandem.cluster.exclusive.timing import PATIENT, STANDARD, Timing
from tandem.cluster.order import Mode, Order
from tandem.node.store.errors import StoreRefusedError
from tandem.node.store.etcd import Deadlines, open_store
from tandem.node.store.fake import FakeStore, Fault, random_faults
from tandem.node.store.keyspace import Keyspace
from tandem.node.store.model import Snapshot
from tandem.node.store.protocol import Store

DEADLINES = Deadlines(attempt_s=1, call_s=1)
Open = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture
def fresh_etcd(tmp_path: Path) -> Iterator[SingleEtcd]:
    with single_etcd(tmp_path) as running:
        yield running


@pytest.fixture(params=["fake", pytest.param("etcd", marks=pytest.mark.real)])
def opened(request: pytest.FixtureRequest) -> Open:
    """Opens another client of one store."""
    if request.param == "fake":
        keyspace = Keyspace()

        @asynccontextmanager
        async def fake() -> AsyncGenerator[Store, None]:
            yield FakeStore(keyspace)

        return fake
    etcd: SingleEtcd = request.getfixturevalue("fresh_etcd")

    @asynccontextmanager
    async def real() -> AsyncGenerator[Store, None]:
        async with open_store([etcd.endpoint], Random(0), deadlines=DEADLINES) as store:
            yield store

    return real


@asynccontextmanager
async def three_nodes(opened: Open, timing: Timing = PATIENT) -> AsyncGenerator[Site, None]:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(opened()) for _ in NODES]
        made = await stack.enter_async_context(
            site(await stack.enter_async_context(opened()), timing)
        )
        for name, store in zip(NODES, stores, strict=True):
            made.boot(name, store)
        await until(lambda: made.all_know(NODES))
        yield made


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)


@in_a_loop
async def test_a_resource_runs_where_its_order_says_with_its_take_as_the_token(
    opened: Open,
) -> None:
    async with three_nodes(opened) as made:
        await made.order("door", "n2", "n1", "n3")
        await until(lambda: made.holder("door") == "n2")
        owner = await made.store.get(keys.key(keys.OWNERS, "door"))
        assert owner
        token = made.nodes["n2"].runs["door"]
        assert token
        assert (token.incarnation, token.revision) == (1, owner.mod_revision)


@in_a_loop
async def test_another_one_in_order_takes_over_from_a_dead_node(opened: Open) -> None:
    async with three_nodes(opened, STANDARD) as made:
        await made.order("door", "n1", "n2", "n3")
        await until(lambda: made.holder("door"))
        dead = made.holder("door") or "n1"
        await made.kill(dead)
        await until(lambda: made.holder("door") not in {None, dead})
        tokens = [token for _, _, token in made.started]
        assert tokens == sorted(tokens, key=lambda one: one or (0, 0))


@in_a_loop
async def test_a_planned_move_stops_it_here_before_it_starts_there(opened: Open) -> None:
    async with three_nodes(opened) as made:
        await made.order("door", "n1", "n2")
        await until(lambda: made.holder("door") == "n1")
        await made.order("door", "n3", "n1", generation=2)
        await until(lambda: made.holder("door") == "n3")
        assert [node for _, node, _ in made.started] == ["n1", "n3"]


@in_a_loop
async def test_a_store_that_loses_answers_brings_no_second_holder() -> None:
    keyspace = Keyspace()
    kinds = (Fault.LOST, Fault.UNANSWERED, Fault.DELAYED, Fault.UNAVAILABLE)
    stores = [FakeStore(keyspace, random_faults(Random(n), 0.2, kinds)) for n in range(3)]

    async def deliver() -> None:
        while True:
            await asyncio.sleep(TELL_S)
            for store in stores:
                store.deliver_delayed()

    async with site(FakeStore(keyspace)) as made, asyncio.TaskGroup() as tasks:
        delivering = tasks.create_task(deliver())
        for name, store in zip(NODES, stores, strict=True):
            made.boot(name, store)
        await until(lambda: made.all_know(NODES))
        order = list(NODES)
        for generation in range(1, 6):
            await made.order("door", *order, generation=generation)
            first = order[0]
            await until(lambda first=first: made.holder("door") == first)  # type: ignore[misc]
            order = [*order[1:], first]
        delivering.cancel()


@in_a_loop
async def test_a_session_that_cannot_be_read_keeps_others_from_taking_what_may_run_there() -> None:
    keyspace = Keyspace()
    async with site(FakeStore(keyspace)) as made:
        made.boot("n1", FakeStore(keyspace))
        await made.order("door", "n1")
        await until(lambda: made.holder("door") == "n1")
        await made.put(keys.SESSIONS + "n9", b'{"version": 99}')
        await until(lambda: "n9" in made.nodes["n1"].engine.problem)
        await made.order("gate", "n1")
        renewed = made.nodes["n1"].engine.state.renewed_until_us
        await until(lambda: made.nodes["n1"].engine.state.renewed_until_us > renewed)
        assert made.holder("door") == "n1"


@in_a_loop
async def test_an_order_that_cannot_be_read_costs_no_other_and_stops_nothing() -> None:
    keyspace = Keyspace()
    async with site(FakeStore(keyspace)) as made:
        node = made.boot("n1", FakeStore(keyspace))
        await made.order("door", "n1")
        await until(lambda: made.holder("door") == "n1")
        await made.put(keys.ORDERS + "door", b'{"version": 99}')
        await made.put(keys.ORDERS + "lamp", b"nonsense")
        await made.put(keys.ORDERS + "no name", b"{}")
        await until(lambda: len(node.said) == 3)
        await made.order("gate", "n1")
        await until(lambda: made.holder("gate") == "n1")
        renewed = node.engine.state.renewed_until_us
        await until(lambda: node.engine.state.renewed_until_us > renewed)
        assert made.holder("door") == "n1"
        assert made.holder("lamp") is None
        assert node.engine.problem == ""
        assert [sentence.split(":")[0].split()[1] for sentence in node.said] == [
            "door",
            "lamp",
            "no",
        ]
        assert "order of resource 'door' has version 99" in node.said[0]


@in_a_loop
async def test_what_nodes_share_is_not_run_by_the_engine_and_costs_no_other() -> None:
    keyspace = Keyspace()
    async with site(FakeStore(keyspace)) as made:
        node = made.boot("n1", FakeStore(keyspace))
        await made.put(keys.ORDERS + "web", Order(("n1", "n2"), 1, Mode.SHARED).encode())
        await made.order("door", "n1")
        await until(lambda: made.holder("door") == "n1")
        assert await made.store.get(keys.OWNERS + "web") is None
        await made.put(keys.ORDERS + "door", Order(("n1",), 2, Mode.SHARED).encode())
        await until(lambda: made.holder("door") is None)
        assert [name for name, _, _ in made.started] == ["door"]
        assert node.said == []


class Refusing(FakeStore):
    """Refuses this node while it is told to, as with a certificate that has expired."""

    is_refusing = False

    async def range(self, prefix: str) -> Snapshot:
        if self.is_refusing:
            raise StoreRefusedError("The certificate has expired.")
        return await super().range(prefix)


@in_a_loop
async def test_an_engine_that_the_store_refuses_runs_on_and_follows_again() -> None:
    keyspace = Keyspace()
    store = Refusing(keyspace)
    store.is_refusing = True
    async with site(FakeStore(keyspace)) as made:
        node = made.boot("n1", store)
        await until(lambda: node.engine.problem == "The certificate has expired.")
        store.is_refusing = False
        await made.order("door", "n1")
        await until(lambda: made.holder("door") == "n1")
