"""Asking every member of the store how it is, on whichever link answers."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from tandem.cluster import keys
from tandem.node.etcd.care.pace import Sample, parse
from tandem.node.store import answers, gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import StoreError, StoreUnavailableError
from tandem.node.store.model import MemberStatus

ASK_S: Final = 2.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Told:
    """What a member has said.

    Attributes:
        status: of itself; a `problem` also where it does not read its own data in time.
        sample: its counters; None where it did not show them.
    """

    status: MemberStatus
    sample: Sample | None


class Members:
    """The members of the store, while they are open.

    Args:
        clients: of each node, one a link.
    """

    def __init__(self, clients: Mapping[str, Sequence[EndpointClient]]) -> None:
        self._clients = clients

    async def look(self) -> dict[str, Told]:
        """Ask all of them at once, by node."""
        async with asyncio.TaskGroup() as group:
            asked = {node: group.create_task(self._look(node)) for node in self._clients}
        return {node: task.result() for node, task in asked.items()}

    async def ask(self, node: str, path: str, question: gateway.Json, deadline_s: float) -> None:
        """Ask one member to do what may safely be asked twice.

        Raises:
            StoreError: it has not said that it did it.
        """
        await self._first(node, lambda client: client.ask(path, question, deadline_s))

    async def _look(self, node: str) -> Told:
        try:
            return await self._first(node, self._look_by)
        except StoreError as error:
            return Told(MemberStatus(node, problem=str(error)), None)

    async def _look_by(self, client: EndpointClient) -> Told:
        answer = await client.ask(gateway.STATUS, {}, ASK_S)
        try:
            status = answers.parse_status(client.endpoint.name, answer)
        except answers.MALFORMED as error:
            raise StoreUnavailableError(
                f"{client.endpoint.name} answers like no etcd ({error!r})."
            ) from error
        # One that is being defragmented tells its status, and reads nothing.
        await client.ask(gateway.RANGE, gateway.local_get_request(keys.CLUSTER), ASK_S)
        try:
            sample = parse(await client.read(gateway.METRICS, ASK_S))
        except StoreError:
            sample = None
        return Told(status, sample)

    async def _first(self, node: str, attempt: Callable[[EndpointClient], Awaitable[_T]]) -> _T:
        """On one link after the other, until one answers."""
        problem: StoreError = StoreUnavailableError(f"The member of {node} has no address.")
        for client in self._clients.get(node, ()):
            try:
                return await attempt(client)
            except StoreError as error:
                problem = error
        raise problem


@asynccontextmanager
async def open_members(
    endpoints: Sequence[Endpoint], tls: ssl.SSLContext | None
) -> AsyncGenerator[Members, None]:
    """Open connections to all members, for one look.

    Args:
        endpoints: of all members and links.
        tls: as `tandem.node.tls.client_context` makes it; None for an etcd without TLS.
    """
    clients: dict[str, list[EndpointClient]] = {}
    async with AsyncExitStack() as stack:
        for endpoint in endpoints:
            client = EndpointClient(endpoint, tls)
            stack.push_async_callback(client.close)
            clients.setdefault(endpoint.node, []).append(client)
        yield Members(clients)
