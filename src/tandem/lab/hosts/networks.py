"""The networks of a lab, and who has which address there.

Everything is a function of the host's name and number, and the same in every lab: labs cannot
clash, since each has a switch in a network namespace of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from tandem.lab.hosts.errors import LabError

MOST_NODES = 200
MOST_CAMERAS = 10_000

CAMERA_HOST = "cameras"
USER_HOST = "user"
_USER_NUMBER = 250
_CAMERA_HOST_NUMBER = 251
_BEFORE_FIRST_CAMERA = IPv4Address("10.78.1.0")


@dataclass(frozen=True, slots=True)
class Network:
    """One network: a bridge in the lab's switch.

    Attributes:
        key: how commands call it: "a", "b", "cameras", "users".
        name: of the bridge, and of the interface in each host.
        subnet: its addresses.
        index: its place in MAC addresses.
    """

    key: str
    name: str
    subnet: IPv4Network
    index: int


LINK_A = Network("a", "link-a", IPv4Network("10.77.1.0/24"), 1)
LINK_B = Network("b", "link-b", IPv4Network("10.77.2.0/24"), 2)
CAMERAS = Network("cameras", "cameras", IPv4Network("10.78.0.0/16"), 3)
USERS = Network("users", "users", IPv4Network("10.77.4.0/24"), 4)
NETWORKS = (LINK_A, LINK_B, CAMERAS, USERS)


@dataclass(frozen=True, slots=True)
class Cable:
    """A virtual cable from a host to a network's bridge.

    Attributes:
        host: at its one end.
        network: at its other end.
        port: the name of its end at the switch.
        mac: of its end at the host. It stays when the host is started again, as a real card's
            does: a new one would leave peers talking to the old one until their ARP entries age.
        addresses: of the host there.
    """

    host: str
    network: Network
    port: str
    mac: str
    addresses: tuple[IPv4Interface, ...]


def network(key: str) -> Network:
    """The network that commands call so.

    Raises:
        LabError: there is none.
    """
    for candidate in NETWORKS:
        if key in {candidate.key, candidate.name}:
            return candidate
    known = ", ".join(each.key for each in NETWORKS)
    raise LabError(f'A lab has no network "{key}". It has: {known}.')


def node_name(number: int) -> str:
    """What the node of this number is called; numbers begin at 1."""
    return f"node{number}"


def camera_address(number: int) -> IPv4Address:
    """Where camera `number` is on the cameras network; numbers begin at 1."""
    return _BEFORE_FIRST_CAMERA + number


def cables(host: str, cameras: int) -> tuple[Cable, ...]:
    """What a host is connected by.

    Args:
        host: "node1" and on, "cameras" or "user".
        cameras: how many addresses the camera server has.

    Raises:
        LabError: a lab has no such host.
    """
    if host == CAMERA_HOST:
        here = [IPv4Interface((camera_address(number + 1), 16)) for number in range(cameras)]
        return (_cable(host, CAMERAS, _CAMERA_HOST_NUMBER, here),)
    if host == USER_HOST:
        return (_cable(host, USERS, _USER_NUMBER, [_interface(USERS, _USER_NUMBER)]),)
    digits = host.removeprefix("node")
    if not digits.isdecimal() or not 1 <= int(digits) <= MOST_NODES:
        raise LabError(f'A lab has no host "{host}".')
    number = int(digits)
    return tuple(_cable(host, each, number, [_interface(each, number)]) for each in NETWORKS)


def host_names(nodes: int) -> Iterator[str]:
    """The hosts of a lab: its nodes, the camera server, the user's."""
    yield from (node_name(number) for number in range(1, nodes + 1))
    yield from (CAMERA_HOST, USER_HOST)


def _interface(network: Network, number: int) -> IPv4Interface:
    return IPv4Interface((network.subnet.network_address + number, network.subnet.prefixlen))


def _cable(host: str, network: Network, number: int, addresses: list[IPv4Interface]) -> Cable:
    mac = f"02:7a:00:00:{network.index:02x}:{number:02x}"
    return Cable(host, network, f"{network.key[0]}-{host}", mac, tuple(addresses))
