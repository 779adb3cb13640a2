"""What the client makes of members that hang, die, lose their quorum, or are not ours."""

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.etcd_processes import (
    SingleEtcd,
    TlsCluster,
    single_etcd,
    waits_to_be_read,
)
from tests.conformance.store.subjects import PATIENT, eventually, in_a_loop, put

from tandem.clock import SystemClock
from tandem.node.authority import create_authority
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.errors import (
    QuotaExceededError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownOutcomeError,
    WrongClusterError,
)
from tandem.node.store.etcd import Deadlines, EtcdStore, open_store
from tandem.node.store.follow import follow
from tandem.node.store.model import Put, Transaction, absent
from tandem.node.store.settle import Fate, settle
from tandem.node.tls import client_context

pytestmark = pytest.mark.real

KEY = "/conformance/a"
BRISK = Deadlines(attempt_s=0.5, call_s=6)
"""For those who are to find out that somebody does not answer."""


@asynccontextmanager
async def opened(
    cluster: TlsCluster, *nodes: str, deadlines: Deadlines = PATIENT
) -> AsyncGenerator[EtcdStore, None]:
    """The store, asked at these nodes in this order, once a leader has been elected."""
    tls = client_context(cluster.ca, cluster.credentials("client"))
    by_node = {endpoint.node: endpoint for endpoint in cluster.endpoints}
    endpoints = [by_node[node] for node in nodes or cluster.NODES]
    async with open_store(endpoints, Random(0), tls=tls, deadlines=deadlines) as store:
        await until_it_answers(store)
        yield store


async def until_it_answers(store: EtcdStore) -> None:
    while True:
        try:
            await store.get(KEY)
        except StoreUnavailableError:
            await asyncio.sleep(0)
        else:
            return


async def leader_of(store: EtcdStore) -> str:
    """The node whose member leads."""
    (name,) = {status.name for status in await store.status() if status.leader == status.member}
    return name.partition(" ")[0]


@in_a_loop
async def test_three_members_with_certificates_are_one_store(cluster: TlsCluster) -> None:
    async with opened(cluster) as store:
        revision = await put(store, KEY, b"1")
        for node in cluster.NODES:
            async with opened(cluster, node) as other:
                entry = await other.get(KEY)
                assert entry
                assert entry.mod_revision == revision
        assert len({status.member for status in await store.status()}) == 3


@pytest.mark.parametrize("certificate", ["none", "foreign", "self-made authority"])
@in_a_loop
async def test_who_is_not_of_the_cluster_gets_nothing(
    cluster: TlsCluster, certificate: str
) -> None:
    async with opened(cluster) as store:
        await put(store, KEY, b"secret")
    foreign = create_authority("conformance", SystemClock())
    tls = client_context(cluster.ca, cluster.credentials("client", foreign))
    if certificate == "none":
        tls = ssl.create_default_context(cafile=str(cluster.ca))
    if certificate == "self-made authority":
        other_ca = cluster.directory / "other-ca.pem"
        other_ca.write_bytes(foreign.certificate)
        tls = client_context(other_ca, cluster.credentials("client", foreign))
    async with open_store(cluster.endpoints, Random(0), tls=tls, deadlines=PATIENT) as store:
        await is_refused(lambda: store.get(KEY))
        await is_refused(lambda: put(store, KEY, b"forged"))
        await is_refused(lambda: anext(store.changes("", 1)))
    async with opened(cluster) as store:
        entry = await store.get(KEY)
        assert entry
        assert entry.value == b"secret"


async def is_refused(call: Callable[[], Awaitable[object]]) -> None:
    """Never is it left open whether something happened; sooner or later it says why it did not."""

    async def told() -> bool:
        try:
            await call()
        except StoreRefusedError as error:
            return "certificate" in str(error)
        except StoreUnavailableError:  # the refusal crossed our question, and was not heard
            return False
        raise AssertionError("it was let in")

    await eventually(told)


