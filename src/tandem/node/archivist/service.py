"""What other nodes may ask of this one, over HTTPS; see docs/design/two-copies.md.

Whoever asks has shown a certificate of the cluster's authority, or no request was read; and is this
node or one of its peers, since the certificate of a node that was taken out stays valid. Disks and
indexes are read in threads: a request never holds up the others.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final
from uuid import UUID

from aiohttp import web

from tandem.archive.errors import ArchiveError
from tandem.cluster.promise import DEADLINE_US
from tandem.node.archivist.errors import ArchivistError, MessageError
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.messages import (
    VERSION,
    decode_inquiry,
    encode_answer,
    encode_gaps,
    encode_inventory,
    encode_listed,
)
from tandem.node.archivist.promises import Promiser
from tandem.node.archivist.view import View
from tandem.node.authority import AuthorityError
from tandem.node.tls import peer_node

log = logging.getLogger(__name__)

LARGEST_QUESTION_BYTES: Final = 8 << 20
"""150,000 pictures: ten minutes, the longest segment, at 250 a second."""

LARGEST_LIST: Final = 20_000
LARGEST_PIECE_BYTES: Final = 4 << 20
DEADLINE_S: Final = 10.0
PROMISE_DEADLINE_S: Final = DEADLINE_US / 1e6

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """The requests.

    Args:
        node_id: this node.
        view: the cluster: who is a node of it.
        holdings: what this node has.
        promiser: gives its promises.
    """

    def __init__(self, node_id: str, view: View, holdings: Holdings, promiser: Promiser) -> None:
        self._node_id = node_id
        self._view = view
        self._holdings = holdings
        self._promiser = promiser

    def application(self) -> web.Application:
        """The requests as aiohttp serves them."""
        application = web.Application(
            client_max_size=LARGEST_QUESTION_BYTES, middlewares=[_speaks_in_sentences, self._admit]
        )
        application.router.add_post("/v1/promises", self._promise)
        application.router.add_get("/v1/cameras", self._take_inventory)
        application.router.add_get("/v1/gaps", self._list_gaps)
        application.router.add_get("/v1/segments", self._list)
        application.router.add_get("/v1/segments/{segment_id}", self._read)
        return application

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Hear only who is a node of this cluster now."""
        peer = _peer(request)
        if peer != self._node_id and not self._view.addresses(peer):
            raise AuthorityError(
                f"Node {peer} is none of the peers of node {self._node_id}. If it belongs to the"
                f" cluster, enter it under [[peers]] in the settings of node {self._node_id}."
            )
        return await handler(request)

    async def _promise(self, request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(PROMISE_DEADLINE_S):
            inquiry = decode_inquiry(await request.read())
            peer = _peer(request)
            if inquiry.question.asker != peer:
                raise AuthorityError(f"Node {peer} asks in the name of {inquiry.question.asker}.")
            return web.json_response(encode_answer(await self._promiser.answer(inquiry)))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(DEADLINE_S):
            listed = await asyncio.to_thread(self._holdings.listed, *_stretch(request))
            _check_length("segments", listed.segments)
            return web.json_response(encode_listed(listed))

    async def _list_gaps(self, request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(DEADLINE_S):
            gaps = await asyncio.to_thread(self._holdings.gaps, *_stretch(request))
            _check_length("gaps", gaps)
            return web.json_response(encode_gaps(gaps))

    async def _take_inventory(self, _: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(DEADLINE_S):
            inventory = await asyncio.to_thread(self._holdings.inventory)
            return web.json_response(encode_inventory(inventory))

    async def _read(self, request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(DEADLINE_S):
            try:
                segment_id = UUID(request.match_info["segment_id"])
                wanted = request.http_range
            except ValueError as problem:
                raise MessageError(f"This is no segment, or no range of one: {problem}.") from None
            found = await asyncio.to_thread(self._holdings.segment, segment_id)
        if found is None:
            raise web.HTTPNotFound(text=f"This node has no segment {segment_id}.")
        size_bytes = found.durable_bytes
        start, end, _ = wanted.indices(size_bytes)
        if wanted.start is not None and start >= size_bytes:
            raise web.HTTPRequestRangeNotSatisfiable(
                text=f"The segment has {size_bytes} bytes.",
                headers={"Content-Range": f"bytes */{size_bytes}"},
            )
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.content_length = end - start
        if wanted.start is not None:
            response.set_status(HTTPStatus.PARTIAL_CONTENT)
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
        await self._send(request, response, segment_id, start, end)
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        segment_id: UUID,
        start: int,
        end: int,
    ) -> None:
        """Send a part of a file, piece by piece, each with a deadline for disk and network."""
        while start < end:
            length = min(LARGEST_PIECE_BYTES, end - start)
            async with asyncio.timeout(DEADLINE_S):
                data = await asyncio.to_thread(self._holdings.piece, segment_id, start, length)
                if not response.prepared:
                    await response.prepare(request)
                await response.write(data)
            start += length
        await response.write_eof()


def _stretch(request: web.Request) -> tuple[str, str, int, int]:
    """Which stream is asked for, and from when to when."""
    try:
        camera_id, stream = request.query["camera_id"], request.query["stream"]
        return camera_id, stream, int(request.query["from_us"]), int(request.query["to_us"])
    except (KeyError, ValueError) as problem:
        raise MessageError(f"Ask with camera_id, stream, from_us and to_us: {problem!r}.") from None


def _check_length(what: str, found: Sequence[object]) -> None:
    if len(found) > LARGEST_LIST:
        raise MessageError(
            f"There are {len(found)} {what}, more than {LARGEST_LIST}: ask for less time."
        )


def _peer(request: web.Request) -> str:
    """Which node asks."""
    transport = request.transport
    return peer_node(transport.get_extra_info("peercert") if transport else None)


@web.middleware
async def _speaks_in_sentences(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn what goes wrong into an answer that says so."""
    try:
        return await handler(request)
    except AuthorityError as problem:
        return _problem(HTTPStatus.FORBIDDEN, str(problem))
    except MessageError as problem:
        return _problem(HTTPStatus.BAD_REQUEST, str(problem))
    except TimeoutError:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "The disk did not answer in time.")
    except (ArchiveError, ArchivistError) as problem:
        log.error("%s could not be answered: %s", request.path, problem)
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(problem))
    except web.HTTPException as refusal:
        refusal.text = json.dumps({"version": VERSION, "problem": refusal.text})
        refusal.content_type = "application/json"
        raise


def _problem(status: HTTPStatus, sentence: str) -> web.Response:
    return web.json_response({"version": VERSION, "problem": sentence}, status=status)
