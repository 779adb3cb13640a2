"""Where an address belongs."""

from ipaddress import ip_address

import pytest

from tandem.resources.address.errors import InterfaceError
from tandem.resources.address.interface import choose
from tandem.resources.address.netlink import FOREVER_S, Held, Link

MAC = bytes(6)
ETH0 = Link(2, "eth0", 1, True, True, MAC)
ETH1 = Link(3, "eth1", 1, True, True, MAC)
DOWN = Link(4, "eth2", 1, False, False, MAC)
UNPLUGGED = Link(5, "eth3", 1, True, False, MAC)
TUNNEL = Link(6, "wg0", 65534, True, True, b"")
LINKS = [ETH0, ETH1, DOWN, UNPLUGGED, TUNNEL]


def held(index: int, ip: str, prefix_bits: int) -> Held:
    return Held(index, ip_address(ip), prefix_bits, FOREVER_S)


ADDRESSES = [
    held(2, "10.7.0.1", 24),
    held(2, "fd07::1", 64),
    held(3, "10.8.0.1", 24),
    held(3, "10.7.0.77", 32),
    held(4, "10.9.0.1", 24),
    held(5, "10.10.0.1", 24),
    held(6, "10.11.0.1", 24),
]


def chosen(ip: str, named: str | None = None) -> str:
    return choose(ip_address(ip), named, LINKS, ADDRESSES).name


@pytest.mark.parametrize(
    ("ip", "name"), [("10.7.0.100", "eth0"), ("fd07::100", "eth0"), ("10.8.0.9", "eth1")]
)
def test_an_address_belongs_where_its_subnet_is(ip: str, name: str) -> None:
    assert chosen(ip) == name


def test_a_named_interface_is_taken_whatever_its_subnets() -> None:
    assert chosen("203.0.113.5", "eth1") == "eth1"


def test_another_virtual_address_makes_no_subnet() -> None:
    assert chosen("10.7.0.77") == "eth0"


def test_a_subnet_on_two_interfaces_needs_a_name() -> None:
    both = [*ADDRESSES, held(3, "10.7.0.2", 24)]
    with pytest.raises(InterfaceError, match=r"several interfaces: eth0, eth1\. Name the one"):
        choose(ip_address("10.7.0.100"), None, LINKS, both)
    assert choose(ip_address("10.7.0.100"), "eth1", LINKS, both).name == "eth1"


def test_an_address_of_no_subnet_is_refused_with_the_subnets_that_there_are() -> None:
    with pytest.raises(InterfaceError, match=r"in no subnet of this node \(10\.10\.0\.0/24, "):
        chosen("192.0.2.1")


def test_an_unknown_interface_is_refused_with_the_ones_that_there_are() -> None:
    with pytest.raises(InterfaceError, match=r"no interface eth9\. It has: eth0, eth1, eth2"):
        chosen("10.7.0.100", "eth9")


@pytest.mark.parametrize(
    ("ip", "said"),
    [
        ("10.9.0.5", "ip link set eth2 up"),
        ("10.10.0.5", "eth3, where the address 10.10.0.5 belongs, has no carrier"),
        ("10.11.0.5", "wg0 is no Ethernet"),
        ("10.7.0.255", "special address of the subnet 10.7.0.0/24"),
        ("10.7.0.0", "special address of the subnet 10.7.0.0/24"),
        ("fd07::", "special address of the subnet fd07::/64"),
    ],
)
def test_where_it_cannot_work_it_is_refused(ip: str, said: str) -> None:
    with pytest.raises(InterfaceError) as refused:
        chosen(ip)
    assert said in str(refused.value)


def test_both_addresses_of_a_point_to_point_subnet_can_be_used() -> None:
    addresses = [held(2, "10.7.0.0", 31)]
    assert choose(ip_address("10.7.0.1"), None, LINKS, addresses) == ETH0
