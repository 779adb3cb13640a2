"""What the archivist of this node is told. Pure."""

from collections.abc import Mapping
from typing import Final

from tandem.archive.deletion import Retention
from tandem.cluster.model import Placement
from tandem.node.archivist.orders import ArchivistOrders, HealOrder
from tandem.node.archivist.view import ARCHIVIST_PORT, Address
from tandem.node.home import Home
from tandem.node.joining.peers import addresses_of
from tandem.node.settings import NodeSettings, PeerSettings
from tandem.recording.orders import VolumeOrder

HEALING_SHARE: Final = 4
"""Healing takes a quarter of what disk and network can do, and leaves the rest to recording."""


def archivist_orders(
    settings: NodeSettings,
    peers: tuple[PeerSettings, ...],
    volumes: tuple[VolumeOrder, ...],
    placements: Mapping[str, Placement],
    retention: Mapping[str, Retention],
    heal: Mapping[str, HealOrder],
    *,
    trusts_clock: bool,
) -> ArchivistOrders:
    """Put an archivist's orders together.

    Args:
        settings: of the node.
        peers: the other nodes.
        volumes: that it has.
        placements: as committed, by camera.
        retention: by camera.
        heal: what is to be made whole, by camera.
        trusts_clock: whether anything may be taken for old.
    """
    home, capacity = Home(settings.data), settings.capacity
    slower_bytes_s = min(capacity.disk_mb_s * 1_000_000, capacity.network_mbps * 125_000)
    return ArchivistOrders(
        node_id=settings.node_id,
        cluster_number=settings.cluster,
        volumes=volumes,
        links=tuple(Address(link.address, ARCHIVIST_PORT) for link in settings.links),
        authority=home.authority,
        credentials=home.credentials,
        healing_bytes_s=slower_bytes_s // HEALING_SHARE,
        placements=placements,
        retention=retention,
        trusts_clock=trusts_clock,
        addresses=addresses_of(peers, ARCHIVIST_PORT),
        heal=heal,
    )
