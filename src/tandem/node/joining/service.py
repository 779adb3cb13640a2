"""Where servers ask to join: HTTPS on every link, open only while there is an invitation.

Whoever asks has no certificate yet, so this is apart from what nodes ask each other. It answers the
authority's certificate, which is no secret, and what a token's secret allows.
"""

import asyncio
import logging
import ssl
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tandem.archive.errors import words_of
from tandem.cluster.document import StoredValueError
from tandem.node.authority import AuthorityError
from tandem.node.joining.application import VERSION, Application, ApplicationError
from tandem.node.joining.inviting import Inviter
from tandem.node.store.errors import StoreError

log = logging.getLogger(__name__)

JOIN_PORT: Final = 2374
"""Below those of archivists and agents, and none of Docker's."""

LOOK_S: Final = 0.5
DEADLINE_S: Final = 20.0
AUTHORITY_PATH: Final = "/v1/authority"
CHECK_PATH: Final = "/v1/join/check"
JOIN_PATH: Final = "/v1/join"

_LARGEST_BODY_BYTES: Final = 16 << 10
_MOST_AT_ONCE: Final = 4
_CLOSING_S: Final = 1.0


class JoinService:
    """Answers servers that want to join.

    Args:
        inviter: lets them in.
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate.
    """

    def __init__(self, inviter: Inviter, authority: Path, credentials: Path) -> None:
        self._inviter = inviter
        self._authority = authority
        self._credentials = credentials
        self._turn = asyncio.Semaphore(_MOST_AT_ONCE)

    async def run(self) -> None:
        """Listen whenever there is an invitation, until cancelled."""
        while True:
            if self._inviter.is_open:
                async with AsyncExitStack() as stack:
                    await self._open(stack)
                    while self._inviter.is_open:  # noqa: ASYNC110 - it ends by the clock, too
                        await asyncio.sleep(LOOK_S)
            await asyncio.sleep(LOOK_S)

    async def _open(self, stack: AsyncExitStack) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        await asyncio.to_thread(tls.load_cert_chain, self._credentials)
        application = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        application.router.add_get(AUTHORITY_PATH, self._tell_authority)
        application.router.add_post(CHECK_PATH, self._check)
        application.router.add_post(JOIN_PATH, self._join)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSING_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        for link in self._inviter.settings.links:
            try:
                await web.TCPSite(runner, link.address, JOIN_PORT, ssl_context=tls).start()
            except OSError as error:
                log.warning(
                    "Link %s: servers cannot ask there to join (%s, TCP port %d: %s).",
                    link.name,
                    link.address,
                    JOIN_PORT,
                    words_of(error),
                )

    async def _tell_authority(self, _request: web.Request) -> web.Response:
        certificate = await asyncio.to_thread(self._authority.read_text)
        return web.json_response({"version": VERSION, "certificate": certificate})

    async def _check(self, request: web.Request) -> web.Response:
        return await self._answer(request, is_final=False)

    async def _join(self, request: web.Request) -> web.Response:
        return await self._answer(request, is_final=True)

    async def _answer(self, request: web.Request, *, is_final: bool) -> web.Response:
        try:
            async with asyncio.timeout(DEADLINE_S), self._turn:
                asked = Application.decode(await request.read())
                inviter = self._inviter
                found: dict[str, Any] = await (
                    inviter.admit(*asked) if is_final else inviter.look(*asked)
                )
        except ApplicationError as problem:
            return _problem(HTTPStatus.FORBIDDEN, str(problem))
        except (StoreError, AuthorityError, StoredValueError) as problem:
            log.warning("a server could not be let in: %s", problem)
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(problem))
        except TimeoutError:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "It took too long. Try again.")
        if is_final:
            log.info("server %s was let in as a node", asked[0].node_id)
        return web.json_response({"version": VERSION, **found})


def _problem(status: HTTPStatus, sentence: str) -> web.Response:
    return web.json_response({"version": VERSION, "problem": sentence}, status=status)