@in_a_loop
async def test_a_member_that_is_another_node_than_expected_is_refused(cluster: TlsCluster) -> None:
    tls = client_context(cluster.ca, cluster.credentials("client"))
    n1, n2, _ = cluster.endpoints
    swapped = Endpoint(n2.url, n1.node)
    async with opened(cluster), open_store([swapped], Random(0), tls=tls) as store:
        with pytest.raises(StoreRefusedError, match="not n1's"):
            await store.get(KEY)


@in_a_loop
async def test_a_frozen_member_costs_a_read_one_attempt_and_a_write_its_certainty(
    cluster: TlsCluster,
) -> None:
    async with opened(cluster) as finder:
        leader = await leader_of(finder)
    first, second = (node for node in cluster.NODES if node != leader)
    long_enough = Deadlines(attempt_s=2, call_s=30)  # nobody is left who is only slow
    async with opened(cluster, first, second, deadlines=long_enough) as store:
        await put(store, KEY, b"1")
        cluster.processes[first].freeze()
        entry = await store.get(KEY)
        assert entry
        assert entry.value == b"1"
    async with opened(cluster, second, first, deadlines=long_enough) as store:
        await put(store, KEY, b"2")
        cluster.processes[second].freeze()
        cluster.processes[first].thaw()
        with pytest.raises(UnknownOutcomeError, match="did not answer"):
            await put(store, KEY, b"3")
        await put(store, KEY, b"4")  # now at the other


@in_a_loop
async def test_no_call_outlives_its_deadline_when_every_member_is_frozen(
    etcd: SingleEtcd,
) -> None:
    brisk = Deadlines(attempt_s=0.2, call_s=0.5)
    async with open_store([etcd.endpoint], Random(0), deadlines=brisk) as store:
        await until_it_answers(store)
        etcd.process.freeze()
        try:
            async with asyncio.timeout(60):
                with pytest.raises(StoreUnavailableError, match=r"did not answer within 0\.\d+ s"):
                    await store.get(KEY)
                with pytest.raises(UnknownOutcomeError):
                    await put(store, KEY)
                with pytest.raises(StoreUnavailableError):
                    await anext(store.changes("", 1))
                (status,) = await store.status()
                assert "did not answer" in status.problem
        finally:
            etcd.process.thaw()


@in_a_loop
async def test_a_transaction_whose_member_dies_is_unknown_and_read_back_elsewhere(
    cluster: TlsCluster,
) -> None:
    async with opened(cluster) as finder:
        leader = await leader_of(finder)
    victim, helper = (node for node in cluster.NODES if node != leader)
    async with opened(cluster, victim, helper, leader) as store:
        new = Put(KEY, b"nonce-1")
        port = next(member.client_port for member in cluster.members if member.node == victim)
        cluster.processes[victim].freeze()  # it cannot answer, and dies with the question
        async with asyncio.TaskGroup() as group:
            settling = group.create_task(settle(store, Transaction((absent(KEY),), (new,)), new))
            while not waits_to_be_read(port):  # noqa: ASYNC110
                await asyncio.sleep(0)
            cluster.processes[victim].kill()
        settled = settling.result()
        assert settled.fate is Fate.OPEN
        again = Put(KEY, b"nonce-2")
        assert (await settle(store, Transaction((absent(KEY),), (again,)), again)).fate is (
            Fate.APPLIED
        )


@in_a_loop
async def test_killing_the_leader_amid_many_writes_loses_no_acknowledged_and_doubles_none(
    cluster: TlsCluster,
) -> None:
    acknowledged: list[int] = []
    async with opened(cluster) as store:
        leader = await leader_of(store)
        for number in range(120):
            if number == 40:
                cluster.processes[leader].kill()
            key = f"{KEY}/{number}"
            new = Put(key, b"%d" % number)
            while (
                settled := await settled_or_none(store, Transaction((absent(key),), (new,)), new)
            ) is not Fate.APPLIED:
                assert settled in {Fate.OPEN, None}
            acknowledged.append(number)
        entries = (await store.range(KEY + "/")).entries
        assert sorted(int(entry.value) for entry in entries.values()) == acknowledged
        assert {entry.version for entry in entries.values()} == {1}


