"""Making this machine a node: what is checked before, and what is written. Blocking.

The settings are written last: without them nothing counts, so whatever was interrupted is repeated.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.archive.space import Limits
from tandem.clock import Clock
from tandem.node.authority import Credentials
from tandem.node.beats import PORT
from tandem.node.etcd.sockets import is_present
from tandem.node.home import Home
from tandem.node.joining.service import JOIN_PORT
from tandem.node.ownership import give_to_service, tree
from tandem.node.preflight.finding import Level
from tandem.node.preflight.ports import Port, look_free, ports_of
from tandem.node.provision import (
    ProvisionError,
    keep_cluster,
    prepare_volume,
    provision_node,
    settings_text,
)
from tandem.node.secret_file import write_secret
from tandem.node.settings import (
    LinkSettings,
    NodeSettings,
    PeerSettings,
    VolumeSettings,
    parse_settings,
)

_SETTINGS_MODE: Final = 0o644
"""They hold no secret, and the service's user reads them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a node is to be.

    Attributes:
        node_id: its name.
        links: its networks.
        volumes: where it is to record.
        settings: the file of its settings.
        data: the directory of what it has to remember.
    """

    node_id: str
    links: tuple[LinkSettings, ...]
    volumes: tuple[Path, ...]
    settings: Path
    data: Path

    def text(self, cluster: int, peers: Sequence[PeerSettings] = ()) -> str:
        """Its settings, as TOML."""
        volumes = [VolumeSettings(path, None, Limits()) for path in self.volumes]
        return settings_text(self.node_id, cluster, self.data, self.links, peers, volumes)


def check(wanted: Wanted) -> list[str]:
    """Look whether this machine can be that node. Blocks.

    Returns:
        What works and will cost something, in sentences.

    Raises:
        ProvisionError: it cannot.
        SettingsError: a name or address cannot be used.
    """
    if wanted.settings.exists():
        raise ProvisionError(
            f"This machine is a node already: {wanted.settings} is there. If it is to be another"
            " one, stop its service, and move that file and its data away."
        )
    if Home(wanted.data).etcd_has_begun.exists():
        raise ProvisionError(
            f"{wanted.data} holds what a node of another cluster remembers. Move it away first."
        )
    parse_settings(wanted.text(1), "what was given")
    addresses = [link.address for link in wanted.links]
    for address in addresses:
        if not is_present(address):
            raise ProvisionError(f"This machine does not have {address}; see `ip address`.")
    ports = [*ports_of(None, PORT), Port(JOIN_PORT, "TCP", "servers that join")]
    taken = [it for it in look_free(addresses, ports) if it.level is Level.FAIL]
    if taken:
        raise ProvisionError(" ".join(f"{it.evidence} {it.remedy}" for it in taken))
    return _costs(wanted)


def make_first(wanted: Wanted, cluster: int, clock: Clock) -> None:
    """Make the first node of a cluster. Blocks.

    Raises:
        ArchiveError: a volume cannot be made.
        AuthorityError: the clock is wrong by years.
        ProvisionError: the data are another cluster's.
        OSError: something cannot be written.
    """
    text = wanted.text(cluster)
    _prepare_volumes(wanted, cluster, clock)
    secrets = keep_cluster(wanted.data, cluster, clock)
    provision_node(parse_settings(text, str(wanted.settings)), secrets, clock)
    _finish(wanted, text)


def make_joined(
    wanted: Wanted,
    cluster: int,
    heartbeat_port: int,
    peers: Sequence[PeerSettings],
    authority: bytes,
    credentials: Credentials,
    cluster_key: bytes,
    clock: Clock,
) -> None:
    """Make a node of a cluster that has let it in. Blocks.

    Raises:
        ArchiveError: a volume cannot be made.
        SettingsError: what the cluster says cannot be used here.
        OSError: something cannot be written.
    """
    text = wanted.text(cluster, peers)
    if heartbeat_port != PORT:
        text = f"heartbeat_port = {heartbeat_port}\n{text}"
    parse_settings(text, str(wanted.settings))
    _prepare_volumes(wanted, cluster, clock)
    home = Home(wanted.data)
    home.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(home.joined, b"")  # first of all: such a node never begins a store of its own
    write_secret(home.authority, authority)
    write_secret(home.cluster_key, cluster_key)
    write_secret(home.credentials, credentials.pem)
    _finish(wanted, text)


def settings_of(wanted: Wanted) -> NodeSettings:
    """What was made, as it is read."""
    return parse_settings(wanted.settings.read_text("utf-8"), str(wanted.settings))


def _costs(wanted: Wanted) -> list[str]:
    found = []
    if len(wanted.links) == 1:
        found.append(
            "There is one link. If that network fails, no node reaches another: give a second one,"
            " on other switches, by another --link."
        )
    if not wanted.volumes:
        found.append("Without --volume this node records nothing: it only helps to decide.")
    data_device = _device(wanted.data)
    for path in wanted.volumes:
        if _device(path) == data_device:
            found.append(
                f"{path} is on the same file system as {wanted.data}. The store would wait for the"
                " recordings, so this node does not hold the store together with others; and if"
                f" the disk is meant to be mounted at {path}, mount it first."
            )
        elif not path.is_mount():
            found.append(
                f"{path} is no mount point: where its disk is not mounted, it cannot be told."
            )
    return found


def _device(path: Path) -> int:
    existing = next(it for it in (path, *path.parents) if it.exists())
    return existing.stat().st_dev


def _prepare_volumes(wanted: Wanted, cluster: int, clock: Clock) -> None:
    for path in wanted.volumes:
        prepare_volume(path, cluster, wanted.node_id, clock)
        give_to_service(tree(path))


def _finish(wanted: Wanted, text: str) -> None:
    give_to_service(tree(wanted.data))
    wanted.settings.parent.mkdir(parents=True, exist_ok=True)
    write_secret(wanted.settings, text.encode())
    os.chmod(wanted.settings, _SETTINGS_MODE)  # noqa: PTH101
