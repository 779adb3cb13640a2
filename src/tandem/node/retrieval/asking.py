"""Archivists of all nodes, asked from blocking code.

An event loop in a thread of its own asks them, so that several questions are under way at once and
a caller waits only for the answer that it needs now.
"""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from tandem.node.archivist.client import HttpsPeers
from tandem.node.archivist.view import Address

Answer = TypeVar("Answer")
Question = Callable[[HttpsPeers], Awaitable[Answer]]


class Asking:
    """Asks the archivists of a cluster. A context manager.

    Args:
        tls: as `node.tls.client_context` makes it.
        addresses: of each node's archivist, one a link.
    """

    def __init__(self, tls: ssl.SSLContext, addresses: Mapping[str, Sequence[Address]]) -> None:
        self._tls = tls
        self._addresses = addresses
        self._ready: Future[tuple[asyncio.AbstractEventLoop, HttpsPeers]] = Future()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="asking archivists", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop, self._peers = self._ready.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def begin(self, question: Question[Answer]) -> Future[Answer]:
        """Ask, and go on; what is still under way when the context ends is cancelled."""

        async def asked() -> Answer:
            return await question(self._peers)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop)

    def ask(self, question: Question[Answer]) -> Answer:
        """Ask, and wait for the answer; the question has a deadline of its own.

        Raises:
            PeerError: there is no answer.
        """
        return self.begin(question).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            if not self._ready.done():  # else whoever entered would wait for ever
                self._ready.set_exception(failure)
                return
            raise

    async def _serve(self) -> None:
        async with HttpsPeers(self._tls, self._nodes_addresses) as peers:
            self._ready.set_result((asyncio.get_running_loop(), peers))
            await self._over.wait()

    def _nodes_addresses(self, node_id: str) -> Sequence[Address]:
        return self._addresses.get(node_id, ())
