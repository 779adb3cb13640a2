"""One address of one etcd member: asking it, and what it means that it does not answer."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Final
from weakref import WeakSet

import aiohttp
from aiohttp.connector import AddrInfoType

from tandem.node.store.errors import (
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from tandem.node.store.gateway import Json
from tandem.node.store.refusals import refusal
from tandem.node.tls import has_ended

_HEADERS: Final = {
    # etcd then answers "no leader" at once to what it would hold for seconds, and ends a watch that
    # it would leave silent for ever. Only this tells a transaction that was not begun from others.
    "Grpc-Metadata-hasleader": "true",
    "Content-Type": "application/json",
}
_KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 2, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}
"""A watch on a machine that lost its power is noticed after 5 s, though nobody says a word."""

_CLOSING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a member can be asked.

    Attributes:
        url: "https://10.0.1.1:2379"; the address of one link.
        node: the id of the node, which its certificate must name. Without TLS, for messages alone.
    """

    url: str
    node: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.node} ({self.url})"


class EndpointClient:
    """Asks one endpoint; connections stay open between questions.

    Everything it raises tells what became of the question: only an `UnknownOutcomeError` leaves
    open whether the member has carried it out.

    Args:
        endpoint: whom to ask.
        tls: with the certificate of this node and the authority of the cluster; None for no TLS.

    Raises:
        ValueError: an address without TLS was given with it, or the other way round.
    """

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        if endpoint.url.startswith("https://") != (tls is not None):
            raise ValueError(f"{endpoint.url} and the TLS settings contradict each other.")
        self.endpoint = endpoint
        self._server_name = endpoint.node if tls else None
        self._sockets: WeakSet[socket.socket] = WeakSet()
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_mark_as_sent)
        self._session = aiohttp.ClientSession(
            endpoint.url,
            connector=aiohttp.TCPConnector(ssl=tls or True, limit=0, socket_factory=self._socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trace_configs=[tracing],
        )

    async def close(self) -> None:
        """End its connections; TLS would wait long for the farewell of a member that hangs."""
        await self._session.close()
        for left in self._sockets:
            with suppress(OSError):  # it is closed already
                left.shutdown(socket.SHUT_RDWR)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                while any(left.fileno() != -1 for left in self._sockets):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)  # asyncio does not tell when it has closed one

    async def ask(self, path: str, question: Json, deadline_s: float) -> Json:
        """Ask one question, once.

        Args:
            path: of the gateway.
            question: as JSON.
            deadline_s: for the whole of it, connecting included.

        Returns:
            The answer as JSON; the member has carried out what was asked.

        Raises:
            StoreError: as `refusals.refusal` tells them apart.
        """
        async with (
            self._sending(deadline_s) as sent,
            await self._post(path, question, sent) as response,
        ):
            return _checked(self.endpoint.name, response.status, await response.read())

    async def read(self, path: str, deadline_s: float) -> str:
        """Fetch a text, such as the member's counters.

        Args:
            path: at this address.
            deadline_s: for the whole of it, connecting included.

        Raises:
            StoreError: as `ask` does.
        """
        async with (
            self._sending(deadline_s) as sent,
            await self._session.get(
                path,
                server_hostname=self._server_name,
                trace_request_ctx=sent,
                allow_redirects=False,
            ) as response,
        ):
            text = await response.text(errors="replace")
            if response.status != HTTPStatus.OK:
                raise StoreUnavailableError(
                    f"{self.endpoint.name} does not show {path}: status {response.status}."
                )
            return text

    async def stream(
        self, path: str, question: Json, deadline_s: float
    ) -> AsyncGenerator[Json, None]:
        """Ask a question that is answered again and again, on a connection of its own.

        Args:
            path: of the gateway.
            question: as JSON.
            deadline_s: until the member begins to answer. After that it may be silent for as long
                as it likes.

        Yields:
            Each message, as JSON.

        Raises:
            StoreError: as `ask` does; the stream never just ends.
        """
        rest = b""
        async with (
            self._sending(deadline_s) as sent,
            await self._post(path, question, sent) as response,
        ):
            if response.status != HTTPStatus.OK:
                _checked(self.endpoint.name, response.status, await response.read())
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    sent.limit.reschedule(None)
                    yield _result(self.endpoint.name, line)
        raise StoreUnavailableError(f"{self.endpoint.name} ended a watch.")

    async def _post(self, path: str, question: Json, sent: "_Sending") -> aiohttp.ClientResponse:
        return await self._session.post(
            path,
            data=BytesIO(json.dumps(question).encode()),
            server_hostname=self._server_name,
            trace_request_ctx=sent,
            allow_redirects=False,
        )

    @asynccontextmanager
    async def _sending(self, deadline_s: float) -> AsyncGenerator["_Sending", None]:
        """Turn whatever breaks in between into what is known of the question."""
        sent = _Sending()
        try:
            async with sent.limit:
                sent.limit.reschedule(asyncio.get_running_loop().time() + deadline_s)
                yield sent
        except TimeoutError:
            raise self._unanswered(
                sent, f"{self.endpoint.name} did not answer within {deadline_s:.2g} s."
            ) from None
        except (OSError, aiohttp.ClientError) as error:
            if handshake := _handshake_failure(error):
                raise StoreRefusedError(self._tls_sentence(handshake)) from error
            raise self._unanswered(
                sent, f"The connection to {self.endpoint.name} failed: {_reason(error)}."
            ) from error

    def _socket(self, address: AddrInfoType) -> socket.socket:
        made = socket.socket(*address[:3])
        self._sockets.add(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            made.setsockopt(socket.IPPROTO_TCP, option, value)
        return made

    def _unanswered(self, sent: "_Sending", sentence: str) -> StoreError:
        return (UnknownOutcomeError if sent.yes else StoreUnavailableError)(sentence)

    def _tls_sentence(self, error: ssl.SSLError) -> str:
        reason = error.reason or str(error)
        if has_ended(error):
            return (
                f"{self.endpoint.name} shows a certificate that has ended, by this node's clock."
                f" Is that clock right (`timedatectl`)? If it is, {self.endpoint.node}'s"
                f" certificate was not renewed in time: let that node join anew."
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"{self.endpoint.name} shows a certificate that is not {self.endpoint.node}'s, or "
                f"not from this cluster's authority: {error.verify_message or reason}."
            )
        return (
            f"{self.endpoint.name} does not accept this node's certificate, or speaks no TLS "
            f"({reason}). Is it from this cluster's authority, and still valid, by the "
            f"clocks of both (`timedatectl`)?"
        )


def _reason(error: OSError | aiohttp.ClientError) -> str:
    """The operating system's word for it, where there is one; aiohttp's own are long."""
    if type(error) is aiohttp.ClientConnectorError and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return str(error) or type(error).__name__


class _Sending:
    """What has become of a request so far.

    Attributes:
        yes: some of it may have left this machine.
        limit: its deadline.
    """

    def __init__(self) -> None:
        self.yes = False
        self.limit = asyncio.timeout(None)


async def _mark_as_sent(_session: object, context: SimpleNamespace, _params: object) -> None:
    """Called by aiohttp just before the first byte of a request leaves."""
    context.trace_request_ctx.yes = True


def _handshake_failure(error: BaseException | None) -> ssl.SSLError | None:
    """The failed TLS handshake behind an error, if there is one.

    With TLS 1.3 the server's refusal of our certificate comes as an alert after the request was
    written; a server that sends it has read none of the request.
    """
    while error is not None:
        # aiohttp's own errors may be SSLErrors too, without saying why.
        if isinstance(error, ssl.SSLError) and not isinstance(error, aiohttp.ClientError):
            return None if isinstance(error, ssl.SSLEOFError) else error
        error = error.__cause__ or error.__context__
    return None


def _checked(name: str, status: int, body: bytes) -> Json:
    answer = _json_object(name, body)
    if status != HTTPStatus.OK:
        raise refusal(name, answer)
    return answer


def _result(name: str, line: bytes) -> Json:
    """One message of a stream: {"result": ...} or {"error": ...}."""
    message = _json_object(name, line)
    if isinstance(error := message.get("error"), dict):
        raise refusal(name, error)
    if not isinstance(result := message.get("result"), dict):
        raise UnknownOutcomeError(f"{name} answers like no etcd: {line[:80]!r}.")
    return result


def _json_object(name: str, body: bytes) -> Json:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise UnknownOutcomeError(f"{name} answers like no etcd: {body[:80]!r}.") from error
    if not isinstance(answer, dict):
        raise UnknownOutcomeError(f"{name} answers like no etcd: {body[:80]!r}.")
    return answer
