"""Making the nodes of a lab out of nothing, from outside of their hosts."""

import shutil
from pathlib import Path
from typing import Final

from tandem.archive.errors import ArchiveError
from tandem.archive.space import Limits
from tandem.clock import Clock
from tandem.lab.cluster.plan import CLUSTER_NUMBER
from tandem.lab.hosts import Host, Lab, LabError
from tandem.node.authority import AuthorityError
from tandem.node.provision import (
    ClusterSecrets,
    ProvisionError,
    find_etcd,
    prepare_volume,
    provision_node,
    settings_text,
)
from tandem.node.settings import (
    DATA,
    PATH,
    LinkSettings,
    PeerSettings,
    VolumeSettings,
    parse_settings,
)

LINKS: Final = ("a", "b")

_FLOOR_BYTES: Final = 512 << 20
_HIDDEN: Final = ("tmp", "run", "mnt")
_ETCD_ON_A_HOST: Final = Path("/etc/tandem/etcd")


def make_node(lab: Lab, name: str, nodes: list[str], secrets: ClusterSecrets, clock: Clock) -> None:
    """Give a host all that a node needs to begin; what is there stays.

    Args:
        lab: whose host it is.
        name: of the host, and of the node.
        nodes: all nodes of the cluster.
        secrets: of the cluster.
        clock: says from when certificates are valid.

    Raises:
        LabError: it cannot be made.
    """
    host = lab.host(name)
    volumes = lab.status().hosts[name].volumes
    text = settings_text(
        name,
        CLUSTER_NUMBER,
        DATA,
        [LinkSettings(link, str(host.address(link))) for link in LINKS],
        [
            PeerSettings(peer, {link: str(lab.host(peer).address(link)) for link in LINKS})
            for peer in nodes
            if peer != name
        ],
        [
            VolumeSettings(Path("/mnt") / volume, None, Limits(None, _FLOOR_BYTES))
            for volume in volumes
        ],
    )
    try:
        host.outside(PATH).write_text(text, "utf-8")
        provision_node(parse_settings(text), secrets, clock, host.outside(DATA))
    except (ProvisionError, AuthorityError, OSError) as error:
        raise LabError(f"{name} could not be made: {error}") from error
    for volume in volumes:
        make_volume(host, volume, clock)


def make_volume(host: Host, volume: str, clock: Clock) -> None:
    """Let a node record to a disk that is new; done already if it does.

    Raises:
        LabError: the disk cannot be written.
    """
    try:
        prepare_volume(host.outside(Path("/mnt") / volume), CLUSTER_NUMBER, host.name, clock)
    except (ArchiveError, OSError) as error:
        raise LabError(f"Volume {volume} of {host.name} cannot be made: {error}") from error


def provide_etcd(host: Host) -> Path:
    """Where etcd is on a host; brought there if it is where the host has something of its own.

    Raises:
        LabError: this machine has none.
    """
    try:
        found = find_etcd().resolve()
    except ProvisionError as error:
        raise LabError(str(error)) from error
    if found.parts[1] not in _HIDDEN:
        return found
    shutil.copy2(found, host.outside(_ETCD_ON_A_HOST))
    return _ETCD_ON_A_HOST
