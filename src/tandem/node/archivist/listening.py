"""Listening on every link that is there, and on the others as soon as they are.

A link whose interface is down has no address to listen on; a node that starts then must answer on
the other links all the same. An address that went away with its interface needs nothing: its socket
stays, and hears again when it is back.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tandem.node.archivist.view import Address

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
_CLOSING_S: Final = 1.0


@dataclass(slots=True)
class Socket:
    """One link.

    Attributes:
        wanted: where to listen; port 0 takes any.
        taken: where it listens, once it does.
        problem: why it does not.
    """

    wanted: Address
    taken: Address | None = None
    problem: str | None = None


class Listening:
    """The links of a node, each as it is now.

    Args:
        runner: set up.
        links: where to listen.
        tls: as `node.tls.server_context` makes it.

    Attributes:
        sockets: one a link, in order.
    """

    def __init__(
        self, runner: web.AppRunner, links: Sequence[Address], tls: ssl.SSLContext
    ) -> None:
        self.sockets = [Socket(link) for link in links]
        self._runner = runner
        self._tls = tls

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the ports that were taken."""
        return [one.taken for one in self.sockets if one.taken is not None]

    async def try_all(self) -> None:
        """Begin to listen wherever it can be done by now."""
        for one in self.sockets:
            if one.taken is None:
                await self._try(one)

    async def keep_trying(self) -> None:
        """Try until all links listen."""
        while any(one.taken is None for one in self.sockets):
            await asyncio.sleep(RETRY_S)
            await self.try_all()

    async def _try(self, one: Socket) -> None:
        site = web.TCPSite(self._runner, one.wanted.host, one.wanted.port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError as error:
            await site.stop()
            problem = (
                f"{one.wanted.host}:{one.wanted.port} cannot be listened on: {error.strerror}. It "
                f"is tried again every second; see `ip address` and `ss -ltnp`."
            )
            if problem != one.problem:
                log.error("%s", problem)
            one.problem = problem
            return
        one.taken = Address(one.wanted.host, self._runner.addresses[-1][1])
        if one.problem is not None:
            log.info("listening on %s:%d now", one.taken.host, one.taken.port)
        one.problem = None


@asynccontextmanager
async def listen(
    application: web.Application, links: Sequence[Address], tls: ssl.SSLContext
) -> AsyncGenerator[Listening, None]:
    """Listen on every link for as long as the context lasts.

    Args:
        application: the requests.
        links: where to listen; port 0 takes any.
        tls: as `node.tls.server_context` makes it.

    Yields:
        The links; for those that could not be listened on at once, see `keep_trying`.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSING_S)
    await runner.setup()
    try:
        listening = Listening(runner, links, tls)
        await listening.try_all()
        yield listening
    finally:
        await runner.cleanup()
