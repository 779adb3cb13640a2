"""Making a node out of nothing: its settings, keys, certificates and volumes. Blocking.

What is there already is left alone, so all of it may be repeated after a crash. Paths are those
that this process sees; they differ from those in the settings where a node is made from outside.
"""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import tandem
from tandem.archive.identity import VolumeIdentity
from tandem.archive.volume import Volume
from tandem.clock import Clock
from tandem.node.authority import (
    Authority,
    Credentials,
    create_authority,
    create_key,
    needs_renewal,
    public_key,
)
from tandem.node.home import Home
from tandem.node.secret_file import write_secret
from tandem.node.settings import LinkSettings, NodeSettings, PeerSettings, VolumeSettings

KEY_BYTES: Final = 32
ETCD_VARIABLE: Final = "TANDEM_ETCD"
"""Says to the agent where etcd is."""

_MIB: Final = 1 << 20


class ProvisionError(Exception):
    """A node cannot be made here; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """What makes a server a member of one cluster, and of no other.

    Attributes:
        authority: signs the certificates of all nodes.
        key: shared by all nodes: of heartbeats, and of cameras' logins.
    """

    authority: Credentials
    key: bytes = field(repr=False)


def create_cluster(number: int, clock: Clock) -> ClusterSecrets:
    """Make the secrets of a new cluster.

    Args:
        number: of the cluster.
        clock: says from when its authority is valid.

    Raises:
        AuthorityError: the clock is wrong by years.
    """
    return ClusterSecrets(create_authority(str(number), clock), secrets.token_bytes(KEY_BYTES))


def keep_cluster(data: Path, number: int, clock: Clock) -> ClusterSecrets:
    """The secrets of the cluster whose authority this node is, made where there are none yet.

    Args:
        data: of the node; made if it is missing. The authority's key stays in it.
        number: of the cluster.
        clock: says from when a new authority is valid.

    Raises:
        ProvisionError: the node belongs to a cluster of which another node is the authority.
        AuthorityError: the clock is wrong by years.
        OSError: they cannot be read or written.
    """
    home = Home(data)
    secrets_of = (home.authority_key, home.authority, home.cluster_key)
    missing = [path for path in secrets_of if not path.exists()]
    if missing and not (home.credentials.exists() or home.etcd_has_begun.exists()):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = create_cluster(number, clock)
        # Nothing was signed or sealed yet: what a crash left of an earlier attempt can go.
        write_secret(home.authority_key, made.authority.key)
        write_secret(home.authority, made.authority.certificate)
        write_secret(home.cluster_key, made.key)
        return made
    if missing:
        raise ProvisionError(
            f"{missing[0]} is missing, and this node has run before. If another node is the"
            f" authority of its cluster, start it with `python -m tandem.node.agent`; else restore"
            f" that file from a backup: without it the cluster's cameras have to be entered anew."
        )
    authority = Credentials(home.authority_key.read_bytes(), home.authority.read_bytes())
    return ClusterSecrets(authority, home.cluster_key.read_bytes())


def provision_node(
    settings: NodeSettings, cluster: ClusterSecrets, clock: Clock, data: Path | None = None
) -> None:
    """Give a node what it needs to be one of its cluster.

    Its certificate is renewed if it ends soon, or if the node's addresses have changed.

    Args:
        settings: of the node.
        cluster: of which it is to be.
        clock: says from when its certificate is valid.
        data: where this process sees `settings.data`; right there unless given. Made if missing.

    Raises:
        ProvisionError: it is a node of another cluster.
        AuthorityError: its id cannot be in a certificate, or a file of it is damaged.
        OSError: the files cannot be read or written.
    """
    home = Home(settings.data if data is None else data)
    home.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    shared = {
        home.authority: cluster.authority.certificate,
        home.cluster_key: cluster.key,
    }
    for path, content in shared.items():
        if not path.exists():
            write_secret(path, content)
        elif path.read_bytes() != content:
            raise ProvisionError(
                f"{path} is of another cluster; it was left. Choose another directory for the "
                f"node's data, or remove {home.data} if that cluster is gone."
            )
    addresses = tuple(link.address for link in settings.links)
    if home.credentials.exists() and not needs_renewal(
        home.credentials.read_bytes(), addresses, clock
    ):
        return
    authority = Authority(cluster.authority)
    key = create_key()
    certificate = authority.issue(settings.node_id, addresses, public_key(key), clock)
    write_secret(home.credentials, Credentials(key, certificate).pem)


def prepare_volume(path: Path, cluster: int, node_id: str, clock: Clock) -> UUID:
    """Make an empty directory a volume of recordings; done already if it is one.

    Args:
        path: where this process sees it; made if it is missing.
        cluster: number of the cluster that records there.
        node_id: of the node.
        clock: says when it was made.

    Returns:
        The volume's id.

    Raises:
        ArchiveError: there is something else, or it cannot be written.
        OSError: the directory cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True)
    identity = VolumeIdentity(uuid4(), cluster, node_id, clock.utc_us())
    return Volume.create(path, identity).volume_id


def find_etcd() -> Path:
    """The etcd of this machine: as told, of this checkout or package, or in the PATH.

    Raises:
        ProvisionError: there is none.
    """
    if told := os.environ.get(ETCD_VARIABLE):
        if os.access(told, os.X_OK):
            return Path(told)
        raise ProvisionError(f"{ETCD_VARIABLE} is {told}, and that is no program. Correct it.")
    fetched = Path(tandem.__path__[0]).parents[1] / ".tools" / "bin" / "etcd"
    if fetched.exists():
        return fetched
    beside = str(Path(sys.executable).parent)
    if found := shutil.which("etcd", path=beside) or shutil.which("etcd"):
        return Path(found)
    raise ProvisionError(
        f"There is no etcd. In a checkout, run scripts/fetch-etcd; elsewhere install etcd-server "
        f"3.4 or later, or say where it is by {ETCD_VARIABLE}."
    )


def settings_text(
    node_id: str,
    cluster: int,
    data: Path,
    links: Iterable[LinkSettings],
    peers: Iterable[PeerSettings],
    volumes: Iterable[VolumeSettings],
) -> str:
    """Write the settings of a node that runs the store itself, as TOML.

    Args:
        node_id: of the node.
        cluster: its cluster's number.
        data: directory of what it has to remember.
        links: its networks.
        peers: the other nodes.
        volumes: where it records.
    """
    blocks = [[f'node = "{node_id}"', f"cluster = {cluster}", f"data = {_quoted(data)}"]]
    for link in links:
        block = ["[[links]]", f'name = "{link.name}"', f'address = "{link.address}"']
        blocks.append([*block, *([f'interface = "{link.interface}"'] if link.interface else [])])
    for peer in peers:
        addresses = ", ".join(f'{name} = "{each}"' for name, each in peer.addresses.items())
        blocks.append(["[[peers]]", f'node = "{peer.node_id}"', f"links = {{ {addresses} }}"])
    blocks += [_volume_lines(volume) for volume in volumes]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _volume_lines(volume: VolumeSettings) -> list[str]:
    lines = ["[[volumes]]", f"path = {_quoted(volume.path)}"]
    if volume.volume_id:
        lines.append(f'id = "{volume.volume_id}"')
    if volume.limits.max_bytes is not None:
        lines.append(f'max = "{volume.limits.max_bytes // _MIB} MiB"')
    lines.append(f'floor = "{volume.limits.min_free_bytes // _MIB} MiB"')
    return lines


def _quoted(path: Path) -> str:
    """A TOML basic string; its escapes are those of JSON."""
    return json.dumps(str(path), ensure_ascii=False)
