"""The other nodes: those of the store, and until it was read those of the settings. Pure.

A node of the settings that the store does not have stays a peer: it may never have begun yet.
"""

from collections.abc import Collection, Mapping
from ipaddress import ip_address

from tandem.cluster.model import Node
from tandem.node.archivist.view import Address
from tandem.node.beats import Route
from tandem.node.settings import LinkSettings, NodeSettings, PeerSettings


def peers_of(
    settings: NodeSettings, nodes: Mapping[str, Node], removed: Collection[str] = ()
) -> tuple[PeerSettings, ...]:
    """The peers of a node, by name.

    Args:
        settings: of the node; its peers are known from the start.
        nodes: what the store has, or had when it was read last; its word on a node is the newer.
        removed: nodes that were taken out of the cluster; they are nobody's peers.
    """
    peers = {peer.node_id: peer for peer in settings.peers if peer.node_id not in removed}
    for node_id, node in nodes.items():
        addresses = _addresses(node, settings.links)
        if node_id != settings.node_id and addresses:
            peers[node_id] = PeerSettings(node_id, addresses)
    return tuple(peers[node_id] for node_id in sorted(peers))


def routes_to(settings: NodeSettings, peers: tuple[PeerSettings, ...]) -> tuple[Route, ...]:
    """The ways to peers, for the heartbeats.

    Args:
        settings: of this node.
        peers: as `peers_of` tells them.
    """
    return tuple(
        Route(
            peer.node_id,
            link.name,
            link.address,
            peer.addresses[link.name],
            settings.heartbeat_port,
            link.interface,
        )
        for peer in peers
        for link in settings.links
        if link.name in peer.addresses
    )


def addresses_of(peers: tuple[PeerSettings, ...], port: int) -> dict[str, list[Address]]:
    """Where something of each peer is asked, one address a link.

    Args:
        peers: as `peers_of` tells them.
        port: of what is asked.
    """
    return {
        peer.node_id: [Address(host, port) for host in peer.addresses.values()] for peer in peers
    }


def _addresses(node: Node, links: tuple[LinkSettings, ...]) -> dict[str, str]:
    """A node's addresses on the links that this one has as well."""
    theirs = {link.name: link.address for link in node.links}
    return {
        link.name: theirs[link.name]
        for link in links
        if _version(theirs.get(link.name, "")) == ip_address(link.address).version
    }


def _version(address: str) -> int | None:
    """IPv4 or IPv6; None: no address, whatever was written into the store there."""
    try:
        return ip_address(address).version
    except ValueError:
        return None
