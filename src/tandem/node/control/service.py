"""The requests to an agent: docs/reference/control-socket.md.

People ask over a Unix socket that its owner and its group may open; other nodes ask for this node's
status, and for what it can record, over HTTPS, and have shown a certificate of the cluster's
authority, or no request was read. What goes wrong is answered as a sentence. No request's body is
repeated, in an answer or in the log: it may hold a camera's password.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import ETag, web

from tandem.cluster.document import StoredValueError
from tandem.node.archivist.view import Address
from tandem.node.authority import AuthorityError
from tandem.node.control.definitions import definition_document, read_definition, read_move
from tandem.node.control.documents import (
    camera_document,
    cameras_document,
    read_camera,
    read_service,
)
from tandem.node.control.fencing_requests import add_routes as add_fencing
from tandem.node.control.protocol import (
    VERSION,
    ConflictError,
    NodeControl,
    NotFoundError,
    RefusedError,
)
from tandem.node.seal import SealError
from tandem.node.store.errors import StoreError
from tandem.node.tls import peer_node

log = logging.getLogger(__name__)

AGENT_PORT: Final = 2377
LARGEST_BODY_BYTES: Final = 64 << 10
DEADLINE_S: Final = 10.0
_CLOSING_S: Final = 1.0
_KNOCK_S: Final = 2.0
_LONGEST_PATH_BYTES: Final = 107
"""`sun_path` has 108, and ends with a zero (unix(7))."""

_MODE: Final = 0o660
"""Who may pass into the node's data may ask: nobody else where `tandem up` made it (0700), the
service's group where it is installed (0710)."""

