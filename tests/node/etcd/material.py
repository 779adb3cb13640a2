"""Members to run, with certificates of an authority of their own."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.conformance.store.etcd_processes import ETCD, free_ports

from tandem.clock import SystemClock
from tandem.node.authority import Authority, Credentials, create_authority, create_key, public_key
from tandem.node.etcd.member import EtcdMember
from tandem.node.etcd.options import Member, MemberSettings, Origin


@dataclass
class Cluster:
    """The members of one cluster, each with files of its own."""

    directory: Path
    members: tuple[Member, ...]
    authority: Credentials

    def settings(self, node: str, *, origin: Origin = Origin.NEW, at: str = "") -> MemberSettings:
        here = self.directory / (at or node)
        here.mkdir(exist_ok=True)
        key = create_key()
        signer, clock = Authority(self.authority), SystemClock()
        signed = signer.issue(node, ("127.0.0.1",), public_key(key), clock)
        (here / "node.pem").write_bytes(Credentials(key, signed).pem)
        (here / "ca.pem").write_bytes(self.authority.certificate)
        return MemberSettings(
            member=next(member for member in self.members if member.node == node),
            members=self.members,
            cluster=self.directory.name,
            origin=origin,
            data=here / "data",
            log=here / "etcd.log",
            authority=here / "ca.pem",
            credentials=here / "node.pem",
        )

    def member(self, node: str, *, origin: Origin = Origin.NEW, at: str = "") -> EtcdMember:
        return EtcdMember(ETCD, self.settings(node, origin=origin, at=at), [], Random(0))


def cluster(directory: Path, size: int) -> Cluster:
    """A cluster to be, on free ports of loopback."""
    directory.mkdir(exist_ok=True)
    ports = free_ports(2 * size)
    members = tuple(
        Member(f"n{number + 1}", ("127.0.0.1",), ports[2 * number], ports[2 * number + 1])
        for number in range(size)
    )
    return Cluster(directory, members, create_authority(directory.name, SystemClock()))
