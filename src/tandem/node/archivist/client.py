"""Asking another node's archivist, over several links at once where one is slow.

A question goes out on the link that answered last. Has it not answered within `HEDGE_S`, it goes
out on the next one as well, and the first answer counts: so a link that hangs costs 300 ms once. A
link that fails costs nothing, the next one is asked at once. No link is asked twice, and all is
over with the deadline: whether to ask again is for whoever knows what the question was for.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar
from uuid import UUID

import aiohttp

from tandem.archive.rows import Gap
from tandem.cluster.promise import DEADLINE_US, Answer
from tandem.node.archivist.errors import (
    MessageError,
    PeerError,
    PeerLiesError,
    PeerRefusedError,
    PeerUnreachableError,
)
from tandem.node.archivist.messages import (
    Inquiry,
    Inventory,
    Json,
    Listed,
    decode_answer,
    decode_gaps,
    decode_inventory,
    decode_listed,
    encode_inquiry,
)
from tandem.node.archivist.view import Address

HEDGE_S: Final = 0.3
READ_DEADLINE_S: Final = 10.0
PROMISE_DEADLINE_S: Final = DEADLINE_US / 1e6 - 2
"""Before the question itself ends: an answer that is lost must not have others expire."""
CONNECTING_S: Final = 3.2
"""Time for a SYN and two repetitions of it; a node that is off costs no more."""

LARGEST_ANSWER_BYTES: Final = 16 << 20
"""A list of 40,000 segments: a month of one camera."""


Understood = TypeVar("Understood")


class Peers(Protocol):
    """The other archivists, as this one knows them."""

    async def ask(self, node_id: str, inquiry: Inquiry) -> Answer:
        """Ask for a promise; the answer is to this very question (D5).

        Raises:
            PeerError: there is no answer.
        """
        ...

    async def segments(
        self, node_id: str, camera_id: str, stream: str, from_us: int, to_us: int
    ) -> Listed:
        """What a node has of a stream over [from_us, to_us), and which of its volumes cannot tell.

        Raises:
            PeerError: there is no answer.
        """
        ...

    async def read(self, node_id: str, segment_id: UUID, offset: int, length: int) -> bytes:
        """Read from a node's segment; all of `length`, or it is an error.

        Raises:
            PeerError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    """One question as HTTP has it, the same on each link."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Json | None = None
    expected: HTTPStatus = HTTPStatus.OK
    deadline_s: float = READ_DEADLINE_S


class HttpsPeers:
    """Asks over HTTPS, each side authenticated by the cluster's authority. A context manager.

    Args:
        tls: as `node.tls.client_context` makes it.
        addresses: of a node's archivist, one a link.
    """

    def __init__(self, tls: ssl.SSLContext, addresses: Callable[[str], Sequence[Address]]) -> None:
        self._tls = tls
        self._addresses = addresses
        self._answered_last: dict[str, Address] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def ask(self, node_id: str, inquiry: Inquiry) -> Answer:
        """Ask for a promise; see `Peers.ask`."""
        request = _Request(
            "POST",
            "/v1/promises",
            body=encode_inquiry(inquiry),
            deadline_s=PROMISE_DEADLINE_S,
        )
        data = await self._first_answer(node_id, request)
        answer = _understood(node_id, data, decode_answer)
        if answer.nonce != inquiry.question.nonce:
            raise PeerLiesError(f"Node {node_id} answers another question than it was asked.")
        return answer

    async def segments(
        self, node_id: str, camera_id: str, stream: str, from_us: int, to_us: int
    ) -> Listed:
        """List what a node has; see `Peers.segments`."""
        query = _stretch(camera_id, stream, from_us, to_us)
        data = await self._first_answer(node_id, _Request("GET", "/v1/segments", query))
        return _understood(node_id, data, decode_listed)

    async def gaps(
        self, node_id: str, camera_id: str, stream: str, from_us: int, to_us: int
    ) -> list[Gap]:
        """Why a node has nothing of a stream at some times of [from_us, to_us).

        Raises:
            PeerError: there is no answer.
        """
        query = _stretch(camera_id, stream, from_us, to_us)
        data = await self._first_answer(node_id, _Request("GET", "/v1/gaps", query))
        return _understood(node_id, data, decode_gaps)

    async def inventory(self, node_id: str) -> Inventory:
        """What a node has, in short.

        Raises:
            PeerError: there is no answer.
        """
        data = await self._first_answer(node_id, _Request("GET", "/v1/cameras"))
        return _understood(node_id, data, decode_inventory)

    async def read(self, node_id: str, segment_id: UUID, offset: int, length: int) -> bytes:
        """Read from a segment; see `Peers.read`."""
        request = _Request(
            "GET",
            f"/v1/segments/{segment_id}",
            headers={"Range": f"bytes={offset}-{offset + length - 1}"},
            expected=HTTPStatus.PARTIAL_CONTENT,
        )
        data = await self._first_answer(node_id, request)
        if len(data) != length:
            raise PeerLiesError(
                f"Node {node_id} sent {len(data)} bytes of segment {segment_id} where {length} "
                f"were asked for."
            )
        return data

    async def _first_answer(self, node_id: str, request: _Request) -> bytes:
        """Ask until a link brings an answer, or all have failed, or it is too late."""
        failures: list[str] = []
        try:
            async with asyncio.timeout(request.deadline_s):
                outcome = await self._race(node_id, request, failures)
        except TimeoutError:
            outcome = None
            failures.append(f"no answer came within {request.deadline_s:.3g} s")
        if isinstance(outcome, PeerError):
            raise outcome
        if outcome is None:
            reasons = "; ".join(failures) or "it has no address"
            raise PeerUnreachableError(
                f"The archivist of node {node_id} cannot be asked: {reasons}."
            )
        return outcome

    async def _race(
        self, node_id: str, request: _Request, failures: list[str]
    ) -> bytes | PeerError | None:
        """Ask on one link after the other, those before not given up; None if all failed."""
        links = self._in_order(node_id)
        pending: dict[asyncio.Task[bytes | PeerError], Address] = {}
        async with asyncio.TaskGroup() as group:
            while links or pending:
                if links:
                    link = links.pop(0)
                    pending[group.create_task(self._attempt(node_id, link, request))] = link
                done, _ = await asyncio.wait(
                    pending,
                    timeout=HEDGE_S if links else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    link, outcome = pending.pop(task), task.result()
                    if isinstance(outcome, PeerUnreachableError):
                        failures.append(str(outcome))
                        continue
                    self._answered_last[node_id] = link
                    for slower in pending:
                        slower.cancel()
                    return outcome
        return None

    async def _attempt(self, node_id: str, link: Address, request: _Request) -> bytes | PeerError:
        """Ask on one link. Errors are values: one link's failure must not end the others."""
        host = f"[{link.host}]" if ":" in link.host else link.host
        try:
            async with self._session(node_id).request(
                request.method,
                f"https://{host}:{link.port}{request.path}",
                params=request.query,
                headers=request.headers,
                data=None if request.body is None else BytesIO(json.dumps(request.body).encode()),
                server_hostname=node_id,
                allow_redirects=False,
            ) as response:
                data = await response.content.read(LARGEST_ANSWER_BYTES + 1)
                while len(data) <= LARGEST_ANSWER_BYTES and not response.content.at_eof():
                    data += await response.content.read(LARGEST_ANSWER_BYTES + 1 - len(data))
        except (OSError, aiohttp.ClientError) as error:
            return PeerUnreachableError(f"{link.host}:{link.port} failed: {_reason(error)}")
        if len(data) > LARGEST_ANSWER_BYTES:
            return PeerLiesError(f"Node {node_id} answers with more than was asked for.")
        if response.status != request.expected:
            return PeerRefusedError(
                f"Node {node_id} refuses ({response.status}): {_sentence(data)}"
            )
        return data

    def _in_order(self, node_id: str) -> list[Address]:
        """A node's links, the one that answered last first."""
        last = self._answered_last.get(node_id)
        return sorted(self._addresses(node_id), key=lambda link: link != last)

    def _session(self, node_id: str) -> aiohttp.ClientSession:
        """Connections are kept by node, so that none is used for another one's certificate."""
        if node_id not in self._sessions:
            self._sessions[node_id] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECTING_S),
            )
        return self._sessions[node_id]


def _reason(error: OSError | aiohttp.ClientError) -> str:
    """The operating system's word for it, where there is one; aiohttp's own are long."""
    if isinstance(error, aiohttp.ServerTimeoutError):
        return f"no connection came about within {CONNECTING_S} s"
    if type(error) is aiohttp.ClientConnectorError and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return str(error) or type(error).__name__


def _sentence(data: bytes) -> str:
    """What a node says that refuses."""
    try:
        return str(json.loads(data)["problem"])
    except (ValueError, KeyError, TypeError):
        return data[:400].decode(errors="replace")


def _stretch(camera_id: str, stream: str, from_us: int, to_us: int) -> dict[str, str]:
    return {
        "camera_id": camera_id,
        "stream": stream,
        "from_us": str(from_us),
        "to_us": str(to_us),
    }


def _understood(node_id: str, data: bytes, decode: Callable[[bytes], Understood]) -> Understood:
    try:
        return decode(data)
    except MessageError as problem:
        raise PeerLiesError(f"Node {node_id} does not answer as it should: {problem}") from None
