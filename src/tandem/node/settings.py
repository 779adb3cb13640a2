"""What a node is told by its administrator: `/etc/tandem/node.toml`.

Only what the node needs before it reaches the store; all else is agreed on there. What is wrong is
refused as a whole: a node that guesses what was meant is found out when it matters.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from tandem.archive.space import Limits
from tandem.node.beats import PORT
from tandem.node.store.endpoint import Endpoint
from tandem.node.toml_table import SettingsError, Table

PATH: Final = Path("/etc/tandem/node.toml")
DATA: Final = Path("/var/lib/tandem")

LEAST_CAP_BYTES: Final = 1 << 30
"""A sweep keeps 512 MiB free: of a volume that may hold less, all would be deleted at once."""

OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "": (
        "node",
        "cluster",
        "zone",
        "data",
        "heartbeat_port",
        "capacity",
        "links",
        "peers",
        "volumes",
        "store",
    ),
    "capacity": ("network_mbps", "disk_mb_s", "streams"),
    "links": ("name", "address", "interface"),
    "peers": ("node", "links"),
    "volumes": ("path", "id", "max", "floor"),
    "store": ("embedded", "endpoints"),
    "store.endpoints": ("node", "url"),
}
"""Each table's options, those that are tables themselves among them. `peers.links` has the names of
links as its keys."""


@dataclass(frozen=True, slots=True)
class CapacitySettings:
    """How much a node may be given to record.

    Attributes:
        network_mbps: what it can receive from cameras, Mbit/s.
        disk_mb_s: what its volumes can write together while they are also read, 10^6 bytes/s.
        streams: how many cameras.
    """

    network_mbps: int = 900
    disk_mb_s: int = 100
    streams: int = 500


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """This node on one of the networks between nodes.

    Attributes:
        name: of the network, the same on all nodes.
        address: IP address of this node there.
        interface: that traffic has to pass; empty: as the routing table says.
    """

    name: str
    address: str
    interface: str = ""


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Another node, known from the start.

    Attributes:
        node_id: its id.
        addresses: its IP address on each link.
    """

    node_id: str
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """A volume that this node records to.

    Attributes:
        path: its mount point.
        volume_id: what has to be mounted there; None: any volume of this cluster.
        limits: size cap and free-space floor.
    """

    path: Path
    volume_id: UUID | None
    limits: Limits


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """All that a node is told.

    Attributes:
        node_id: this node.
        cluster: the cluster's number.
        data: directory of what the node has to remember.
        heartbeat_port: UDP port of the heartbeats, the same on all nodes.
        links: at least one.
        peers: known from the start; more may be found in the store.
        volumes: none for a witness.
        endpoints: of an etcd that somebody else runs; none: Tandem runs its own.
        capacity: how much it may be given to record.
        zone: what fails together with it: a rack, a power feed. Empty: nothing else does.
    """

    node_id: str
    cluster: int
    data: Path
    heartbeat_port: int
    links: tuple[LinkSettings, ...]
    peers: tuple[PeerSettings, ...]
    volumes: tuple[VolumeSettings, ...]
    endpoints: tuple[Endpoint, ...]
    capacity: CapacitySettings = CapacitySettings()
    zone: str = ""

    @property
    def store_is_embedded(self) -> bool:
        """Whether Tandem runs the store's member on this node itself."""
        return not self.endpoints


def option_names() -> Iterator[str]:
    """Every option that has a value, such as "volumes.max"."""
    for table, keys in OPTIONS.items():
        for key in keys:
            name = f"{table}.{key}" if table else key
            if name not in OPTIONS:
                yield name


def default_directory() -> Path:
    """Where `tandem up` keeps a node that this user has not put elsewhere."""
    if os.geteuid() == 0:
        return DATA
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "tandem"


def default_path() -> Path:
    """The settings of this machine's node: an installed one's, else those of `tandem up`."""
    own = default_directory() / PATH.name
    return own if os.access(own, os.F_OK) and not os.access(PATH, os.F_OK) else PATH


