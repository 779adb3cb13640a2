"""What etcd is told: a pure function from a member's settings to its arguments."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from tandem.archive.layout import IDENTITY_FILE

HEARTBEAT_MS: Final = 50
ELECTION_MS: Final = 500
FAST_ELECTION_MS: Final = 300
"""etcd asks for five heartbeats at least, and ten round trips; 20 and 100 ms proved unstable."""

COMPACTION: Final = "5m"
"""For how long the past is kept, and how often it is let go. Whoever follows the store lists it
anew where its past is gone, so nothing needs more; and what is kept makes the file large."""

QUOTA_BYTES: Final = 2 << 30
"""Ten times what 10,000 cameras on 100 nodes need (docs/design/store-care.md)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the store, as all others have to know it.

    Attributes:
        node: the id of its node.
        addresses: of its links; it is reached on each of them.
        client_port: where it is asked.
        peer_port: where the other members talk to it.
    """

    node: str
    addresses: tuple[str, ...]
    client_port: int = 2379
    peer_port: int = 2380

    @property
    def client_urls(self) -> tuple[str, ...]:
        """Where it is asked, on each link."""
        return tuple(_url(address, self.client_port) for address in self.addresses)

    @property
    def peer_urls(self) -> tuple[str, ...]:
        """Where other members reach it, on each link."""
        return tuple(_url(address, self.peer_port) for address in self.addresses)


class Origin(Enum):
    """Where a member's data come from.

    NEW: it makes the cluster together with the other members, all of them without data.
    JOINS: the cluster exists, has been told of this member, and will send it the data.
    HERE: it ran before. Where its data are gone it must not begin with nothing: it would forget its
        votes, and etcd refuses that only if the others can be reached at that moment.
    """

    NEW = "new"
    JOINS = "joins"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """How this node's member is run.

    Attributes:
        member: this node's own.
        members: all of them, this one included, as they were when it joined.
        cluster: tells this cluster from any other that its members might meet.
        origin: where its data come from.
        data: its data directory; never on a volume that holds recordings.
        log: the file that it writes to.
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate (`Credentials.pem`).
        fast: elect a leader sooner, at the price of doing so needlessly on a slow disk or network.
        quota_bytes: the store takes no more writes beyond it.
    """

    member: Member
    members: tuple[Member, ...]
    cluster: str
    origin: Origin
    data: Path
    log: Path
    authority: Path
    credentials: Path
    fast: bool = False
    quota_bytes: int = QUOTA_BYTES


def arguments(settings: MemberSettings, present: Callable[[str], bool]) -> list[str]:
    """Say what etcd is to be told.

    Args:
        settings: of the member.
        present: whether this machine has an address now. etcd would not start where it cannot
            listen on one of several, and a link that is down must not keep a member down.

    Returns:
        The arguments, without the program.

    Raises:
        ValueError: there is none of the addresses, or the member is not one of the members.
    """
    member = settings.member
    if member not in settings.members:
        raise ValueError(f"Node {member.node} is not among the members of the store.")
    here = tuple(address for address in member.addresses if present(address))
    if not here:
        raise ValueError(
            f"This machine has none of the addresses of node {member.node} "
            f"({', '.join(member.addresses)}); see `ip address`."
        )
    listens = Member(member.node, here, member.client_port, member.peer_port)
    cluster = [f"{other.node}={url}" for other in settings.members for url in other.peer_urls]
    tls = {
        "cert-file": settings.credentials,
        "key-file": settings.credentials,
        "trusted-ca-file": settings.authority,
        "client-cert-auth": "true",
    }
    options: dict[str, object] = {
        "name": member.node,
        "data-dir": settings.data,
        "listen-client-urls": ",".join(listens.client_urls),
        "advertise-client-urls": ",".join(member.client_urls),
        "listen-peer-urls": ",".join(listens.peer_urls),
        "initial-advertise-peer-urls": ",".join(member.peer_urls),
        "initial-cluster": ",".join(cluster),
        "initial-cluster-token": settings.cluster,
        "initial-cluster-state": "existing" if settings.origin is Origin.JOINS else "new",
        **tls,
        **{f"peer-{name}": value for name, value in tls.items()},
        "pre-vote": "true",  # a member that comes back must not depose a leader that works
        "heartbeat-interval": HEARTBEAT_MS,
        "election-timeout": FAST_ELECTION_MS if settings.fast else ELECTION_MS,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": COMPACTION,
        "quota-backend-bytes": settings.quota_bytes,
        "logger": "zap",
        "log-outputs": "stderr",
    }
    return [f"--{name}={value}" for name, value in options.items()]


def has_data(data: Path) -> bool:
    """Whether a data directory is one that a member has run on. Blocks."""
    return any((data / "member" / "wal").glob("*.wal"))


def volume_that_holds(data: Path, volumes: Iterable[Path]) -> Path | None:
    """Find a recording volume on the file system of a data directory. Blocks.

    etcd waits for its disk on every commit: behind a recorder's writes it would lose its leader.

    Args:
        data: the directory, which need not exist yet.
        volumes: where recordings are.

    Returns:
        The first such volume, or None. A disk that is not mounted tells nothing: what is seen at
        its mount point is another one.
    """
    existing = next(path for path in (data, *data.parents) if path.exists())
    device = existing.stat().st_dev
    there = (volume for volume in volumes if (volume / IDENTITY_FILE).exists())
    return next((volume for volume in there if volume.stat().st_dev == device), None)


def _url(address: str, port: int) -> str:
    host = f"[{address}]" if ip_address(address).version == 6 else address
    return f"https://{host}:{port}"
