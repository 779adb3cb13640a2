"""The member of the store that runs on this node, and where the store is asked."""

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from tandem.node.agent.memory import remembered_peers
from tandem.node.etcd.diagnosis import Diagnosis
from tandem.node.etcd.member import EtcdMember
from tandem.node.etcd.options import Member, MemberSettings, Origin, has_data
from tandem.node.home import Home
from tandem.node.secret_file import write_secret
from tandem.node.settings import NodeSettings
from tandem.node.store.endpoint import Endpoint

log = logging.getLogger(__name__)

PROGRAM_VARIABLE: Final = "TANDEM_ETCD"


class ProgramMissingError(Exception):
    """etcd is not on this machine."""


def members(settings: NodeSettings) -> tuple[Member, ...]:
    """The members of the embedded store: this node and its peers, the same list on each."""
    own = Member(settings.node_id, tuple(link.address for link in settings.links))
    others = (Member(peer.node_id, tuple(peer.addresses.values())) for peer in settings.peers)
    return tuple(sorted((own, *others), key=lambda member: member.node))


def endpoints(settings: NodeSettings) -> tuple[Endpoint, ...]:
    """Where the store is asked, this node's own member first."""
    if not settings.store_is_embedded:
        return settings.endpoints
    first = sorted(members(settings), key=lambda member: member.node != settings.node_id)
    return tuple(Endpoint(url, member.node) for member in first for url in member.client_urls)


def known_endpoints(settings: NodeSettings) -> tuple[Endpoint, ...]:
    """Where the store may be asked when the agent begins: as it was last, then all nodes. Blocks.

    Args:
        settings: of the node.
    """
    if not settings.store_is_embedded:
        return settings.endpoints
    peers = remembered_peers(settings)
    home, anywhere = Home(settings.data), endpoints(replace(settings, peers=peers))
    try:
        stored = json.loads(home.endpoints.read_bytes())["endpoints_v1"]
        last = [Endpoint(str(url), str(node)) for url, node in stored]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        if not isinstance(problem, FileNotFoundError):
            log.warning("%s is of no use (%r); all nodes are asked.", home.endpoints, problem)
        last = []
    return tuple(dict.fromkeys((*last, *anywhere)))


def remember_endpoints(settings: NodeSettings, found: Sequence[Endpoint]) -> None:
    """Write down where the store is asked. Blocks.

    Args:
        settings: of the node.
        found: in the order in which they are asked.

    Raises:
        OSError: the disk refuses.
    """
    document = {"endpoints_v1": [[it.url, it.node] for it in found]}
    write_secret(Home(settings.data).endpoints, json.dumps(document).encode())


def program() -> Path:
    """Find etcd: named by the environment, installed beside Tandem, or on the path.

    Raises:
        ProgramMissingError: it is nowhere.
    """
    beside = str(Path(sys.executable).parent)
    named = os.environ.get(PROGRAM_VARIABLE)
    found = named or shutil.which("etcd", path=beside) or shutil.which("etcd")
    if not found:
        raise ProgramMissingError(
            "etcd is not installed, and Tandem keeps in it what its nodes agree on. Install the "
            f"package etcd-server, or name the program in {PROGRAM_VARIABLE}."
        )
    return Path(found)


class StoreMember:
    """Keeps this node's member of the store running, while it is to have one.

    Args:
        settings: of the node.
        random: jitters the restarts.

    Attributes:
        problem: why it ended or could not be started the last time; "" if it runs.

    Raises:
        ProgramMissingError: etcd is not on this machine.
    """

    def __init__(self, settings: NodeSettings, random: Random) -> None:
        self.problem = ""
        self._settings, self._random, self._home = settings, random, Home(settings.data)
        self._program = program()
        self._changed = asyncio.Event()
        self._is_new = False
        self._member: EtcdMember | None = None
        if self._home.etcd_has_begun.exists() or has_data(self._home.etcd):
            self._member = self._made(Origin.HERE, members(settings))
        elif not self._home.joined.exists():
            self._member = self._made(Origin.NEW, members(settings))

    async def run(self) -> None:
        """Keep it running until cancelled; it then runs on until it is stopped."""
        while True:
            self._changed.clear()
            member = self._member
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(member.keep_running(self._tell)) if member else None
                await self._changed.wait()
                if keeping:
                    keeping.cancel()
            if member and member is not self._member:
                member.detach()

    async def stop(self) -> None:
        """End it in order."""
        if self._member:
            await self._member.stop()

    async def learn(self, everybody: tuple[Member, ...]) -> None:
        """Begin to receive what the others hold; what an earlier member left here goes.

        Args:
            everybody: all members, this node's own among them, as the others know them.
        """
        await asyncio.to_thread(self._set_aside)
        self._is_new = True
        self._become(self._made(Origin.JOINS, everybody))
        log.info("this node begins to hold the store")

    async def give_up(self) -> None:
        """Have no member any more: the others have taken it out."""
        await asyncio.to_thread(write_secret, self._home.joined, b"")
        await self.stop()
        await asyncio.to_thread(self._set_aside)
        self.problem = ""
        self._become(None)
        log.info("this node holds the store no more")

    def note_begun(self) -> None:
        """Remember that the member has data of its own, once it has. Blocks."""
        if self._member and not self._home.etcd_has_begun.exists() and has_data(self._home.etcd):
            write_secret(self._home.etcd_has_begun, b"")

    def look(self) -> None:
        """See to it that a member that has its data never begins with nothing again."""
        if self._is_new and self._home.etcd_has_begun.exists():
            self._is_new = False
            self._become(self._made(Origin.HERE, members(self._settings)))

    @property
    def is_held(self) -> bool:
        """Whether this node has a member, which runs or is to."""
        return self._member is not None

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._member is not None and self._member.pid is not None

    def _made(self, origin: Origin, everybody: tuple[Member, ...]) -> EtcdMember:
        home, settings = self._home, self._settings
        told = MemberSettings(
            member=next(member for member in everybody if member.node == settings.node_id),
            members=everybody,
            cluster=f"tandem-{settings.cluster}",
            origin=origin,
            data=home.etcd,
            log=home.etcd_log,
            authority=home.authority,
            credentials=home.credentials,
        )
        # A cluster of one has no leader to lose to a slow disk.
        is_alone = origin is not Origin.JOINS and not settings.peers
        apart_from = [] if is_alone else [volume.path for volume in settings.volumes]
        return EtcdMember(self._program, told, apart_from, self._random)

    def _become(self, member: EtcdMember | None) -> None:
        self._member = member
        self._changed.set()

    def _set_aside(self) -> None:
        """Keep the last member's data for whoever wants to look, and never run on them."""
        left = self._home.etcd.with_name("etcd.left")
        if self._home.etcd.exists():
            shutil.rmtree(left, ignore_errors=True)
            self._home.etcd.rename(left)
        self._home.etcd_has_begun.unlink(missing_ok=True)

    def _tell(self, diagnosis: Diagnosis) -> None:
        self.problem = diagnosis.sentence
        log.error("%s", diagnosis.sentence)
