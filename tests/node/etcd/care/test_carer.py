"""A real etcd that fills up, or whose file has grown: met by the nodes themselves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.conformance.store.etcd_processes import ETCD
from tests.conformance.store.subjects import PATIENT, eventually, in_a_loop
from tests.node.etcd.material import Cluster, cluster

from tandem.clock import SystemClock
from tandem.cluster import keys
from tandem.node.etcd.care.carer import Carer
from tandem.node.etcd.care.decide import Compact, Defragment, Disarm, HandOver
from tandem.node.etcd.member import EtcdMember
from tandem.node.store import gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import QuotaExceededError, StoreError
from tandem.node.store.etcd import EtcdStore, open_store
from tandem.node.store.model import Delete, MemberStatus, Put, Transaction
from tandem.node.tls import client_context

pytestmark = pytest.mark.real

MIB: Final = 1 << 20
QUOTA: Final = 16 * MIB
AMPLE: Final = 8 * QUOTA
"""Of a member that is not to run full, however much of its file a slow disk leaves free."""


@dataclass
class Site:
    """Some members, and a carer for each; what carers do is noted in order."""

    endpoints: list[Endpoint]
    store: EtcdStore
    carers: dict[str, Carer]
    done: list[tuple[str, object]]

    async def statuses(self) -> tuple[MemberStatus, ...]:
        return await self.store.status()

    async def look(self) -> None:
        for carer in self.carers.values():
            await carer.look()


def noting(node: str, carer: Carer, done: list[tuple[str, object]]) -> None:
    act = carer._act

    async def noted(action: object, members: object) -> None:
        await act(action, members)  # type: ignore[arg-type]
        done.append((node, action))

    carer._act = noted  # type: ignore[method-assign]


@asynccontextmanager
async def site(
    directory: Path, size: int, member_quota_bytes: int = QUOTA
) -> AsyncGenerator[Site, None]:
    made: Cluster = cluster(directory / "c", size)
    settings = {
        it.node: replace(made.settings(it.node), quota_bytes=member_quota_bytes)
        for it in made.members
    }
    members = [EtcdMember(ETCD, it, [], Random(0)) for it in settings.values()]
    endpoints = [Endpoint(it.client_urls[0], it.node) for it in made.members]
    async with AsyncExitStack() as stack:
        for member in members:
            stack.push_async_callback(member.stop)
        await asyncio.gather(*(member.start() for member in members))
        first = settings["n1"]
        tls = client_context(first.authority, first.credentials)
        store = await stack.enter_async_context(
            open_store(endpoints, Random(0), tls=tls, deadlines=PATIENT)
        )
        done: list[tuple[str, object]] = []
        carers = {
            node: Carer(node, lambda: endpoints, tls, store, SystemClock(), Random(0), QUOTA)
            for node in settings
        }
        for node, carer in carers.items():
            noting(node, carer, done)
        await eventually(lambda: all_lead(store))
        yield Site(endpoints, store, carers, done)


async def all_lead(store: EtcdStore) -> bool:
    return all(it.leader for it in await store.status())


async def fill(store: EtcdStore) -> None:
    """Write one key again and again, until the store takes no more."""
    for _ in range(40):
        try:
            await put(store, b"x" * MIB)
        except QuotaExceededError:
            return
    pytest.fail("it took more than its quota")


async def put(store: EtcdStore, value: bytes) -> None:
    await store.transact(Transaction((), (Put("/test", value),)))


@pytest.mark.parametrize("size", [1, 3])
@in_a_loop
async def test_a_full_store_is_emptied_by_the_nodes_and_takes_writes_again(
    tmp_path: Path, size: int
) -> None:
    async with site(tmp_path, size) as at:
        await fill(at.store)

        async def takes_writes() -> bool:
            await at.look()
            try:
                await put(at.store, b"again")
            except StoreError:
                return False
            return True

        await eventually(takes_writes)
        statuses = await at.statuses()
    kinds = [type(action) for _, action in at.done]
    assert kinds[0] is Compact
    assert kinds[-1] is Disarm
    shrunk = [node for node, action in at.done if isinstance(action, Defragment)]
    assert sorted(shrunk) == sorted(at.carers)
    assert all(status.size_bytes < QUOTA // 2 for status in statuses)
    assert not any(status.alarms for status in statuses)


@in_a_loop
async def test_a_file_that_has_grown_is_made_small_one_member_at_a_time_the_leader_after_it_led(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, 3, AMPLE) as at:
        for _ in range(7):
            await put(at.store, b"x" * MIB)
        await at.store.transact(Transaction((), (Delete("/test"),)))
        revision = (await at.store.range("/")).revision
        await ask(at, gateway.COMPACTION, gateway.compaction_request(revision))
        grown = [status.size_bytes for status in await at.statuses()]
        led_by = {status.leader for status in await at.statuses()}

        async def is_small() -> bool:
            await put(at.store, b"a site never rests")  # etcd counts what is free when it writes
            await asyncio.gather(*(carer.look() for carer in at.carers.values()))
            free = await at.store.get(keys.STORE_CARE) is None
            return free and all(it.size_bytes < MIB for it in await at.statuses())

        await eventually(is_small)
    assert min(grown) > 6 * MIB
    assert len(led_by) == 1
    names = [type(action).__name__ for _, action in at.done if not isinstance(action, HandOver)]
    turn = ["TakeTurn", "Defragment", "EndTurn"]
    assert names.count("Defragment") == 3
    held = [node for node, action in at.done if isinstance(action, Defragment)]
    assert sorted(held) == ["n1", "n2", "n3"]
    assert [name for name in names if name in turn[1:]] == turn[1:] * 3
    assert any(isinstance(action, HandOver) for _, action in at.done)


async def ask(at: Site, path: str, question: gateway.Json) -> None:
    client = EndpointClient(at.endpoints[0], at.carers["n1"]._tls)
    try:
        await client.ask(path, question, 10.0)
    finally:
        await client.close()


@in_a_loop
async def test_a_turn_that_another_node_left_is_waited_out_by_the_own_clock(tmp_path: Path) -> None:
    async with site(tmp_path, 1, AMPLE) as at:
        await at.store.transact(Transaction((), (Put(keys.STORE_CARE, b"a dead node's"),)))
        for _ in range(7):
            await put(at.store, b"x" * MIB)
        revision = (await at.store.range("/")).revision
        await ask(at, gateway.COMPACTION, gateway.compaction_request(revision))
        carer, clock = at.carers["n1"], Jumping()
        carer._clock = clock
        for _ in range(5):
            await put(at.store, b"a site never rests")
            await carer.look()
        assert at.done == []
        clock.ahead_us = 91_000_000
        await eventually(until(at, lambda: any(isinstance(it, Defragment) for _, it in at.done)))


class Jumping(SystemClock):
    ahead_us = 0

    def boot_us(self) -> int:
        return super().boot_us() + self.ahead_us


def until(at: Site, condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def looked() -> bool:
        await put(at.store, b"a site never rests")
        await at.look()
        return condition()

    return looked