_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
"""Of ip(7) and <linux/in6.h>; Python does not name them."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SocketError(Exception):
    """The control socket cannot be opened; the message is for the administrator."""


class _Service:
    """The requests, as aiohttp takes them."""

    def __init__(self, control: NodeControl) -> None:
        self._control = control

    def for_people(self) -> web.Application:
        application = web.Application(
            client_max_size=LARGEST_BODY_BYTES, middlewares=[_speaks_in_sentences]
        )
        application.router.add_get("/v1/node", self._node)
        application.router.add_get("/v1/status", self._cluster)
        application.router.add_get("/v1/check", self._check)
        application.router.add_get("/v1/cameras", self._cameras)
        application.router.add_get("/v1/cameras/{camera_id}", self._camera)
        application.router.add_get("/v1/cameras/{camera_id}/login", self._sealed_login)
        application.router.add_put("/v1/cameras/{camera_id}", self._put)
        application.router.add_delete("/v1/cameras/{camera_id}", self._remove)
        application.router.add_get("/v1/resources/{resource_id}", self._resource)
        application.router.add_put("/v1/resources/{resource_id}", self._put_resource)
        application.router.add_delete("/v1/resources/{resource_id}", self._remove_resource)
        application.router.add_put("/v1/resources/{resource_id}/move", self._move_resource)
        application.router.add_put("/v1/nodes/{node_id}/service", self._set_service)
        add_fencing(application.router, self._control.fencing)
        application.router.add_delete("/v1/nodes/{node_id}", self._remove_node)
        application.router.add_post("/v1/invitations", self._invite)
        return application

    def for_nodes(self) -> web.Application:
        application = web.Application(
            client_max_size=LARGEST_BODY_BYTES,
            middlewares=[_speaks_in_sentences, self._asked_by_a_node],
        )
        application.router.add_get("/v1/node", self._node)
        application.router.add_get("/v1/recording", self._word)
        application.router.add_get("/v1/check", self._check_machine)
        return application

    @web.middleware
    async def _asked_by_a_node(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        transport = request.transport
        node = peer_node(transport.get_extra_info("peercert") if transport else None)
        if self._control.has_removed(node):
            raise AuthorityError(f"Node '{node}' was removed from the cluster.")
        return await handler(request)

    async def _invite(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": VERSION, "token": await self._control.invite()})

    async def _remove_node(self, request: web.Request) -> web.StreamResponse:
        node_id = request.match_info["node_id"]
        await self._control.remove_node(node_id)
        return web.json_response({"version": VERSION, "node_id": node_id})

    async def _node(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._control.node_status())

    async def _word(self, request: web.Request) -> web.StreamResponse:
        """Asked twice a second by each node; what has not changed is not sent again."""
        word = self._control.word()
        tag = ETag(str(word["revision"]))
        if request.if_none_match and tag in request.if_none_match:
            return web.Response(status=HTTPStatus.NOT_MODIFIED)
        response = web.json_response(word)
        response.etag = tag
        return response

    async def _cluster(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._control.cluster_status())

    async def _check(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._control.check_cluster())

    async def _check_machine(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._control.check_machine())

    async def _cameras(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(cameras_document(await self._control.cameras()))

    async def _camera(self, request: web.Request) -> web.StreamResponse:
        entry = await self._control.camera(request.match_info["camera_id"])
        return web.json_response(camera_document(entry))

    async def _sealed_login(self, request: web.Request) -> web.StreamResponse:
        """Of use to whoever may read this node's cluster.key as well, so `camera test` asks."""
        camera = (await self._control.camera(request.match_info["camera_id"])).camera
        return web.json_response(
            {"version": VERSION, "camera_id": camera.camera_id, "sealed": camera.login}
        )

    async def _put(self, request: web.Request) -> web.StreamResponse:
        camera_id = request.match_info["camera_id"]
        camera, login, revision = read_camera(camera_id, await request.read())
        try:
            now = await self._control.put_camera(camera, login, revision)
        except ConflictError as conflict:
            return _conflict(conflict)
        return web.json_response({"version": VERSION, "camera_id": camera_id, "revision": now})

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        camera_id = request.match_info["camera_id"]
        revision = _revision(request)
        try:
            await self._control.remove_camera(camera_id, revision)
        except ConflictError as conflict:
            return _conflict(conflict)
        return web.json_response({"version": VERSION, "camera_id": camera_id})

    async def _resource(self, request: web.Request) -> web.StreamResponse:
        found = await self._control.resource(request.match_info["resource_id"])
        document = definition_document(found.resource, found.revision)
        return web.json_response({"version": VERSION, **document})

    async def _put_resource(self, request: web.Request) -> web.StreamResponse:
        resource_id = request.match_info["resource_id"]
        resource, revision = read_definition(resource_id, await request.read())
        now = await self._control.put_resource(resource, revision)
        return web.json_response({"version": VERSION, "resource_id": resource_id, "revision": now})

    async def _remove_resource(self, request: web.Request) -> web.StreamResponse:
        resource_id = request.match_info["resource_id"]
        await self._control.remove_resource(resource_id, _revision(request))
        return web.json_response({"version": VERSION, "resource_id": resource_id})

    async def _move_resource(self, request: web.Request) -> web.StreamResponse:
        resource_id = request.match_info["resource_id"]
        node_id, for_s = read_move(await request.read())
        await self._control.move_resource(resource_id, node_id, for_s)
        return web.json_response({"version": VERSION, "resource_id": resource_id, "node": node_id})

    async def _set_service(self, request: web.Request) -> web.StreamResponse:
        node_id = request.match_info["node_id"]
        service = read_service(await request.read())
        await self._control.set_service(node_id, service)
        return web.json_response({"version": VERSION, "node_id": node_id, "service": service})


