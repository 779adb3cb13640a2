"""One node's agent: its parts put together, and what connects them.

Everything is level-triggered. Whatever changes (the store, a suspicion, a volume, what recorders
say) sets one event; then all that is wanted of recorders and archivist is worked out anew, from how
things are at that moment.
"""

import asyncio
import logging
import os
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from random import Random
from typing import Final

from tandem.clock import Clock
from tandem.cluster.duties import Beliefs, Word, silent
from tandem.cluster.heartbeat import HeartbeatError
from tandem.node.agent import memory
from tandem.node.agent.archivist_orders import archivist_orders
from tandem.node.agent.candidacy import Candidacy
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.clocks import Clocks
from tandem.node.agent.decisions import Decisions
from tandem.node.agent.guard import guarded
from tandem.node.agent.handover import Handover
from tandem.node.agent.heal_orders import HealOrders
from tandem.node.agent.hearing import Hearing
from tandem.node.agent.plans import Plans
from tandem.node.agent.pulse_view import PulseView, orders_of, problems_of
from tandem.node.agent.recording import Recording
from tandem.node.agent.registration import REMOVED_NODE
from tandem.node.agent.report import (
    Json,
    recording_document,
    session_document,
    store_document,
)
from tandem.node.agent.standing import Standing, words_of_pictures
from tandem.node.agent.store_care import StoreCare
from tandem.node.agent.store_member import StoreMember
from tandem.node.agent.store_roles import Company
from tandem.node.agent.turns import Turns
from tandem.node.agent.volumes import Volumes
from tandem.node.agent.work import Work, retention_of, work_of
from tandem.node.archivist.child import ArchivistChild
from tandem.node.control.asking import ask_nodes
from tandem.node.control.composed import Known
from tandem.node.control.protocol import VERSION
from tandem.node.control.service import AGENT_PORT
from tandem.node.control.words import encode_word
from tandem.node.home import Home
from tandem.node.joining.inviting import Members
from tandem.node.joining.peers import addresses_of, peers_of
from tandem.node.pulse.link import PulseLink
from tandem.node.pulse.messages import Orders, Report
from tandem.node.recorders.wanted import Wanted, own_cameras
from tandem.node.seal import Sealer
from tandem.node.settings import NodeSettings, PeerSettings
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.protocol import Store
from tandem.recording.orders import RELAY_PORT, Relaying

log = logging.getLogger(__name__)

ARRANGE_S: Final = 0.02
"""Several changes that come together are one."""

LOOK_S: Final = 1.0
"""How often it is looked at what recorders say."""

