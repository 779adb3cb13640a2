"""The store on etcd 3.4 or later: asking whichever member answers, and believing no old answer."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, TypeVar

from tandem.node.store import answers, gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import (
    CompactedError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from tandem.node.store.guard import Guard, StaleAnswerError
from tandem.node.store.model import (
    Change,
    Entry,
    MemberEntry,
    MemberStatus,
    Outcome,
    Snapshot,
    Transaction,
)

_PAUSE_S: Final = 0.05
"""Between two rounds through all endpoints; jittered."""

_NOT_HERE: Final = (StoreUnavailableError, UnknownOutcomeError, StoreRefusedError)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a call may take.

    Attributes:
        attempt_s: one endpoint's time to answer. A transaction that was sent gets no other attempt.
        call_s: the time for all endpoints together. Longer than an election takes (0.8 s), or
            every loss of the leader is seen as an outage.
    """

    attempt_s: float = 1.0
    call_s: float = 2.5


class EtcdStore:
    """A `Store` on the members of an etcd cluster. See `open_store`.

    Args:
        clients: one for each endpoint.
        guard: of this cluster and incarnation.
        random: jitters the pauses.
        deadlines: of every call.
        tls: for further clients.
    """

    def __init__(
        self,
        clients: Sequence[EndpointClient],
        guard: Guard,
        random: Random,
        deadlines: Deadlines,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._in_order = tuple(clients)
        self._preferred = list(clients)  # the one that answered last is the first to be asked
        self._guard = guard
        self._random = random
        self._deadlines = deadlines
        self._watches = 0
        self._known: set[EndpointClient] = set()  # those that have answered before

    @property
    def cluster(self) -> int:
        """What etcd calls the cluster by, to be remembered by the node; 0 before any answer."""
        return self._guard.cluster

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        return next(iter((await self._read(gateway.get_request(key))).entries.values()), None)

    async def range(self, prefix: str) -> Snapshot:
        """See `Store.range`."""
        return await self._read(gateway.range_request(prefix))

    async def transact(self, transaction: Transaction) -> Outcome:
        """See `Store.transact`."""
        question = gateway.transaction_request(transaction)

        async def attempt(client: EndpointClient, attempt_s: float) -> Outcome:
            ends_s = asyncio.get_running_loop().time() + attempt_s
            await self._introduce(client, attempt_s)
            left_s = ends_s - asyncio.get_running_loop().time()
            answer = await self._ask(client, gateway.TRANSACTION, question, left_s)
            return _parsed(client, partial(answers.parse_outcome, transaction), answer)

        return await self._somewhere(attempt)

    async def changes(
        self, prefix: str, from_revision: int
    ) -> AsyncGenerator[tuple[Change, ...], None]:
        """See `Store.changes`."""
        question = gateway.watch_request(prefix, from_revision)
        problems: list[StoreError] = []
        self._watches += 1
        clients = self._in_order
        for number in range(len(clients)):
            client = clients[(self._watches + number) % len(clients)]
            stands = False
            messages = client.stream(gateway.WATCH, question, self._deadlines.attempt_s)
            try:
                async with aclosing(messages):
                    async for message in messages:
                        stands = True
                        yield self._watched(client, message)
            except _NOT_HERE as error:
                if stands:
                    raise StoreUnavailableError(str(error)) from error
                problems.append(error)
        raise _given_up(problems)

    async def status(self) -> tuple[MemberStatus, ...]:
        """See `Store.status`; one for each endpoint."""
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._status(client)) for client in self._in_order]
        return tuple(task.result() for task in asked)

    async def members(self) -> tuple[MemberEntry, ...]:
        """Who holds the store, as one of them knows it: it may be a little behind.

        Raises:
            StoreError: none of them answers.
        """
        answer = await self._about_members(gateway.MEMBER_LIST, {})
        return answers.parse_members(answer)

    async def add_learner(self, peer_urls: Sequence[str]) -> None:
        """Let one more receive everything, without a vote.

        Args:
            peer_urls: where the others reach it.

        Raises:
            StoreError: it was refused, or has an unknown outcome: list the members again.
        """
        question = {"peerURLs": list(peer_urls), "isLearner": True}
        await self._about_members(gateway.MEMBER_ADD, question)

    async def promote(self, member_id: int) -> None:
        """Give a learner its vote.

        Raises:
            StoreError: as `add_learner`; also while it is not in sync.
        """
        await self._about_members(gateway.MEMBER_PROMOTE, {"ID": str(member_id)})

    async def remove_member(self, member_id: int) -> None:
        """Take a member out; it ends by itself.

        Raises:
            StoreError: as `add_learner`.
        """
        await self._about_members(gateway.MEMBER_REMOVE, {"ID": str(member_id)})

    async def set_endpoints(self, endpoints: Sequence[Endpoint]) -> None:
        """Ask these from now on; the connections to those that stay stay, too.

        Args:
            endpoints: in the order in which they are to be asked.
        """
        known = {client.endpoint: client for client in self._in_order}
        made = tuple(known.get(it) or EndpointClient(it, self._tls) for it in endpoints)
        if made == self._in_order:
            return
        left = [client for client in self._in_order if client not in made]
        kept = [client for client in self._preferred if client in made]
        self._in_order = made
        self._preferred = kept + [client for client in made if client not in kept]
        self._known -= set(left)
        for client in left:
            await client.close()

    async def close(self) -> None:
        """End all connections."""
        for client in self._in_order:
            await client.close()

    async def _about_members(self, path: str, question: gateway.Json) -> gateway.Json:
        async def attempt(client: EndpointClient, attempt_s: float) -> gateway.Json:
            floor = self._guard.floor
            answer = await client.ask(path, question, attempt_s)
            try:
                header = _parsed(client, answers.parse_header, answer)
                self._guard.admit_local(client.endpoint.name, header, floor)
            except StaleAnswerError as error:
                raise UnknownOutcomeError(str(error)) from error
            return answer

        return await self._somewhere(attempt)

    async def _status(self, client: EndpointClient) -> MemberStatus:
        name = client.endpoint.name
        try:
            answer = await client.ask(gateway.STATUS, {}, self._deadlines.attempt_s)
            return _parsed(client, lambda answer: answers.parse_status(name, answer), answer)
        except StoreError as error:
            return MemberStatus(name, problem=str(error))

    async def _read(self, question: gateway.Json) -> Snapshot:
        async def attempt(client: EndpointClient, attempt_s: float) -> Snapshot:
            try:
                answer = await self._ask(client, gateway.RANGE, question, attempt_s)
                return _parsed(client, answers.parse_snapshot, answer)
            except UnknownOutcomeError as error:  # of a read there is nothing to fear
                raise StoreUnavailableError(str(error)) from error

        return await self._somewhere(attempt)

    async def _somewhere(self, attempt: Callable[[EndpointClient, float], Awaitable[_T]]) -> _T:
        """Ask one endpoint after the other until one has answered, or time is over.

        Only what certainly did not happen is asked elsewhere.
        """
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + self._deadlines.call_s
        problems: dict[EndpointClient, StoreError] = {}
        while True:
            for client in tuple(self._preferred):
                left_s = ends_s - now_s()
                if left_s <= 0:
                    break
                try:
                    return await attempt(client, min(left_s, self._deadlines.attempt_s))
                except (StoreUnavailableError, StoreRefusedError) as error:
                    # A refusal is told clearly or, if it crosses our question, by a mere hang-up.
                    if not isinstance(problems.get(client), StoreRefusedError):
                        problems[client] = error
                    self._leave(client)
                except UnknownOutcomeError:
                    self._leave(client)
                    raise
            pause_s = _PAUSE_S * self._random.uniform(0.5, 1.5)
            refused = all(isinstance(problem, StoreRefusedError) for problem in problems.values())
            if refused or now_s() + pause_s >= ends_s:
                raise _given_up(list(problems.values()))
            await asyncio.sleep(pause_s)

    async def _introduce(self, client: EndpointClient, attempt_s: float) -> None:
        """Before the first transaction: does this member let us in, and is it of our cluster?

        With TLS 1.3 a server that refuses our certificate may just hang up on the first question;
        and one of another cluster would carry it out. So the first is never a transaction.
        """
        if client in self._known:
            return
        name, floor = client.endpoint.name, self._guard.floor
        try:
            answer = await client.ask(gateway.STATUS, {}, attempt_s)
            self._guard.admit_local(name, _parsed(client, answers.parse_header, answer), floor)
        except (UnknownOutcomeError, StaleAnswerError) as error:
            raise StoreUnavailableError(str(error)) from error
        self._known.add(client)

    async def _ask(
        self, client: EndpointClient, path: str, question: gateway.Json, attempt_s: float
    ) -> gateway.Json:
        floor = self._guard.floor
        answer = await client.ask(path, question, attempt_s)
        try:
            header = _parsed(client, answers.parse_header, answer)
            self._guard.admit(client.endpoint.name, header, floor)
        except StaleAnswerError as error:
            raise UnknownOutcomeError(str(error)) from error
        self._known.add(client)
        return answer

    def _watched(self, client: EndpointClient, message: gateway.Json) -> tuple[Change, ...]:
        name = client.endpoint.name
        told = _parsed(client, answers.parse_watch_message, message)
        try:
            self._guard.admit_local(name, told.header, self._guard.floor)
        except StaleAnswerError as error:
            raise StoreUnavailableError(str(error)) from error
        if told.compact_revision:
            raise CompactedError(
                f"{name} has compacted what was to be watched.", told.compact_revision
            )
        if told.cancelled:
            raise StoreUnavailableError(f"{name} cancelled a watch: {told.cancelled}.")
        return told.changes

    def _leave(self, client: EndpointClient) -> None:
        """Ask this one last from now on."""
        if client in self._preferred:  # else it was given up while it was asked
            self._preferred.remove(client)
            self._preferred.append(client)


