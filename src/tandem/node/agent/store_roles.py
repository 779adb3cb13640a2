"""Who holds the store: following it, and changing it one step at a time where it is our turn.

`cluster.voters` decides. Each node sees by etcd's own list whether it is to have a member, so
nothing has to be told to it. Two nodes that both believe it is their turn do the same things; etcd
itself refuses what would cost it its majority.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tandem.clock import Clock
from tandem.cluster import voters
from tandem.cluster.model import Node
from tandem.node.agent.store_member import StoreMember, remember_endpoints
from tandem.node.etcd.options import Member
from tandem.node.settings import NodeSettings
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.errors import StoreError
from tandem.node.store.etcd import EtcdStore
from tandem.node.store.model import MemberEntry

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0

STEADY_US: Final = 5_000_000
"""A node is there for so long before it is asked to hold the store, and gone for three times as
long before it is asked no more."""

LEARNING_US: Final = 120_000_000
"""By then it has received all: the store holds megabytes."""

PASSED_OVER_US: Final = 600_000_000
"""How long a node is left alone that could not."""

SURPLUS_US: Final = 600_000_000
"""How long there may be a member too many: a server that was removed is replaced by then."""

MISSED_LOOKS: Final = 5
"""A list may come from a member that is a little behind."""


@dataclass(frozen=True, slots=True)
class Company:
    """The nodes, as this one sees them.

    Attributes:
        nodes: of the cluster, by id.
        removed: those that were taken out for good.
        reached: the others that are there.
        decides: whether it is this node's turn to decide for all.
    """

    nodes: Mapping[str, Node]
    removed: frozenset[str]
    reached: frozenset[str]
    decides: bool


class StoreRoles:
    """Keeps the store on as many nodes as it should be.

    Args:
        settings: of this node.
        store: of the cluster.
        member: that this node has or may have.
        company: tells who is there.
        tell: hears where the store is asked, whenever that changes.
        clock: of this node.

    Attributes:
        entries: who holds the store, as listed last.
    """

    def __init__(
        self,
        settings: NodeSettings,
        store: EtcdStore,
        member: StoreMember,
        company: Callable[[], Company],
        tell: Callable[[Sequence[Endpoint]], None],
        clock: Clock,
    ) -> None:
        self.entries: tuple[MemberEntry, ...] = ()
        self._settings, self._store, self._member = settings, store, member
        self._company, self._tell, self._clock = company, tell, clock
        self._endpoints: tuple[Endpoint, ...] = ()
        self._missed = 0
        self._since_us: dict[str, int] = {}
        self._last_us: dict[str, int] = {}
        self._learns_us: dict[int, int] = {}
        self._passed_over_us: dict[str, int] = {}
        self._surplus_us: int | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once, and do what is due."""
        company = self._company()
        self._watch(company)
        try:
            self.entries = await self._store.members()
        except StoreError as problem:
            log.debug("it cannot be seen who holds the store: %s", problem)
            return
        await self._ask_those()
        await self._have_own()
        if company.decides:
            try:
                await self._take_step(company)
            except StoreError as problem:
                log.info("who holds the store cannot be changed yet: %s", problem)

    def _watch(self, company: Company) -> None:
        """Note since when each node is there, and when it was last."""
        now_us = self._clock.boot_us()
        for node_id in {*company.reached, self._settings.node_id}:
            self._since_us.setdefault(node_id, now_us)
            self._last_us[node_id] = now_us
        for node_id, last_us in list(self._last_us.items()):
            if now_us - last_us >= 3 * STEADY_US:
                self._since_us.pop(node_id, None)
                del self._last_us[node_id]

    async def _ask_those(self) -> None:
        """Ask who votes, this node's own member first; remember it for the next start."""
        own = self._settings.node_id
        found = tuple(
            Endpoint(url, entry.name)
            for entry in sorted(self.entries, key=lambda it: (it.name != own, it.name))
            if not entry.is_learner
            for url in entry.client_urls
        )
        if found and found != self._endpoints:
            await self._store.set_endpoints(found)
            await asyncio.to_thread(remember_endpoints, self._settings, found)
            self._endpoints = found
            self._tell(found)

    async def _have_own(self) -> None:
        """Begin a member that the others expect; give up one that they have taken out."""
        own = self._own_entry()
        if own is not None:
            self._missed = 0
            await asyncio.to_thread(self._member.look)
            # One without a name has never begun: whatever runs on older data here was taken out.
            if not own.name and not self._member.is_running:
                await self._member.learn(self._everybody())
            return
        self._missed += self._member.is_held and not self._member.is_running
        if self._missed >= MISSED_LOOKS:
            self._missed = 0
            await self._member.give_up()

    def _own_entry(self) -> MemberEntry | None:
        node_id = self._settings.node_id
        urls = set(_member(node_id, [it.address for it in self._settings.links]).peer_urls)
        for entry in self.entries:
            if entry.name == node_id or (not entry.name and urls == set(entry.peer_urls)):
                return entry
        return None

    def _everybody(self) -> tuple[Member, ...]:
        return tuple(
            _member(
                entry.name or self._settings.node_id,
                [str(urlsplit(url).hostname) for url in entry.peer_urls],
            )
            for entry in self.entries
        )

    async def _take_step(self, company: Company) -> None:
        known, now_us = await self._known_members(company), self._clock.boot_us()
        candidates = [
            voters.Candidate(node_id, node.zone, self._is_steady(node_id, now_us))
            for node_id, node in company.nodes.items()
        ]
        step = voters.next_step(known, candidates, company.removed)
        if isinstance(step, voters.Remove) and self._is_to_wait(step, known, company, now_us):
            return
        match step:
            case voters.Add(node_id=node_id):
                links = [link.address for link in company.nodes[node_id].links]
                await self._store.add_learner(_member(node_id, links).peer_urls)
                log.info("node %s is to hold the store, too", node_id)
            case voters.Promote(member_id=member_id, node_id=node_id):
                if now_us - self._learns_us.setdefault(member_id, now_us) >= LEARNING_US:
                    self._passed_over_us[node_id] = now_us
                    log.warning("node %s cannot hold the store: see its status", node_id)
                await self._store.promote(member_id)
                log.info("node %s holds the store", node_id)
            case voters.Remove(member_id=member_id, node_id=node_id):
                await self._store.remove_member(member_id)
                log.info("node %s holds the store no more", node_id)

    def _is_to_wait(
        self, step: voters.Remove, known: Sequence[voters.Member], company: Company, now_us: int
    ) -> bool:
        """Whether a member too many is left alone for now: somebody may be replacing a server."""
        is_surplus = step.node_id not in company.removed and any(
            it.member_id == step.member_id and not it.is_learner for it in known
        )
        if not is_surplus:
            self._surplus_us = None
            return False
        if self._surplus_us is None:
            self._surplus_us = now_us
        return now_us - self._surplus_us < SURPLUS_US

    async def _known_members(self, company: Company) -> list[voters.Member]:
        said = await self._store.status()
        working = {it.member for it in said if it.leader and not it.problem}
        by_urls = {
            frozenset(_member(node_id, [link.address for link in node.links]).peer_urls): node_id
            for node_id, node in company.nodes.items()
        }
        return [
            voters.Member(
                entry.member_id,
                entry.name or by_urls.get(frozenset(entry.peer_urls), ""),
                entry.is_learner,
                entry.member_id in working,
            )
            for entry in self.entries
        ]

    def _is_steady(self, node_id: str, now_us: int) -> bool:
        passed_us = self._passed_over_us.get(node_id)
        if passed_us is not None and now_us - passed_us < PASSED_OVER_US:
            return False
        since_us = self._since_us.get(node_id)
        return since_us is not None and now_us - since_us >= STEADY_US


def _member(node_id: str, addresses: Sequence[str]) -> Member:
    return Member(node_id, tuple(addresses))