@asynccontextmanager
async def serve_unix(control: NodeControl, path: Path) -> AsyncGenerator[None, None]:
    """Answer people on this machine for as long as the context lasts.

    The socket gets its place only when it is ready and closed to others. What an agent that died
    left there is replaced; a living agent's is not.

    Args:
        control: the agent.
        path: of the socket; its directory exists.

    Raises:
        SocketError: another agent answers there, or something else is in the way.
    """
    await _check_free(path)
    listening = _bound(path)
    ours = _inode(path)
    runner = web.AppRunner(
        _Service(control).for_people(), access_log=None, shutdown_timeout=_CLOSING_S
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield
    finally:
        if _inode(path) == ours:
            path.unlink()  # noqa: ASYNC240 - one directory entry
        await runner.cleanup()
        listening.close()


@asynccontextmanager
async def serve_links(
    control: NodeControl, addresses: Sequence[Address], tls: ssl.SSLContext
) -> AsyncGenerator[list[Address], None]:
    """Answer other nodes on every link for as long as the context lasts.

    An address that this machine does not have yet is listened on all the same: its link is down,
    and will be used when the address comes.

    Args:
        control: the agent.
        addresses: of this node, IP addresses; port 0 takes any.
        tls: as `node.tls.server_context` makes it.

    Yields:
        The addresses, with the ports that were taken.

    Raises:
        OSError: a port is taken.
    """
    runner = web.AppRunner(
        _Service(control).for_nodes(), access_log=None, shutdown_timeout=_CLOSING_S
    )
    await runner.setup()
    try:
        taken: list[Address] = []
        for address in addresses:
            listening = _listening(address)
            taken.append(Address(address.host, listening.getsockname()[1]))
            await web.SockSite(runner, listening, ssl_context=tls).start()
        yield taken
    finally:
        await runner.cleanup()


async def _check_free(path: Path) -> None:
    """Refuse to take the place of a living agent, or of what is no socket."""
    if len(os.fsencode(path)) + len(".new") > _LONGEST_PATH_BYTES:
        raise SocketError(
            f"{path} is too long a name for a socket. Choose a shorter 'data' in node.toml."
        )
    if not os.path.lexists(path):  # noqa: ASYNC240
        return
    if not path.is_socket():  # noqa: ASYNC240
        raise SocketError(f"{path} is in the way: it is no socket. Look at it, and move it away.")
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_unix_connection(path)
        writer.close()
    except ConnectionRefusedError:
        return
    except TimeoutError:
        log.info("whoever listens at %s is too busy to answer", path)
    except OSError as error:
        raise SocketError(
            f"It cannot be seen whether an agent listens at {path}: {error.strerror}."
        ) from error
    raise SocketError(
        f"An agent runs already and listens at {path}. End it first, where it was started."
    )


def _bound(path: Path) -> socket.socket:
    """A socket at its place; nobody can connect before it is closed to others."""
    beside = path.with_name(f"{path.name}.new")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        beside.unlink(missing_ok=True)
        listening.bind(os.fsencode(beside))
        beside.chmod(_MODE)
        beside.replace(path)
    except OSError as error:
        listening.close()
        raise SocketError(f"The socket {path} cannot be made: {error.strerror}.") from error
    return listening


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return None


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            listening.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise OSError(
            error.errno, f"{address.host}, port {address.port}: {error.strerror}"
        ) from error
    return listening


def _revision(request: web.Request) -> int:
    try:
        return int(request.query["revision"])
    except (KeyError, ValueError):
        raise RefusedError("Send the 'revision' that is to be removed.") from None


def _conflict(conflict: ConflictError) -> web.Response:
    """Somebody else was faster: what there is now, so that the change can be made to that."""
    current = camera_document(conflict.current) if conflict.current else None
    answer = {"version": VERSION, "problem": str(conflict), "camera": current}
    return web.json_response(answer, status=HTTPStatus.CONFLICT)


@web.middleware
async def _speaks_in_sentences(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Bound the time that an answer takes, and turn what goes wrong into one that says so."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await handler(request)
    except tuple(_STATUSES) as problem:
        status = next(_STATUSES[kind] for kind in type(problem).__mro__ if kind in _STATUSES)
        sentence = str(problem)
    except TimeoutError:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        sentence = (
            f"The agent had no answer within {DEADLINE_S:.0f} s. A change may have been made, or"
            " may yet be: look before you try again."
        )
    except web.HTTPException as refusal:
        status = HTTPStatus(refusal.status)
        sentence = _WORDS.get(status) or f"The agent refuses: {refusal.reason}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s: %s", request.method, request.path, sentence)
    return web.json_response({"version": VERSION, "problem": sentence}, status=status)


_STATUSES: Final[Mapping[type[BaseException], HTTPStatus]] = {
    AuthorityError: HTTPStatus.FORBIDDEN,
    RefusedError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    StoredValueError: HTTPStatus.INTERNAL_SERVER_ERROR,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    SealError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_WORDS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.NOT_FOUND: "An agent is not asked for this.",
    HTTPStatus.METHOD_NOT_ALLOWED: "An agent is not asked for this by that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"More than {LARGEST_BODY_BYTES} bytes were sent.",
}
