"""The requests about fencing: docs/reference/control-socket.md."""

import json

from aiohttp import web

from tandem.node.control.fencing import FencingControl
from tandem.node.control.protocol import RefusedError


def add_routes(router: web.UrlDispatcher, control: FencingControl) -> None:
    """Answer requests about fencing.

    Args:
        router: of the socket for people.
        control: what answers.
    """

    async def listed(_request: web.Request) -> web.StreamResponse:
        return web.json_response(await control.listed())

    async def sealed(request: web.Request) -> web.StreamResponse:
        return web.json_response(await control.sealed(request.match_info["node_id"]))

    async def put(request: web.Request) -> web.StreamResponse:
        node_id = request.match_info["node_id"]
        return web.json_response(await control.put(node_id, await request.read()))

    async def session(request: web.Request) -> web.StreamResponse:
        return web.json_response(await control.session(request.match_info["node_id"]))

    async def confirm_off(request: web.Request) -> web.StreamResponse:
        try:
            revision = int(json.loads(await request.read())["revision"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RefusedError("Send the 'revision' of the session that is meant.") from None
        node_id = request.match_info["node_id"]
        return web.json_response(await control.confirm_off(node_id, revision))

    router.add_get("/v1/fencing", listed)
    router.add_get("/v1/fencing/{node_id}", sealed)
    router.add_put("/v1/fencing/{node_id}", put)
    router.add_get("/v1/nodes/{node_id}/session", session)
    router.add_put("/v1/nodes/{node_id}/off", confirm_off)
