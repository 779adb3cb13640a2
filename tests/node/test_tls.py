"""TLS between nodes: who may talk to whom."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.store.subjects import in_a_loop

from tandem.clock import SystemClock
from tandem.node.authority import (
    CLOCK_RIGHT_FROM,
    Authority,
    AuthorityError,
    Credentials,
    create_authority,
    create_key,
    public_key,
)
from tandem.node.tls import client_context, peer_node, require_node, server_context


class Early(SystemClock):
    """Long before now: what is signed by it for a day has ended."""

    def utc_us(self) -> int:
        return (CLOCK_RIGHT_FROM - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


EARLY = Early()


class Files:
    """The files of an authority and of the nodes that it signed for."""

    def __init__(self, directory: Path, name: str) -> None:
        self._made = create_authority(name, SystemClock())
        self._directory = directory
        self._name = name
        self.authority = directory / f"{name}-ca.pem"
        self.authority.write_bytes(self._made.certificate)

    def node(self, node: str, clock: SystemClock | None = None) -> Path:
        key = create_key()
        signer = Authority(self._made)
        with pytest.MonkeyPatch.context() as patch:
            if isinstance(clock, Early):
                patch.setattr("tandem.node.authority.NODE_DAYS", 1)
            signed = signer.issue(node, ("127.0.0.1",), public_key(key), clock or SystemClock())
        path = self._directory / f"{self._name}-{node}.pem"
        path.write_bytes(Credentials(key, signed).pem)
        return path


@asynccontextmanager
async def server(context: ssl.SSLContext) -> AsyncGenerator[tuple[int, list[str]], None]:
    """Tells each client which node it is; yields the port and who came."""
    came: list[str] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate: dict[str, Any] = writer.get_extra_info("peercert")
        came.append(peer_node(certificate))
        writer.write(came[-1].encode() + b"\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1], came


async def greeting(port: int, context: ssl.SSLContext, node: str) -> str:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=node
    )
    try:
        return (await reader.readline()).decode().strip()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@in_a_loop
async def test_two_nodes_of_one_cluster_know_each_other(tmp_path: Path) -> None:
    ours = Files(tmp_path, "ours")
    async with server(server_context(ours.authority, ours.node("n1"))) as (port, _):
        context = client_context(ours.authority, ours.node("n2"))
        assert await greeting(port, context, "n1") == "n2"


@in_a_loop
async def test_a_server_that_is_another_node_is_left(tmp_path: Path) -> None:
    ours = Files(tmp_path, "ours")
    async with server(server_context(ours.authority, ours.node("n1"))) as (port, came):
        context = client_context(ours.authority, ours.node("n2"))
        with pytest.raises(ssl.SSLCertVerificationError, match="n3"):
            await greeting(port, context, "n3")
        assert not came


@in_a_loop
async def test_a_server_of_another_cluster_is_left(tmp_path: Path) -> None:
    ours, theirs = Files(tmp_path, "ours"), Files(tmp_path, "theirs")
    async with server(server_context(theirs.authority, theirs.node("n1"))) as (port, _):
        with pytest.raises(ssl.SSLCertVerificationError):
            await greeting(port, client_context(ours.authority, ours.node("n2")), "n1")


@pytest.mark.parametrize("shown", ["none", "foreign"])
@in_a_loop
async def test_a_client_without_a_certificate_of_ours_gets_nothing(
    tmp_path: Path, shown: str
) -> None:
    ours, theirs = Files(tmp_path, "ours"), Files(tmp_path, "theirs")
    context = ssl.create_default_context(cafile=str(ours.authority))
    if shown == "foreign":
        context.load_cert_chain(theirs.node("n2"))
    async with server(server_context(ours.authority, ours.node("n1"))) as (port, came):
        heard = ""
        with suppress(ssl.SSLError, ConnectionError):  # or the connection just ends
            heard = await greeting(port, context, "n1")
        assert (heard, came) == ("", [])


def test_the_authorities_of_the_system_are_not_trusted(tmp_path: Path) -> None:
    ours = Files(tmp_path, "ours")
    for context in (
        client_context(ours.authority, ours.node("n1")),
        server_context(ours.authority, ours.node("n1")),
    ):
        assert context.cert_store_stats()["x509_ca"] == 1
        assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    ours = Files(tmp_path, "ours")
    good = ours.node("n1")
    damaged = tmp_path / "damaged.pem"
    damaged.write_bytes(b"x")
    for bad in (damaged, tmp_path / "missing.pem"):
        with pytest.raises(AuthorityError, match=str(bad)):
            client_context(bad, good)
        with pytest.raises(AuthorityError, match=str(bad)):
            server_context(ours.authority, bad)


def test_a_peer_is_the_node_that_its_certificate_names() -> None:
    certificate = {"subjectAltName": (("DNS", "n1"), ("IP Address", "10.0.0.1"))}
    require_node(certificate, "n1")
    with pytest.raises(AuthorityError, match="n1 answers where node n2"):
        require_node(certificate, "n2")
    for nobody in (None, {}, {"subjectAltName": (("IP Address", "10.0.0.1"),)}):
        with pytest.raises(AuthorityError, match="does not show"):
            peer_node(nobody)
