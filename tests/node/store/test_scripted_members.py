"""The client against members that answer by a script: what no real etcd does on request."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop, put

from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import (
    CompactedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from tandem.node.store.etcd import Deadlines, EtcdStore, open_store

QUICK = Deadlines(attempt_s=1.0, call_s=1.5)


def header(term: int = 2, revision: int = 5) -> dict[str, object]:
    return {
        "cluster_id": "7",
        "member_id": "1",
        "revision": str(revision),
        "raft_term": str(term),
    }


class Member:
    """Answers each request with the next of these; None hangs up after having read it.

    Its status it tells whenever it is asked, without counting.
    """

    def __init__(self, *answers: bytes | None, cluster: int = 7) -> None:
        self.introduction = header() | {"cluster_id": str(cluster)}
        self.answers = list(answers)
        self.asked: list[str] = []
        self._serving: list[asyncio.Task[None] | None] = []

    async def finish(self) -> None:
        """Wait until the client has hung up everywhere."""
        await asyncio.gather(*filter(None, self._serving))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.append(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next(int(line[16:]) for line in lines if line.startswith("content-length"))
                await reader.readexactly(length)
                answer: bytes | None = ok({"header": self.introduction})
                if "maintenance/status" not in lines[0]:
                    self.asked.append(head.decode())
                    answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def ok(body: dict[str, object]) -> bytes:
    return reply(200, json.dumps(body).encode())


def reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def stream(*messages: dict[str, object]) -> bytes:
    """A beginning of an answer that never ends."""
    chunks = [json.dumps({"result": message}).encode() + b"\n" for message in messages]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


@asynccontextmanager
async def opened(*members: Member) -> AsyncGenerator[EtcdStore, None]:
    async with AsyncExitStack() as stack:
        endpoints = []
        for number, member in enumerate(members):
            server = await asyncio.start_server(member.serve, "127.0.0.1", 0)
            await stack.enter_async_context(server)
            stack.push_async_callback(member.finish)
            port = server.sockets[0].getsockname()[1]
            endpoints.append(Endpoint(f"http://127.0.0.1:{port}", f"n{number + 1}"))
        yield await stack.enter_async_context(open_store(endpoints, Random(0), deadlines=QUICK))


NO_LEADER = reply(503, b'{"error":"etcdserver: no leader","code":14}')
TIMED_OUT = reply(503, b'{"error":"etcdserver: request timed out","code":14}')


@in_a_loop
async def test_a_transaction_that_was_sent_goes_to_no_other_member() -> None:
    first, second = (
        Member(None),
        Member(ok({"header": header(), "succeeded": True, "responses": [{}]})),
    )
    async with opened(first, second) as store:
        with pytest.raises(UnknownOutcomeError):
            await put(store, "/a")
        assert (len(first.asked), len(second.asked)) == (1, 0)


@in_a_loop
async def test_a_transaction_that_timed_out_inside_etcd_goes_to_no_other_member() -> None:
    first, second = (
        Member(TIMED_OUT),
        Member(ok({"header": header(), "succeeded": True, "responses": [{}]})),
    )
    async with opened(first, second) as store:
        with pytest.raises(UnknownOutcomeError, match="timed out"):
            await put(store, "/a")
        assert not second.asked


@in_a_loop
async def test_a_transaction_on_a_connection_that_had_gone_stale_is_not_repeated() -> None:
    member = Member(
        ok({"header": header()}),
        None,
        ok({"header": header(), "succeeded": True, "responses": [{}]}),
    )
    async with opened(member) as store:
        await store.get("/a")
        with pytest.raises(UnknownOutcomeError):
            await put(store, "/a")
        assert len(member.asked) == 2


@in_a_loop
async def test_a_transaction_that_was_never_begun_goes_to_the_next_member() -> None:
    first, second = (
        Member(NO_LEADER),
        Member(ok({"header": header(), "succeeded": True, "responses": [{}]})),
    )
    async with opened(first, second) as store:
        assert await put(store, "/a") == 5


@in_a_loop
async def test_a_transaction_is_not_even_sent_to_a_member_of_another_cluster() -> None:
    stranger = Member(cluster=8)
    ours = Member(
        ok({"header": header()}), ok({"header": header(), "succeeded": True, "responses": [{}]})
    )
    async with opened(ours, stranger) as store:
        await store.get("/a")
        ours.answers.insert(0, NO_LEADER)
        assert await put(store, "/a") == 5
        assert not stranger.asked


@in_a_loop
async def test_the_member_that_answered_last_is_asked_first() -> None:
    first, second = Member(NO_LEADER), Member(*[ok({"header": header()})] * 3)
    async with opened(first, second) as store:
        for _ in range(3):
            await store.get("/a")
        assert (len(first.asked), len(second.asked)) == (1, 3)


@in_a_loop
async def test_a_read_goes_to_the_next_member_whatever_happened() -> None:
    for trouble in (None, TIMED_OUT, NO_LEADER, reply(200, b"hello"), ok({"no": "header"})):
        first, second = Member(trouble), Member(ok({"header": header()}))
        async with opened(first, second) as store:
            assert await store.get("/a") is None


@in_a_loop
async def test_a_read_of_an_earlier_term_is_asked_again_elsewhere() -> None:
    first = Member(ok({"header": header(term=9)}), ok({"header": header(term=8)}))
    second = Member(ok({"header": header(term=9, revision=6)}))
    async with opened(first, second) as store:
        await store.get("/a")
        assert (await store.range("/a")).revision == 6


@in_a_loop
async def test_a_transaction_answered_from_an_earlier_term_is_unknown() -> None:
    stale = ok({"header": header(term=8), "succeeded": True, "responses": [{}]})
    member = Member(ok({"header": header(term=9)}), stale)
    async with opened(member) as store:
        await store.get("/a")
        with pytest.raises(UnknownOutcomeError, match="term 8"):
            await put(store, "/a")


@in_a_loop
async def test_every_request_asks_for_a_member_with_a_leader() -> None:
    member = Member(ok({"header": header()}), stream({"header": header(), "created": True}))
    async with opened(member) as store:
        await store.get("/a")
        async with aclosing(store.changes("/a", 1)) as feed:
            await anext(feed)
        assert all("Grpc-Metadata-hasleader: true" in asked for asked in member.asked)


@in_a_loop
async def test_a_cancelled_watch_ends_though_its_connection_stays_open() -> None:
    created = {"header": header(), "created": True}
    cancelled = {"header": header(), "canceled": True, "cancel_reason": "no reason at all"}
    compacted = {"header": header(), "canceled": True, "compact_revision": "4"}
    async with opened(Member(stream(created, cancelled), stream(created, compacted))) as store:
        for error in (StoreUnavailableError, CompactedError):
            async with aclosing(store.changes("/a", 1)) as feed:
                assert await anext(feed) == ()
                with pytest.raises(error):
                    await anext(feed)


@in_a_loop
async def test_a_watch_that_ends_without_a_word_is_an_error_and_no_end() -> None:
    created = {"header": header(), "created": True}
    member = Member(stream(created) + b"0\r\n\r\n")
    async with opened(member) as store, aclosing(store.changes("/a", 1)) as feed:
        assert await anext(feed) == ()
        with pytest.raises(StoreUnavailableError, match="ended a watch"):
            await anext(feed)


@in_a_loop
async def test_a_watch_of_a_member_left_behind_is_left() -> None:
    member = Member(
        ok({"header": header(term=9)}), stream({"header": header(term=8), "created": True})
    )
    async with opened(member) as store:
        await store.get("/a")
        async with aclosing(store.changes("/a", 1)) as feed:
            with pytest.raises(StoreUnavailableError, match="lost touch"):
                await anext(feed)


@in_a_loop
async def test_each_watch_begins_at_another_member() -> None:
    created = stream({"header": header(), "created": True})
    members = [Member(created, created) for _ in range(3)]
    async with opened(*members) as store:
        for _ in range(3):
            async with aclosing(store.changes("/a", 1)) as feed:
                await anext(feed)
        assert [len(member.asked) for member in members] == [1, 1, 1]


@in_a_loop
async def test_a_watch_message_in_pieces_is_put_together() -> None:
    whole = json.dumps({"result": {"header": header(), "created": True}}).encode() + b"\n"
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in whole)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with opened(Member(head + pieces)) as store, aclosing(store.changes("/a", 1)) as feed:
        assert await anext(feed) == ()


@in_a_loop
async def test_a_member_that_is_not_there_is_told_in_the_systems_words() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        gone = Endpoint(f"http://127.0.0.1:{bound.getsockname()[1]}", "n1")
        async with open_store([gone], Random(0), deadlines=QUICK) as store:
            (told,) = await store.status()
    assert told.problem == f"The connection to n1 ({gone.url}) failed: Connection refused."


@in_a_loop
async def test_an_address_that_contradicts_its_tls_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="contradict"):
        EndpointClient(Endpoint("https://127.0.0.1:1", "n1"), None)
