"""The other nodes of a node: by the store, and by its settings until that was read."""

from pathlib import Path

from tandem.cluster.model import Link, Node
from tandem.node.archivist.view import Address
from tandem.node.beats import Route
from tandem.node.joining.peers import addresses_of, peers_of, routes_to
from tandem.node.settings import LinkSettings, NodeSettings, PeerSettings

LINKS = (LinkSettings("a", "10.0.1.1", "eth1"), LinkSettings("b", "10.0.2.1"))


def settings(*peers: PeerSettings) -> NodeSettings:
    return NodeSettings("n1", 7, Path("/x"), 4000, LINKS, peers, (), ())


def node(name: str, **links: str) -> Node:
    addresses = tuple(Link(link, address) for link, address in links.items())
    return Node(name, addresses, 900, 100, 100)


def test_before_the_store_was_read_the_settings_name_the_peers() -> None:
    one = PeerSettings("n2", {"a": "10.0.1.2"})
    assert peers_of(settings(one), {}) == (one,)


def test_the_store_has_the_newer_word_on_a_peer_of_the_settings() -> None:
    told = settings(PeerSettings("n2", {"a": "10.0.1.2"}))
    found = peers_of(told, {"n2": node("n2", a="10.0.1.9", b="10.0.2.9")})
    assert found == (PeerSettings("n2", {"a": "10.0.1.9", "b": "10.0.2.9"}),)


def test_a_node_that_only_the_store_names_is_a_peer_and_this_node_is_none() -> None:
    nodes = {"n3": node("n3", a="10.0.1.3"), "n1": node("n1", a="10.0.1.1")}
    assert peers_of(settings(), nodes) == (PeerSettings("n3", {"a": "10.0.1.3"}),)


def test_what_is_no_address_on_a_link_of_this_node_is_left_out() -> None:
    odd = node("n3", a="n3.example.org", b="fd00::3", c="10.0.3.3")
    assert peers_of(settings(), {"n3": odd}) == ()


def test_each_peer_has_a_route_on_each_link_that_both_have() -> None:
    peers = peers_of(settings(), {"n3": node("n3", a="10.0.1.3", b="10.0.2.3")})
    assert routes_to(settings(), peers) == (
        Route("n3", "a", "10.0.1.1", "10.0.1.3", 4000, "eth1"),
        Route("n3", "b", "10.0.2.1", "10.0.2.3", 4000, ""),
    )
    assert addresses_of(peers, 5) == {"n3": [Address("10.0.1.3", 5), Address("10.0.2.3", 5)]}
