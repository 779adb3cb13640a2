"""A node's certificate is renewed after two thirds of its life, without a dropped connection."""

import asyncio
import ssl
from pathlib import Path

from tests.conformance.store.subjects import in_a_loop
from tests.node.joining.test_joining import KEY, Bench

from tandem.node.authority import NODE_DAYS, expires_utc_us, fingerprint, needs_renewal
from tandem.node.joining.renewal import DAY_US, Renewal
from tandem.node.joining.signing import keep_in_store
from tandem.node.tls import client_context, server_context


class Renewing(Bench):
    """Node n1, whose certificate ends some day."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        data = self.settings.data
        self.files = data / "authority.pem", data / "node.pem"
        self.serves, self.asks = server_context(*self.files), client_context(*self.files)
        self.entered: list[str] = []
        self.renewal = Renewal(
            self.settings, self.store, KEY, (self.serves, self.asks), self.enter, self.clock
        )

    async def enter(self, found: str) -> None:
        self.entered.append(found)

    @property
    def shown(self) -> str:
        return fingerprint(self.files[1].read_bytes())


@in_a_loop
async def test_it_is_renewed_when_two_thirds_are_over_and_not_before(tmp_path: Path) -> None:
    bench = Renewing(tmp_path)
    await keep_in_store(bench.store, bench.authority, KEY)
    before = bench.shown
    bench.clock.ahead_us = (NODE_DAYS * 2 // 3 - 1) * DAY_US
    await bench.renewal.look()
    assert bench.shown == before
    bench.clock.ahead_us = (NODE_DAYS * 2 // 3 + 2) * DAY_US
    await bench.renewal.look()
    assert bench.shown != before
    assert bench.entered == [bench.shown]
    certificate = bench.files[1].read_bytes()
    assert not needs_renewal(
        certificate, tuple(it.address for it in bench.settings.links), bench.clock
    )
    assert expires_utc_us(certificate) > bench.clock.utc_us()
    assert not bench.renewal.problems


@in_a_loop
async def test_an_open_connection_goes_on_and_a_new_one_is_shown_the_new_certificate(
    tmp_path: Path,
) -> None:
    bench = Renewing(tmp_path)
    await keep_in_store(bench.store, bench.authority, KEY)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.75", 0, ssl=bench.serves)
    port = server.sockets[0].getsockname()[1]

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.75", port, ssl=bench.asks, server_hostname="n1"
        )

    def shown_by(writer: asyncio.StreamWriter) -> str:
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return fingerprint(ssl.DER_cert_to_PEM_cert(found).encode())

    reader, writer = await connect()
    before = shown_by(writer)
    bench.clock.ahead_us = (NODE_DAYS - 30) * DAY_US
    await bench.renewal.look()
    writer.write(b"still here")
    assert await reader.read(100) == b"still here"
    _, later = await connect()
    assert shown_by(later) == bench.shown != before
    writer.close()
    later.close()
    server.close()


@in_a_loop
async def test_what_ends_soon_and_cannot_be_renewed_is_told(tmp_path: Path) -> None:
    bench = Renewing(tmp_path)
    bench.clock.ahead_us = (NODE_DAYS - 30) * DAY_US
    await bench.renewal.look()
    (problem,) = bench.renewal.problems
    assert "ends in 30 days" in problem
    assert "authority is not in the store" in problem
    bench.clock.ahead_us = (20 * 365 - 364) * DAY_US
    await keep_in_store(bench.store, bench.authority, KEY)
    await bench.renewal.look()
    (problem,) = bench.renewal.problems
    assert "authority ends in 364 days" in problem