@asynccontextmanager
async def open_store(
    endpoints: Sequence[Endpoint],
    random: Random,
    *,
    tls: ssl.SSLContext | None = None,
    incarnation: int = 0,
    cluster: int = 0,
    deadlines: Deadlines = Deadlines(),
) -> AsyncGenerator[EtcdStore, None]:
    """Open the store of a cluster; nothing is asked yet, and no member needs to be up.

    Args:
        endpoints: of all members and links, in the order in which they are to be asked.
        random: jitters the pauses between attempts.
        tls: as `tandem.node.tls.client_context` makes it; None for an etcd without TLS.
        incarnation: how often the store was restored. Whoever learns a higher one opens it anew.
        cluster: the id that etcd calls the cluster by, where it is known already; 0 if not.
        deadlines: of every call.
    """
    clients = [EndpointClient(endpoint, tls) for endpoint in endpoints]
    store = EtcdStore(clients, Guard(incarnation, cluster), random, deadlines, tls)
    try:
        yield store
    finally:
        await store.close()


def _parsed(
    client: EndpointClient, parse: Callable[[gateway.Json], _T], answer: gateway.Json
) -> _T:
    try:
        return parse(answer)
    except answers.MALFORMED as error:
        raise UnknownOutcomeError(
            f"{client.endpoint.name} answers like no etcd ({error!r}). What listens there?"
        ) from error


def _given_up(problems: Sequence[StoreError]) -> StoreError:
    """One error for all the endpoints that were asked."""
    if problems and all(isinstance(problem, StoreRefusedError) for problem in problems):
        return problems[0]
    reasons = " ".join(str(problem) for problem in problems) or "There was no time to ask any."
    return StoreUnavailableError(f"No member of the store could be asked. {reasons}")