def read_settings(path: Path = PATH) -> NodeSettings:
    """Read a node's settings. Blocks.

    Raises:
        SettingsError: the file cannot be read, or not be used.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path}: {error.strerror}. This machine is no node of a cluster yet: `tandem up` makes"
            " it one that records alone. If the file is elsewhere, name it with --settings."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path}: {error.strerror}. See `ls -l {path}`; Tandem runs by this file."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8, from byte {error.start} on.") from error
    return parse_settings(text, str(path))


def parse_settings(text: str, name: str = str(PATH)) -> NodeSettings:
    """Read a node's settings from their text.

    Args:
        text: TOML.
        name: what messages call it.

    Raises:
        SettingsError: it cannot be used.
    """
    try:
        top = Table(tomllib.loads(text), OPTIONS[""], name)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not TOML: {error}. See https://toml.io.") from error
    node_id = top.identity("node", "n1")
    links = _links(top)
    data = top.path("data", str(DATA)) if top.has("data") else DATA
    return NodeSettings(
        node_id=node_id,
        cluster=top.whole("cluster", 1, (1 << 32) - 1),
        data=data,
        heartbeat_port=top.whole("heartbeat_port", 1, 65535) if top.has("heartbeat_port") else PORT,
        links=links,
        peers=_peers(top, node_id, links),
        volumes=_volumes(top, data),
        endpoints=_endpoints(top),
        capacity=_capacity(top),
        zone=top.text("zone", "rack-1") if top.has("zone") else "",
    )


def _capacity(top: Table) -> CapacitySettings:
    table, usual = top.table("capacity", OPTIONS["capacity"]), CapacitySettings()

    def found(key: str, otherwise: int) -> int:
        return table.whole(key, 1, 10_000_000) if table.has(key) else otherwise

    return CapacitySettings(
        found("network_mbps", usual.network_mbps),
        found("disk_mb_s", usual.disk_mb_s),
        found("streams", usual.streams),
    )


def _links(top: Table) -> tuple[LinkSettings, ...]:
    tables = top.tables("links", OPTIONS["links"])
    if not tables:
        raise top.error("links", "there is none. Name the networks between nodes: [[links]]")
    links = tuple(
        LinkSettings(
            table.identity("name", "a"),
            table.address("address"),
            table.identity("interface", "eth1") if table.has("interface") else "",
        )
        for table in tables
    )
    _once(tables, "name", [link.name for link in links])
    _once(tables, "address", [link.address for link in links])
    return links


def _peers(top: Table, node_id: str, links: tuple[LinkSettings, ...]) -> tuple[PeerSettings, ...]:
    tables = top.tables("peers", OPTIONS["peers"])
    peers = tuple(_peer(table, node_id, links) for table in tables)
    _once(tables, "node", [peer.node_id for peer in peers])
    taken = {link.address: node_id for link in links}
    for table, peer in zip(tables, peers, strict=True):
        for address in peer.addresses.values():
            if (other := taken.setdefault(address, peer.node_id)) != peer.node_id:
                raise table.error("links", f"{address} is node {other}'s already.")
    return peers


def _peer(table: Table, node_id: str, links: tuple[LinkSettings, ...]) -> PeerSettings:
    peer = table.identity("node", "n2")
    if peer == node_id:
        raise table.error("node", f"{peer} is this node itself. Name the others here.")
    addresses_by_link = table.table("links", [link.name for link in links])
    addresses = {
        link.name: addresses_by_link.address(link.name)
        for link in links
        if addresses_by_link.has(link.name)
    }
    if not addresses:
        raise table.error(
            "links", f'it has no address. Write, say, links = {{ {links[0].name} = "10.0.1.2" }}'
        )
    for link in links:
        theirs = addresses.get(link.name, link.address)
        if ip_address(theirs).version != ip_address(link.address).version:
            raise addresses_by_link.error(
                link.name, f"{theirs} and {link.address} are not both IPv4, or both IPv6."
            )
    return PeerSettings(peer, addresses)


def _volumes(top: Table, data: Path) -> tuple[VolumeSettings, ...]:
    tables = top.tables("volumes", OPTIONS["volumes"])
    volumes = tuple(_volume(table) for table in tables)
    _once(tables, "path", [str(volume.path) for volume in volumes])
    _once(tables, "id", [str(volume.volume_id or volume.path) for volume in volumes])
    for table, volume in zip(tables, volumes, strict=True):
        outer = next((it.path for it in volumes if it.path in volume.path.parents), None)
        if outer:
            raise table.error("path", f"{volume.path} lies inside the volume {outer}.")
        if data.is_relative_to(volume.path):
            raise table.error(
                "path", f"the node's data ({data}) would lie on it. Put them on another disk."
            )
    return volumes


def _volume(table: Table) -> VolumeSettings:
    max_bytes = table.size_bytes("max") if table.has("max") else None
    if max_bytes is not None and max_bytes < LEAST_CAP_BYTES:
        raise table.error("max", "less than 1 GiB holds no recording. Give it more, or no cap.")
    floor_bytes = table.size_bytes("floor") if table.has("floor") else Limits().min_free_bytes
    if not floor_bytes:
        raise table.error("floor", "without any free space nothing can be deleted; leave 1 GiB.")
    return VolumeSettings(
        table.path("path", "/srv/video1"), _id(table), Limits(max_bytes, floor_bytes)
    )


def _id(table: Table) -> UUID | None:
    if not table.has("id"):
        return None
    text = table.text("id", str(UUID(int=0)))
    try:
        return UUID(text)
    except ValueError:
        raise table.error(
            "id", f"{text!r} is no volume's id. It is in the volume's identity file."
        ) from None


def _endpoints(top: Table) -> tuple[Endpoint, ...]:
    store = top.table("store", OPTIONS["store"])
    tables = store.tables("endpoints", OPTIONS["store.endpoints"], "store.endpoints")
    is_embedded = store.flag("embedded") if store.has("embedded") else not tables
    if is_embedded and tables:
        raise store.error(
            "embedded", "either Tandem runs the store, or it has endpoints elsewhere."
        )
    if not is_embedded and not tables:
        raise store.error("endpoints", "there is none. Name them: [[store.endpoints]]")
    endpoints = tuple(Endpoint(_url(table), table.identity("node", "n1")) for table in tables)
    _once(tables, "url", [endpoint.url for endpoint in endpoints])
    if len({endpoint.url.split(":")[0] for endpoint in endpoints}) > 1:
        raise store.error("endpoints", "some are https://, some http://; use one for all.")
    return endpoints


def _url(table: Table) -> str:
    text = table.text("url", "https://10.0.1.1:2379")
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port
    except ValueError:
        is_whole = False
    if not is_whole or "@" in text or text != f"{parts.scheme}://{parts.netloc}":
        raise table.error(
            "url", 'it is no endpoint. Write scheme, host and port: "https://10.0.1.1:2379".'
        )
    return text


def _once(tables: Iterable[Table], key: str, values: Iterable[str]) -> None:
    seen = set()
    for table, value in zip(tables, values, strict=True):
        if value in seen:
            raise table.error(key, f"{value} is there twice. Each has to have its own.")
        seen.add(value)
