"""Asking and answering between nodes: who may, over which link, and what is no answer."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from tests.archive.material import BASE_US
from tests.conformance.store.subjects import in_a_loop
from tests.node.archivist.material import Known, inquiry, site, sites
from tests.node.test_tls import Files

from tandem.archive.rows import Extent, Gap, GapCause, Role
from tandem.node.archivist import client, service
from tandem.node.archivist.client import HttpsPeers
from tandem.node.archivist.errors import (
    PeerLiesError,
    PeerRefusedError,
    PeerUnreachableError,
)
from tandem.node.archivist.listening import listen
from tandem.node.archivist.messages import VERSION
from tandem.node.archivist.view import Address
from tandem.node.tls import client_context, server_context

NOBODY = Address("127.0.0.1", 1)


@asynccontextmanager
async def hanging_link() -> AsyncGenerator[tuple[Address, list[str]], None]:
    """A link on which connections are made, and nothing ever comes back."""
    came: list[str] = []
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("somebody")
        await over.wait()
        writer.close()

    listening = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield Address("127.0.0.1", listening.sockets[0].getsockname()[1]), came
    finally:
        over.set()
        listening.close()


@in_a_loop
async def test_a_link_that_hangs_is_overtaken_and_not_asked_first_again(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second), hanging_link() as (link, came):
        first.film()
        first.view.known["n1"] = [link, *first.view.known["n1"]]
        for _ in range(3):
            assert (
                await second.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 1)
            ).segments
        assert len(came) == 1


@in_a_loop
async def test_a_link_that_is_down_costs_no_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HEDGE_S", 1_000)
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.film()
        first.view.known["n1"] = [NOBODY, *first.view.known["n1"]]
        assert (await second.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 1)).segments


@in_a_loop
async def test_no_link_is_asked_twice_and_each_says_why_it_failed(tmp_path: Path) -> None:
    async with sites(tmp_path, "n2") as (second,):
        second.view.known["n1"] = [NOBODY, Address("127.0.0.1", 2)]
        with pytest.raises(
            PeerUnreachableError, match=r"127\.0\.0\.1:1 failed: Connection refused; 127\.0\.0\.1:2"
        ):
            await second.peers.segments("n1", "gate", "main", 0, 1)
        with pytest.raises(PeerUnreachableError, match="it has no address"):
            await second.peers.segments("n9", "gate", "main", 0, 1)


@in_a_loop
async def test_a_silent_peer_costs_the_deadline_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PROMISE_DEADLINE_S", 0.05)
    async with sites(tmp_path, "n2") as (second,), hanging_link() as (link, _):
        second.view.known["n1"] = [link]
        asked = inquiry(second, second.film(Role.SECOND))
        with pytest.raises(PeerUnreachableError, match=r"within 0\.05 s"):
            await second.peers.ask("n1", asked)


@in_a_loop
async def test_an_answer_to_another_question_is_none(tmp_path: Path) -> None:
    async def earlier(_request: web.Request) -> web.Response:
        answer = {"version": VERSION, "nonce": "old", "promised": True, "missing": [], "reason": ""}
        answer |= {"is_yours": False}
        return web.json_response(answer)

    application = web.Application()
    application.router.add_post("/v1/promises", earlier)
    async with sites(tmp_path, "n2") as (second,):
        tls = server_context(second.files.authority, second.files.node("n1"))
        async with listen(application, [Address("127.0.0.1", 0)], tls) as listening:
            second.view.known["n1"] = listening.addresses
            asked = inquiry(second, second.film(Role.SECOND))
            with pytest.raises(PeerLiesError, match="another question"):
                await second.peers.ask("n1", asked)


@in_a_loop
async def test_a_piece_that_is_too_short_is_not_believed(tmp_path: Path) -> None:
    async def short(_request: web.Request) -> web.Response:
        return web.Response(status=206, body=b"x" * 9)

    application = web.Application()
    application.router.add_get("/v1/segments/{id}", short)
    async with sites(tmp_path, "n2") as (second,):
        tls = server_context(second.files.authority, second.files.node("n1"))
        async with listen(application, [Address("127.0.0.1", 0)], tls) as listening:
            second.view.known["n1"] = listening.addresses
            with pytest.raises(PeerLiesError, match="9 bytes"):
                await second.peers.read("n1", uuid4(), 0, 10)


@in_a_loop
async def test_a_list_that_would_be_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LARGEST_LIST", 1)
    async with sites(tmp_path, "n1", "n2") as (first, second):
        for minute in (0, 1):
            first.film(start_us=BASE_US + minute * 60_000_000)
        with pytest.raises(PeerRefusedError, match="ask for less time"):
            await second.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 3_600_000_000)


@in_a_loop
async def test_gaps_are_told_of_one_stream_and_time_and_never_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = [
        Gap(
            "gate", stream, BASE_US + at, BASE_US + at + 5, GapCause.CAMERA_STALLED, "Nothing came."
        )
        for stream, at in (("main", 0), ("main", 10), ("sub", 0))
    ]
    async with sites(tmp_path, "n1", "n2") as (first, second):
        first.mounted.index.sync_round(gaps=gaps)
        assert (
            await second.archivist.peers.gaps("n1", "gate", "main", BASE_US, BASE_US + 20)
            == gaps[:2]
        )
        assert await second.archivist.peers.gaps(
            "n1", "gate", "main", BASE_US + 5, BASE_US + 20
        ) == [gaps[1]]
        assert await second.archivist.peers.gaps("n1", "yard", "main", BASE_US, BASE_US + 20) == []
        monkeypatch.setattr(service, "LARGEST_LIST", 1)
        with pytest.raises(PeerRefusedError, match="2 gaps, more than 1: ask for less time"):
            await second.archivist.peers.gaps("n1", "gate", "main", BASE_US, BASE_US + 20)


@in_a_loop
async def test_a_node_tells_what_it_has_and_which_volume_cannot_be_read(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        filmed = first.film()
        inventory = await second.archivist.peers.inventory("n1")
        assert inventory.extents == (Extent("gate", "main", filmed.start_us, filmed.end_us),)
        assert inventory.unreadable == ()
        first.holdings._archive.bypass(first.mounted.volume_id, "/srv/video1 failed.")
        inventory = await second.archivist.peers.inventory("n1")
        assert (inventory.extents, inventory.unreadable) == ((), ("/srv/video1 failed.",))


@pytest.mark.parametrize("shown", ["foreign", "none"])
@in_a_loop
async def test_a_certificate_of_another_authority_opens_nothing(tmp_path: Path, shown: str) -> None:
    theirs = Files(tmp_path, "theirs")
    async with sites(tmp_path, "n1") as (first,):
        first.film()
        context = ssl.create_default_context(cafile=str(first.files.authority))
        if shown == "foreign":
            context.load_cert_chain(theirs.node("n2"))
        async with HttpsPeers(context, first.view.addresses) as foreigner:
            with pytest.raises(PeerUnreachableError):
                await foreigner.segments("n1", "gate", "main", BASE_US, BASE_US + 1)


@in_a_loop
async def test_another_node_at_the_address_of_a_primary_is_not_asked(tmp_path: Path) -> None:
    async with sites(tmp_path, "n2", "n3") as (second, third):
        second.view.known["n1"] = third.view.known["n3"]
        with pytest.raises(PeerUnreachableError, match="certificate"):
            await second.peers.ask("n1", inquiry(second, second.film(Role.SECOND)))


@in_a_loop
async def test_a_segment_is_served_in_ranges_and_whole(tmp_path: Path) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        segment = first.film()
        recorded = first.path(segment).read_bytes()
        assert await second.peers.read("n1", segment.segment_id, 10, 90) == recorded[10:100]
        (port,) = [address.port for address in first.view.known["n1"]]
        tls = client_context(second.files.authority, second.files.node("n2"))
        url = f"https://127.0.0.1:{port}/v1/segments/{segment.segment_id}"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, ssl=tls, server_hostname="n1") as whole,
        ):
            assert await whole.read() == recorded


@in_a_loop
async def test_what_is_not_there_or_makes_no_sense_is_refused_with_a_sentence(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        segment = first.film()
        with pytest.raises(PeerRefusedError, match=r"404.*no segment"):
            await second.peers.read("n1", uuid4(), 0, 1)
        with pytest.raises(PeerRefusedError, match=f"416.*{segment.durable_bytes} bytes"):
            await second.peers.read("n1", segment.segment_id, segment.durable_bytes, 1)
        first.mounted.index.mark_garbage({segment.segment_id: None})
        with pytest.raises(PeerRefusedError, match=r"404.*no segment"):
            await second.peers.read("n1", segment.segment_id, 0, 1)
        (port,) = [address.port for address in first.view.known["n1"]]
        tls = client_context(second.files.authority, second.files.node("n2"))
        url = f"https://127.0.0.1:{port}/v1/promises"
        bodies = ((b"{}", 400), (b'{"version": 2}', 400), (b"x" * (9 << 20), 413))
        async with aiohttp.ClientSession() as session:
            for body, status in bodies:
                sent = BytesIO(body)
                async with session.post(url, data=sent, ssl=tls, server_hostname="n1") as response:
                    assert response.status == status
                    assert (await response.json())["problem"]


@in_a_loop
async def test_a_node_is_reached_by_either_of_its_links(tmp_path: Path) -> None:
    files = Files(tmp_path, "ours")
    known = Known()
    async with (
        site("n1", tmp_path, files, known, links=2) as first,
        site("n2", tmp_path, files, known) as second,
    ):
        first.film()
        links = known["n1"]
        for link in links:
            known["n1"] = [link]
            assert (
                await second.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 1)
            ).segments
        assert len({link.port for link in links}) == 2


@in_a_loop
async def test_a_node_that_is_no_peer_any_more_is_refused_and_this_node_itself_is_not(
    tmp_path: Path,
) -> None:
    async with sites(tmp_path, "n1", "n2") as (first, second):
        copy = second.film(Role.SECOND)
        segment = first.film()
        own = await first.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 1)
        assert [row.segment_id for row in own.segments] == [segment.segment_id]
        first.view.known = {"n1": first.view.known["n1"]}
        with pytest.raises(PeerRefusedError, match=r"403.*Node n2 is none of the peers of node n1"):
            await second.peers.segments("n1", "gate", "main", BASE_US, BASE_US + 1)
        with pytest.raises(PeerRefusedError, match="403"):
            await second.peers.read("n1", segment.segment_id, 0, 1)
        with pytest.raises(PeerRefusedError, match="403"):
            await second.peers.ask("n1", inquiry(second, copy))
