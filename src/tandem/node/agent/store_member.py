"""The member of the store that runs on this node, and where the store is asked."""

import logging
import os
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Final

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
    """Keeps this node's member of the store running.

    Args:
        settings: of the node.
        random: jitters the restarts.

    Attributes:
        problem: why it ended or could not be started the last time; "" if it runs.

    Raises:
        ProgramMissingError: etcd is not on this machine.
    """

    def __init__(self, settings: NodeSettings, random: Random) -> None:
        home, everybody = Home(settings.data), members(settings)
        self.problem = ""
        self._begun, self._data = home.etcd_has_begun, home.etcd
        origin = Origin.HERE if self._begun.exists() else Origin.NEW
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
        apart_from = [volume.path for volume in settings.volumes] if settings.peers else []
        self._member = EtcdMember(program(), told, apart_from, random)

    async def run(self) -> None:
        """Keep it running until cancelled; it then runs on until it is stopped."""
        await self._member.keep_running(self._tell)

    async def stop(self) -> None:
        """End it in order."""
        await self._member.stop()

    def note_begun(self) -> None:
        """Remember that the member has data of its own, once it has. Blocks."""
        if not self._begun.exists() and has_data(self._data):
            write_secret(self._begun, b"")

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._member.pid is not None

    def _tell(self, diagnosis: Diagnosis) -> None:
        self.problem = diagnosis.sentence
        log.error("%s", diagnosis.sentence)
