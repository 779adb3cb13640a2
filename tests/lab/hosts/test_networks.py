"""Who has which address, without any network being made."""

import pytest

from tandem.lab.hosts import Direction, LabError
from tandem.lab.hosts.networks import MOST_CAMERAS, NETWORKS, cables, camera_address, host_names
from tandem.lab.hosts.switch import ruleset

_LONGEST_INTERFACE_NAME = 15  # IFNAMSIZ, without the NUL


def test_no_two_hosts_share_an_address_a_mac_or_a_port() -> None:
    every = [cable for host in host_names(200) for cable in cables(host, 300)]
    addresses = [address.ip for cable in every for address in cable.addresses]
    for names in (addresses, [cable.mac for cable in every], [cable.port for cable in every]):
        assert len(set(names)) == len(names)
    assert max(len(cable.port) for cable in every) <= _LONGEST_INTERFACE_NAME


def test_every_address_is_in_its_network() -> None:
    for host in host_names(200):
        for cable in cables(host, MOST_CAMERAS):
            for address in cable.addresses:
                assert address.network == cable.network.subnet
                assert address.ip not in {
                    cable.network.subnet.network_address,
                    cable.network.subnet.broadcast_address,
                }


def test_networks_do_not_overlap() -> None:
    for one in NETWORKS:
        assert not any(one.subnet.overlaps(other.subnet) for other in NETWORKS if other != one)


def test_a_camera_is_where_it_always_was() -> None:
    assert [str(camera_address(number)) for number in (1, 255, 300)] == [
        "10.78.1.1",
        "10.78.1.255",
        "10.78.2.44",
    ]


@pytest.mark.parametrize("name", ["node0", "node201", "node", "node-1", "node1x", "other"])
def test_a_host_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="no host"):
        cables(name, 1)


def test_the_filter_drops_what_is_cut_and_in_its_direction() -> None:
    rules = ruleset({"a-node1": [Direction.OUT], "b-node2": [Direction.IN, Direction.OUT]})
    assert 'iifname { "a-node1", "b-node2" } drop' in rules
    assert 'oifname { "b-node2" } drop' in rules


def test_a_filter_without_cuts_drops_nothing() -> None:
    assert "drop" not in ruleset({})