STORE_STATUS_S: Final = 5.0
RELEASE: Final = version("tandem-video")
MOST_LOGINS: Final = 20_000
REMEMBER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes an agent the one of this node.

    Attributes:
        settings: of the node.
        key: of the cluster, secret.
        started_us: see `started.note_start`.
        endpoints: where the store is asked at first; none: as the settings say.
    """

    settings: NodeSettings
    key: bytes = field(repr=False)
    started_us: int
    endpoints: tuple[Endpoint, ...] = ()


class RemovedError(Exception):
    """This node was taken out of its cluster for good."""


class Agent:
    """A node's agent.

    Args:
        identity: of the node.
        store: of the cluster.
        sealer: of the cameras' logins.
        tls: for asking other nodes.
        member: of the store that runs here; None where somebody else runs it.
        pulse: of this node.
        clock: of this node.
        random: for jitter.
    """

    def __init__(
        self,
        identity: Identity,
        store: Store,
        sealer: Sealer,
        tls: ssl.SSLContext,
        member: StoreMember | None,
        pulse: PulseLink,
        clock: Clock,
        random: Random,
    ) -> None:
        settings = identity.settings
        self._settings, self._home = settings, Home(settings.data)
        self._clock, self._random, self._store, self._member = clock, random, store, member
        self._unseal = lru_cache(maxsize=MOST_LOGINS)(sealer.unseal)
        self._changed = asyncio.Event()
        self._tls = tls
        self._catalogue = Catalogue(store, random, self._changed.set)
        self._peers = peers_of(settings, {})
        self._pulse, self._seen, self._started_us = pulse, PulseView(clock), identity.started_us
        self._endpoints = identity.endpoints
        pulse.order(self._orders(self._peers))
        self._candidacy = Candidacy(settings.node_id, store, random)
        self._decisions = Decisions(self._home.decisions, settings.node_id, clock)
        self._plans = Plans(
            settings.node_id, store, self._catalogue, self._seen, clock, self._decisions.note
        )
        self._clocks = Clocks(self.known.others, tls, clock)
        self._volumes = Volumes(settings.volumes, self._changed.set)
        self._recording = Recording(len(os.sched_getaffinity(0)), clock, random)
        self._archivist = ArchivistChild(clock, random)
        self._hearing = Hearing(self.known.others(), tls, clock, self._changed.set)
        self._standing = Standing()
        self._shown: dict[str, Word] = {}
        self._silent: frozenset[str] = frozenset()
        self._life = secrets.token_hex(4)
        self._handover = Handover(settings.node_id)
        self._turns = Turns(settings.node_id)
        self._heal = HealOrders()
        self._is_clock_right = False
        self._too_many = ""
        self._work = Work()
        self._store_said = store_document((), "")
        self._store_care = StoreCare(settings, store, tls, clock, random)

    async def run(self) -> None:
        """Do all of it until cancelled."""
        self._catalogue.recall(await asyncio.to_thread(memory.recall, self._home.memory))
        needless = [
            ("following the store", self._catalogue.run),
            ("standing for coordinator", self._candidacy.run),
            *self._plans.parts,
            ("saving what plans are made from", self._decisions.run),
            ("finding volumes", self._volumes.run),
            ("the archivist", self._archivist.run),
            ("looking at recorders", self._look_always),
            ("looking at others", self._look_at_others_always),
            ("hearing others", self._hearing.run),
            ("comparing clocks", self._clocks.run),
            ("remembering", self._remember_always),
            ("care of the store", self._store_care.run),
            ("asking the store's members", self._ask_members_always),
        ]
        if self._member:
            needless.append(("the store's member", self._member.run))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._recording.run(), name="recorders")
            tasks.create_task(self._pulse.run(self._take_report), name="pulse")
            tasks.create_task(self._arrange_always(), name="arranging")
            for name, part in needless:
                tasks.create_task(guarded(name, part, self._clock, self._random), name=name)

    # --- What it does ----------------------------------------------------------------------------

    def _take_report(self, report: Report) -> None:
        news = self._seen.take(report)
        for node_id in news.lost:
            self._hearing.forget(node_id)
        for node_id in news.returned:
            self._heal.note_return(node_id)
        for node_id in news.reached:
            self._hearing.expect(node_id)
        if news.is_any:
            self._changed.set()

    async def _arrange_always(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._arrange()
            await asyncio.sleep(ARRANGE_S)

    def _arrange(self) -> None:
        if self._catalogue.is_current and self._settings.node_id in self._catalogue.removed.values:
            raise RemovedError(REMOVED_NODE)
        self._meet_peers()
        cameras = self._catalogue.cameras.values
        placements = self._catalogue.placements.values
        beliefs = self._beliefs()
        self._tell_of_silence(beliefs)
        self._work = work_of(
            self._settings.node_id,
            cameras.values(),
            placements,
            beliefs,
            self._unseal,
            {peer.node_id: tuple(peer.addresses.values()) for peer in self._peers},
        )
        streams = self._handover.streams(self._work.streams, cameras, placements, beliefs)
        now_us = self._clock.boot_us()
        streams = self._turns.streams(streams, cameras, placements, beliefs, now_us)
        retention = retention_of(cameras.values())
        volumes = self._volumes.orders
        if volumes:
            wanted = Wanted(
                self._settings.cluster,
                volumes,
                streams,
                retention,
                {camera.camera_id: camera.bit_rate_mbps for camera in cameras.values()},
                self._is_clock_right,
                own_cameras(self._settings.node_id, cameras, placements),
                self._relaying,
            )
            self._recording.want(wanted)
        if self._catalogue.is_current:  # never by what is merely remembered
            heal = self._heal.orders(self._settings.node_id, cameras, placements)
            self._archivist.order(
                archivist_orders(
                    self._settings,
                    self._peers,
                    volumes,
                    dict(placements),
                    retention,
                    heal,
                    trusts_clock=self._is_clock_right,
                )
            )

    def _meet_peers(self) -> None:
        """Talk to the nodes that the store names now, and to no others."""
        peers = peers_of(
            self._settings, self._catalogue.nodes.values, self._catalogue.removed.values
        )
        if peers == self._peers:
            return
        try:
            orders = self._orders(peers)
        except HeartbeatError as problem:
            self._too_many = str(problem)
            return
        self._peers, self._too_many = peers, ""
        self._hearing.set_others(self.known.others())
        self._pulse.order(orders)
        log.info("the other nodes are %s", ", ".join(it.node_id for it in peers) or "none")

    def _tell_of_silence(self, beliefs: Beliefs) -> None:
        """Once when it begins, and when it ends."""
        for node_id in sorted(beliefs.silent - self._silent):
            log.warning(
                "node %s sends heartbeats and does not answer (TCP port %d): others record what it"
                " is to record. Look at its log, and whether a firewall is in the way.",
                node_id,
                AGENT_PORT,
            )
        for node_id in sorted(self._silent - beliefs.silent - self._hearing.quiet):
            log.info("node %s answers again", node_id)
        self._silent = beliefs.silent

    def _beliefs(self) -> Beliefs:
        suspected, own = self._seen.report.suspected, self._settings.node_id
        return Beliefs(
            suspected,
            {**self._shown, **self._hearing.words, own: self._standing.word},
            self._hearing.unheard - suspected,
            silent(self._hearing.quiet, self._seen.report.reached),
        )

    @property
    def _relaying(self) -> Relaying:
        return Relaying(
            addresses=tuple(link.address for link in self._settings.links),
            port=RELAY_PORT,
            authority=self._home.authority,
            node=self._home.credentials,
            peers=tuple(peer.node_id for peer in self._peers),
        )

    async def _look_always(self) -> None:
        """Look each second at what changes without a word: what our recorders say."""
        while True:
            await asyncio.sleep(LOOK_S)
            report = self._recording.report()
            said = self._turns.said = report.streams if report else {}
            if self._heal.note_streams(said):
                self._changed.set()
            now_us, words = self._clock.boot_us(), self._hearing.words
            if self._standing.look(self._handover.orders, said, words, now_us):
                self._changed.set()
            shown, self._shown = self._shown, words_of_pictures(self._handover.orders, said)
            if shown != self._shown:
                self._changed.set()
            if self._clocks.are_trusted is not self._is_clock_right:
                self._is_clock_right = self._clocks.are_trusted
                self._changed.set()

    async def _look_at_others_always(self) -> None:
        """By itself, since a node that is off takes its time, and what ours say cannot wait."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._handover.ending or self._turns.waiting:
                await self._look_at_others()

    async def _look_at_others(self) -> None:
        """Give up, or change, what others are seen to record."""
        answers = await ask_nodes(self.known.others(), self._tls, self._clock)
        statuses = {node: it.status for node, it in answers.items() if it.status}
        if self._turns.look(statuses, self._clock.boot_us()):
            self._changed.set()
        if self._handover.release(
            statuses,
            self._catalogue.cameras.values,
            self._catalogue.placements.values,
            self._beliefs(),
            self._status(),
        ):
            self._changed.set()

    async def _remember_always(self) -> None:
        written: object = None
        while True:
            await asyncio.sleep(REMEMBER_S)
            entries = self._catalogue.worth_remembering
            if not self._catalogue.is_current or entries == written:
                continue
            try:
                await asyncio.to_thread(memory.remember, self._home.memory, entries)
                written = entries
            except OSError as problem:
                log.error(
                    "%s cannot be written: %s.", self._home.memory, problem.strerror or problem
                )

    async def _ask_members_always(self) -> None:
        while True:
            members = await self._store.status()
            self._store_said = store_document(members, self._seen.report.problem)
            if self._member:
                await asyncio.to_thread(self._member.note_begun)
            await asyncio.sleep(STORE_STATUS_S)

    @property
    def company(self) -> Company:
        """The nodes, for deciding which of them hold the store."""
        nodes = self._catalogue.nodes.values
        return Company(
            nodes,
            frozenset(self._catalogue.removed.values),
            self._seen.report.reached,
            self._catalogue.is_current and self._seen.coordinates is not None,
        )

    def ask_store_at(self, endpoints: Sequence[Endpoint]) -> None:
        """Let the pulse ask the store where it is asked now."""
        self._endpoints = tuple(endpoints)
        self._pulse.order(self._orders(self._peers))

    def _orders(self, peers: tuple[PeerSettings, ...]) -> Orders:
        return orders_of(self._settings, peers, self._started_us, self._endpoints)

    @property
    def _members(self) -> Members:
        catalogue, peers = self._catalogue, self._seen.report.peers
        return Members(
            catalogue.nodes.values,
            catalogue.removed.values,
            frozenset(str(it["node_id"]) for it in peers if not it["suspected"]),
            catalogue.invitations.values,
        )

    # --- What it tells ---------------------------------------------------------------------------

    @property
    def known(self) -> Known:
        """What those who ask an agent are told."""
        return Known(
            status=self._status,
            word=lambda: encode_word(
                self._settings.node_id,
                f"{self._life}.{self._standing.changes}",
                self._standing.word,
            ),
            agreed=lambda: self._catalogue.agreed,
            others=lambda: addresses_of(self._peers, AGENT_PORT),
            members=lambda: self._members,
        )

    def _status(self) -> Json:
        problems = [*self._catalogue.problems, *self._volumes.problems, *self._work.problems]
        problems += [*self._store_care.problems, *problems_of(self._seen.report)]
        if self._too_many:
            problems.append(self._too_many)
        if self._member and self._member.problem and not self._member.is_running:
            problems.append(self._member.problem)
        return {
            "version": VERSION,
            "node_id": self._settings.node_id,
            "cluster_number": self._settings.cluster,
            "at_us": self._clock.utc_us(),
            "release": RELEASE,
            "session": session_document(self._seen.report, self._clock),
            "store": self._store_said,
            "peers": list(self._seen.report.peers),
            "pulse": dict(self._seen.report.health),
            "resources": list(self._seen.report.resources),
            "plan": self._plans.document(),
            **recording_document(
                self._recording.report(),
                self._work,
                self._catalogue.placements.values,
                self._turns.waits,
            ),
            "archivist": self._archivist.document(),
            "concerns": [*self._plans.concerns, *self._store_care.concerns],
            "problems": problems,
        }
