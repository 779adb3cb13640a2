"""Between two recorders, over real connections: who may ask, who is cut off, what goes on."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.certificates import Certificates
from tests.recording.relay.feeding import GOP, numbers
from tests.recording.relay.nodes import (
    HOST,
    OTHER_LINK,
    POLL_S,
    Holder,
    Receiver,
    answers,
    asking,
    free_port,
    held,
    receiving,
    until,
)
from tests.recording.streams import order

from tandem.clock import SystemClock
from tandem.mutual_tls import client_context, server_context
from tandem.recording.orders import Relaying
from tandem.recording.relay import server, source
from tandem.recording.relay.protocol import Ask, End, Hello, encode
from tandem.recording.relay.relays import Relays
from tandem.recording.source import Cause, SourceError

NO_BOUND = 1 << 40


@in_a_loop
async def test_what_one_receives_the_other_has(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: len(holder.feed._receivers) == 1)
            for _ in range(10):
                holder.film(5)
                await asyncio.sleep(0)
            await until(lambda: len(receiver.notes.units) == 50)
        assert receiver.notes.calls == holder.notes.calls
        await until(lambda: not holder.peers)


@in_a_loop
async def test_a_connection_that_breaks_is_gone_on_with_over_the_other_link(tmp_path: Path) -> None:
    async with held(tmp_path, HOST, OTHER_LINK) as holder:
        receiver = Receiver(holder, HOST, OTHER_LINK)
        links = []
        async with receiving(receiver):
            for _ in range(4):
                await until(lambda: len(holder.peers) == 1)
                holder.film(GOP)
                await until(lambda: receiver.notes.units == holder.notes.units)
                (peer,) = holder.peers
                assert peer._transport is not None
                links.append(peer._transport.get_extra_info("sockname")[0])
                peer.cut()
                holder.film(10)  # while nobody listens
                await until(lambda: peer not in holder.peers)  # noqa: B023
            await until(lambda: receiver.notes.units == holder.notes.units)
        assert links == [HOST, OTHER_LINK] * 2
        assert numbers(receiver.notes.calls) == list(range(4 * (GOP + 10)))
        assert [call[0] for call in receiver.notes.calls].count("begin") == 1


@in_a_loop
async def test_a_link_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder, "127.0.0.9", HOST)
        async with receiving(receiver):
            await until(lambda: len(holder.peers) == 1)
            holder.film(3)
            await until(lambda: len(receiver.notes.units) == 3)


@in_a_loop
async def test_when_no_link_answers_the_failure_names_the_node_and_its_addresses(
    tmp_path: Path,
) -> None:
    async with held(tmp_path) as holder:
        failure = await Receiver(holder, "127.0.0.8", "127.0.0.9").failure()
    assert failure.cause is Cause.RELAY
    for words in ("node node1", "127.0.0.8", "127.0.0.9"):
        assert words in failure.message


@in_a_loop
async def test_the_end_of_the_cameras_session_is_told_in_the_holders_words(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver) as task:
            await until(lambda: bool(receiver.notes.calls))
            holder.film(3)
            holder.feed.end("the camera has sent no picture for 5 s")
            await asyncio.wait([task])
        failure = task.exception()
        assert isinstance(failure, SourceError)
        assert failure.cause is Cause.CLOSED
        assert "no picture for 5 s" in failure.message
        assert numbers(receiver.notes.calls) == [0, 1, 2]


@in_a_loop
async def test_who_shows_no_certificate_is_told_nothing(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        tls = ssl.create_default_context(cafile=holder.certificates.authority)
        await refused(holder, tls)


@in_a_loop
async def test_who_shows_a_certificate_of_another_cluster_is_told_nothing(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        theirs = Certificates(tmp_path, "theirs")
        tls = client_context(holder.certificates.authority, theirs.node("node2"))
        await refused(holder, tls)


@in_a_loop
async def test_a_node_that_was_taken_out_is_told_that_it_is_none_any_more(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        certificates = holder.certificates
        gone = Relaying((), 0, certificates.authority, certificates.node("node7"), ())
        receiver.relays.apply(gone, ())
        relay = {"node_id": "node1", "addresses": [HOST], "port": holder.port}
        receiver.source = receiver.relays.receive(order(relay=relay))
        holder.film(3)
        failure = await receiver.failure()
    assert "none of those that are asked" in failure.message
    assert not receiver.notes.calls


async def refused(holder: Holder, tls: ssl.SSLContext) -> None:
    """Ask all the same: not a byte is the answer."""
    holder.film(3)
    said = b""
    reader, writer = await asking(holder, tls)
    with suppress(OSError):
        writer.write(encode(Hello()) + encode(Ask("gate", "main")))
        said = await reader.read()
    writer.transport.abort()
    assert said == b""
    assert not holder.peers
    assert not holder.feed._receivers


@in_a_loop
async def test_a_node_that_shows_anothers_certificate_is_not_received_from(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        failure = await Receiver(holder, node="node9").failure()
    assert failure.cause is Cause.RELAY
    assert "certificate" in failure.message


@in_a_loop
async def test_without_a_certificate_of_its_own_a_node_says_which_file_is_wrong(
    tmp_path: Path,
) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        missing = Relaying((), 0, holder.certificates.authority, tmp_path / "missing.pem", ())
        receiver.relays.apply(missing, ())
        relay = {"node_id": "node1", "addresses": [HOST], "port": holder.port}
        receiver.source = receiver.relays.receive(order(relay=relay))
        assert "missing.pem" in (await receiver.failure()).message


@in_a_loop
async def test_a_node_whose_system_disk_fails_goes_on_receiving(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: bool(receiver.notes.calls))
        for path in (holder.certificates.authority, holder.certificates.path("node2")):
            path.unlink()
        receiver.source = receiver.relays.receive(receiver.order)
        async with receiving(receiver):
            holder.film(3)
            await until(lambda: len(receiver.notes.units) == 3)


def test_without_orders_how_to_ask_nobody_is_asked() -> None:
    relay = {"node_id": "node1", "addresses": [HOST], "port": 1}
    with pytest.raises(SourceError) as failure:
        Relays(SystemClock(), Random(1)).receive(order(relay=relay))
    assert failure.value.cause is Cause.RELAY


@in_a_loop
async def test_who_stops_reading_is_cut_off_and_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "BACKLOG_BYTES", 1 << 20)
    monkeypatch.setattr(server, "BACKLOGS_BYTES", NO_BOUND)
    async with held(tmp_path) as holder:
        await stop_reading(holder)
    assert "node stuck is cut off" in caplog.text


@in_a_loop
async def test_if_too_much_waits_for_all_together_the_slowest_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BACKLOG_BYTES", NO_BOUND)
    monkeypatch.setattr(server, "BACKLOGS_BYTES", 1 << 20)
    monkeypatch.setattr(server, "ALIVE_S", POLL_S)
    async with held(tmp_path) as holder:
        await stop_reading(holder)


async def stop_reading(holder: Holder) -> None:
    """One asks and reads nothing, while another reads; ends when the first is cut off."""
    receiver = Receiver(holder)
    tls = client_context(holder.certificates.authority, holder.certificates.node("stuck"))
    _, writer = await asking(holder, tls)
    transport = writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    writer.write(encode(Hello()) + encode(Ask("gate", "main")))
    await until(lambda: len(holder.feed._receivers) == 1)
    async with receiving(receiver):
        await until(lambda: len(holder.feed._receivers) == 2)
        while len(holder.feed._receivers) == 2:
            holder.film(10, size=50_000)
            await until(lambda: len(receiver.notes.units) == len(holder.notes.units))
            await asyncio.sleep(POLL_S)
        holder.film(10)
        await until(lambda: receiver.notes.calls == holder.notes.calls)
    transport.abort()


@in_a_loop
async def test_who_connects_and_does_not_ask_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(tmp_path) as holder:
        monkeypatch.setattr(server, "ASK_S", 0.05)
        tls = client_context(holder.certificates.authority, holder.certificates.node("node2"))
        reader, writer = await asking(holder, tls)
        with suppress(ConnectionError):
            while await reader.read(1000):
                pass
        await until(lambda: not holder.peers)
        writer.transport.abort()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (encode(Hello()) + encode(Ask("yard", "main")), "does not record this camera itself"),
        (encode(Hello()) + encode(Ask("gate", "sub")), "does not record this camera itself"),
        (encode(Hello()) + encode(Ask("gate", "loud")), "does not record this camera itself"),
        (encode(Hello()) + encode(Ask("gate", "main")) * 2, "one question"),
        (encode(Ask("gate", "main")), "greeting"),
        (b"GET / HTTP/1.1\r\n\r\n", "greeting"),
    ],
)
def test_who_asks_wrongly_is_told_so(tmp_path: Path, said: bytes, words: str) -> None:
    @in_a_loop
    async def test() -> None:
        async with held(tmp_path) as holder:
            tls = client_context(holder.certificates.authority, holder.certificates.node("node2"))
            reader, writer = await asking(holder, tls)
            writer.write(said)
            *_, last = await answers(reader)
            assert isinstance(last, End)
            assert words in last.sentence
            await until(lambda: not holder.peers)
            writer.transport.abort()

    test()


@in_a_loop
async def test_what_is_received_from_another_node_is_never_offered(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        port = holder.port
        relay = {"node_id": "node3", "addresses": [HOST], "port": port}
        receiver = Receiver(holder)
        holder.relays.apply(holder.relaying, [order(relay=relay)])
        assert holder.relays.port_of(holder.order.key) is None
        failure = await receiver.failure()
    assert failure.cause is Cause.CLOSED
    assert "does not record this camera itself" in failure.message


@in_a_loop
async def test_a_holder_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ALIVE_S", 1000)
    monkeypatch.setattr(source, "SILENT_S", 0.1)
    async with held(tmp_path) as holder:
        failure = await Receiver(holder).failure()
    assert failure.cause is Cause.RELAY
    assert "nothing came" in failure.message


@in_a_loop
async def test_a_holder_that_lives_and_sends_no_picture_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ALIVE_S", POLL_S)
    monkeypatch.setattr(source, "NO_PICTURE_US", 50_000)
    async with held(tmp_path) as holder:
        failure = await Receiver(holder).failure()
    assert failure.cause is Cause.STALLED


@in_a_loop
async def test_a_link_that_is_down_is_told_and_the_other_one_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with held(tmp_path, "192.0.2.1", HOST) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: bool(receiver.notes.calls))
    assert "192.0.2.1" in caplog.text


@in_a_loop
async def test_orders_that_change_while_it_begins_to_listen_leave_no_port_taken(
    tmp_path: Path,
) -> None:
    certificates, port = Certificates(tmp_path), free_port()
    relaying = Relaying((HOST,), port, certificates.authority, certificates.node("n1"), ())
    tls = server_context(relaying.authority, relaying.node)
    for rounds in range(20):  # at whichever step of it they change
        serving = server.RelayServer({})
        serving._context = lambda _: asyncio.sleep(0, tls)  # type: ignore[assignment,method-assign]
        task = asyncio.create_task(serving.run())
        serving.order(relaying)
        for _ in range(rounds):
            await asyncio.sleep(0)
        serving.order(None)
        await asyncio.sleep(POLL_S)
        with socket.create_server((HOST, port)):
            task.cancel()
            await asyncio.wait([task])


@in_a_loop
async def test_orders_to_listen_elsewhere_are_carried_out(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        before = holder.port
        elsewhere = replace(holder.relaying, port=free_port())
        holder.relays.apply(elsewhere, [holder.order])
        await until(lambda: holder.relays.port_of(holder.order.key) == elsewhere.port)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, before)
        holder.relays.apply(None, [holder.order])
        await until(lambda: holder.relays.port_of(holder.order.key) is None)