async def settled_or_none(store: EtcdStore, transaction: Transaction, new: Put) -> Fate | None:
    try:
        return (await settle(store, transaction, new)).fate
    except (StoreUnavailableError, UnknownOutcomeError):
        return None


@in_a_loop
async def test_a_member_without_quorum_fails_its_watch_and_does_not_fall_silent(
    cluster: TlsCluster,
) -> None:
    async with opened(cluster, "n1") as store, opened(cluster, "n1", deadlines=BRISK) as brisk:
        async with aclosing(store.changes("", 1)) as feed:
            assert await anext(feed) == ()
            for node in ("n2", "n3"):
                cluster.processes[node].kill()
            with pytest.raises(StoreUnavailableError):
                async for _ in feed:
                    pass
        said: StoreError = UnknownOutcomeError("")  # on a busy machine a question may time out
        while isinstance(said, UnknownOutcomeError):
            with pytest.raises(StoreError) as caught:  # asked anew it says why, at once
                await put(brisk, KEY)
            said = caught.value
        assert isinstance(said, StoreUnavailableError)
        assert "no leader" in str(said)


@in_a_loop
async def test_a_frozen_members_watch_is_left_when_a_listing_knows_more(
    cluster: TlsCluster,
) -> None:
    async with (
        opened(cluster, deadlines=BRISK) as store,
        follow(store, "/c/", Random(0), relist_every_s=0.5) as views,
    ):
        assert not (await anext(views)).entries
        for number, node in enumerate(cluster.NODES):
            cluster.processes[node].freeze()
            await until_it_answers(store)
            await put_surely(store, f"/c/{number}")
            while len((await anext(views)).entries) <= number:
                pass
            cluster.processes[node].thaw()
        assert views.watches > 1


async def put_surely(store: EtcdStore, key: str) -> None:
    """Write a key however often it takes."""
    while True:
        try:
            await put(store, key)
        except (UnknownOutcomeError, StoreUnavailableError):
            continue
        return


@in_a_loop
async def test_a_cluster_that_is_not_ours_is_refused(etcd: SingleEtcd, tmp_path: Path) -> None:
    with single_etcd(tmp_path) as other:
        endpoints = [etcd.endpoint, other.endpoint]
        async with open_store(endpoints, Random(0), deadlines=PATIENT) as store:
            await put(store, KEY)
            ours = store.cluster
        async with open_store([other.endpoint], Random(0), cluster=ours) as store:
            with pytest.raises(WrongClusterError, match="another cluster"):
                await store.get(KEY)


@in_a_loop
async def test_a_full_store_says_so_and_can_still_be_read(tmp_path: Path) -> None:
    with single_etcd(tmp_path, f"--quota-backend-bytes={1 << 20}") as etcd:
        async with open_store([etcd.endpoint], Random(0), deadlines=PATIENT) as store:
            with pytest.raises(QuotaExceededError, match="full"):
                await fill(store)
            assert await store.get(KEY)
            (status,) = await store.status()
            assert any("NOSPACE" in alarm for alarm in status.alarms)


@in_a_loop
async def test_what_is_no_etcd_is_told_apart_from_one_that_is_down() -> None:
    async def gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(gibberish, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "n1")
        async with open_store([endpoint], Random(0), deadlines=Deadlines(1, 1)) as store:

            async def told() -> bool:
                with pytest.raises(StoreUnavailableError) as caught:
                    await store.get(KEY)
                return "answers like no etcd" in str(caught.value)  # unless time was over

            await eventually(told)
            with pytest.raises(StoreUnavailableError):
                await put(store, KEY)


@in_a_loop
async def test_a_port_where_nobody_listens_has_certainly_done_nothing() -> None:
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(f"http://127.0.0.1:{port}", "n1")
    async with open_store([endpoint], Random(0), deadlines=Deadlines(2.0, 2.0)) as store:
        with pytest.raises(StoreUnavailableError):
            await put(store, KEY)


async def fill(store: EtcdStore) -> None:
    """Write what no small store can hold."""
    for _ in range(20):
        await put(store, KEY, os.urandom(200_000))
