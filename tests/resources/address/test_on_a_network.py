"""Addresses on real networks: hosts in namespaces on a bridge, and what other hosts see of them."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.resources.address.conftest import (
    CLOCK,
    LONG_S,
    CallFailedError,
    RemoteNode,
    started,
    started_briefly,
    wait_until,
)
from tests.resources.address.hosts import Lan, Namespace, replug

pytestmark = pytest.mark.lab

ADDRESSES = ["10.7.0.100", "fd07::100"]
NodeOn = Callable[..., RemoteNode]

# Waits for frames that announce an address, and says from which hardware address they came.
_LISTENER = """
import socket, sys
from ipaddress import ip_address
from tandem.resources.address.neighbours import claim, ethertype
ip = ip_address(sys.argv[1])
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
heard.bind(("eth0", ethertype(ip)))
print("listening", flush=True)
while True:
    said = claim(heard.recv(2048), ip, b"")
    if said and not said.is_probe:
        print(said.mac.hex(":"), flush=True)
"""

# Says once that an address is here, as a host does that nobody told of Tandem.
_RIVAL = """
import socket, sys
from ipaddress import ip_address
from tandem.resources.address.neighbours import announcements
ip, mac = ip_address(sys.argv[1]), bytes.fromhex(sys.argv[2].replace(":", ""))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
wire.bind(("eth0", 0))
for frame in announcements(mac, ip):
    wire.send(frame)
"""


def mac_of(number: int) -> str:
    return f"02:00:00:00:07:{number:02x}"


def run(host: Namespace, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        host.enter(*argv), capture_output=True, text=True, timeout=60, check=False
    )


def reaches(client: Namespace, ip: str) -> bool:
    program = f"import socket; socket.create_connection(({ip!r}, 80), 1)"
    done = run(client, "/usr/bin/python3", "-c", program)
    return "refused" in done.stderr  # somebody answered, and has no server there


def neighbour(client: Namespace, ip: str) -> str:
    """The hardware address that a client has in mind for an address."""
    words = run(client, "ip", "neighbour", "show", ip).stdout.split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else ""


def sources(host: Namespace, destinations: list[str]) -> set[str]:
    """Which addresses the host takes for what it sends there by itself."""
    shown = [run(host, "ip", "route", "get", *each.split()).stdout.split() for each in destinations]
    return {words[words.index("src") + 1] for words in shown}


class Listener:
    def __init__(self, host: Namespace, ip: str) -> None:
        self._process = host.python("-c", _LISTENER, ip)
        assert self.next() == "listening"

    def next(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def close(self) -> str:
        """End it; what it heard since."""
        self._process.kill()
        said, _ = self._process.communicate()
        return said


@pytest.fixture(params=ADDRESSES)
def ip(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def listen() -> Iterator[Callable[[Namespace, str], Listener]]:
    listeners: list[Listener] = []

    def make(host: Namespace, ip: str) -> Listener:
        listeners.append(Listener(host, ip))
        return listeners[-1]

    yield make
    for each in listeners:
        each.close()


def test_clients_follow_it_to_its_new_node(lan: Lan, node_on: NodeOn, ip: str) -> None:
    one, two, client = node_on(lan.host(), address=ip), node_on(lan.host(), address=ip), lan.host()
    for number, node in enumerate([one, two, one], start=1):
        started(node)
        wait_until(lambda: reaches(client, ip), "the client reaches it")
        assert neighbour(client, ip) == mac_of(2 if node is two else 1), number
        assert node.do("health") == [True, f"The address {ip} is on eth0."]
        assert node.do("probe")[:2] == ["ours", [1, 5]]
        node.do("stop")
        assert not node.has_it()
        assert node.do("probe")[0] == "absent"


def test_all_hosts_are_told_where_it_is_and_told_again(
    lan: Lan, node_on: NodeOn, ip: str, listen: Callable[[Namespace, str], Listener]
) -> None:
    node, listener = node_on(lan.host(), address=ip), listen(lan.host(), ip)
    started(node)
    for _ in range(12):
        assert listener.next() == mac_of(1)


def test_an_address_that_another_host_has_is_refused_and_the_host_named(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node, other = node_on(lan.host(), address=ip), lan.host()
    other.ip(f"address add {ip}/{'24' if '.' in ip else '64 nodad'} dev eth0")
    with pytest.raises(CallFailedError, match=f"StartError: .*already has it.*{mac_of(2)}"):
        node.do("start", 5, LONG_S)
    assert not node.has_it()
    assert node.do("probe")[0] == "absent"


def test_it_never_becomes_the_source_of_what_the_node_sends(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    host = lan.host()
    started(node_on(host, address=ip))
    if "." in ip:
        own, bits, gateway = "10.7.0.1", "24", "10.7.0.254"
        to = ["10.7.0.9", "192.0.2.1", "198.51.100.1", "224.0.0.251 oif eth0"]
        routes = ["route replace 198.51.100.0/24 dev eth0"]
    else:
        own, bits, gateway = "fd07::1", "64 nodad", "fd07::254"
        to = ["fd07::101", "2001:db8::1", "2001:db8:1::1"]
        routes = ["route replace 2001:db8:1::/64 dev eth0"]
    routes.append(f"route replace default via {gateway} dev eth0")
    host.ip(*routes)
    assert sources(host, to) == {own}
    # As a DHCP client does when it gets another lease: now the virtual address is the older one.
    host.ip(f"address del {own}/{bits} dev eth0".replace(" nodad", ""))
    host.ip(f"address add {own}/{bits} dev eth0", *routes)
    assert sources(host, to) == {own}


def test_clients_behind_a_router_reach_it(lan: Lan, node_on: NodeOn, ip: str) -> None:
    node, router, client = node_on(lan.host(), address=ip), lan.host(), lan.host()
    node.host.ip("route replace default via 10.7.0.2", "route add default via fd07::2")
    router.ip("address add 10.8.0.2/24 dev eth0", "address add fd08::2/64 dev eth0 nodad")
    forward = "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
    assert run(router, "sysctl", "-qw", *forward).returncode == 0
    client.ip(
        "address flush dev eth0",
        "address add 10.8.0.3/24 dev eth0",
        "address add fd08::3/64 dev eth0 nodad",
        "route add default via 10.8.0.2",
        "route add default via fd08::2",
    )
    started(node)
    wait_until(lambda: reaches(client, ip), "the client reaches it")


def test_when_its_holder_is_killed_the_kernel_takes_it_away(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = started(node_on(lan.host(), address=ip))
    os.kill(node.holder(), signal.SIGKILL)
    wait_until(lambda: not node.has_it(), "the address is gone")
    assert node.do("probe")[0] == "absent"


def test_what_a_killed_holder_left_is_a_remnant_and_can_be_stopped(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = started(node_on(lan.host(), address=ip))
    os.kill(node.holder(), signal.SIGKILL)
    assert node.do("probe")[0] in {"remnant", "absent"}
    node.do("stop")
    assert not node.has_it()


def test_a_loser_that_was_frozen_neither_brings_it_back_nor_speaks_of_it(
    lan: Lan, node_on: NodeOn, ip: str, listen: Callable[[Namespace, str], Listener]
) -> None:
    one, two = node_on(lan.host(), address=ip), node_on(lan.host(), address=ip)
    client = lan.host()
    until_us = started_briefly(one)
    frozen = one.holder()
    os.kill(frozen, signal.SIGSTOP)
    wait_until(lambda: not one.has_it(), "the kernel takes it away")
    listener = listen(client, ip)
    started(two)
    wait_until(lambda: CLOCK.boot_us() > until_us, "the loser's time is up")
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: not one.do("health")[0], "it has gone on")
    assert not one.has_it()
    for _ in range(3):
        assert listener.next() == mac_of(2)
    assert mac_of(1) not in listener.close()
    assert reaches(client, ip)


def test_when_its_time_is_up_no_extension_brings_it_back(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = started(node_on(lan.host(), address=ip))
    node.do("stop")
    node.do("extend", LONG_S)
    assert not node.has_it()
    started_briefly(node, revision=6)
    wait_until(lambda: node.do("probe")[0] == "absent", "it goes by itself")
    node.do("extend", LONG_S)
    assert node.do("probe")[0] == "absent"
    assert not node.has_it()


def test_extending_where_nothing_was_ever_started_does_nothing(lan: Lan, node_on: NodeOn) -> None:
    node = node_on(lan.host(), address="10.7.0.100")
    node.do("extend", LONG_S)
    assert node.do("health")[0] is False
    assert not node.has_it()


def test_a_frozen_holder_is_killed_and_its_address_proven_gone(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = started(node_on(lan.host(), address=ip))
    os.kill(node.holder(), signal.SIGSTOP)
    node.do("kill")
    assert not node.has_it()
    started(node, revision=6)


def test_a_holder_that_does_not_listen_is_killed_by_a_stop(lan: Lan, node_on: NodeOn) -> None:
    node = started(node_on(lan.host(), address="10.7.0.100"))
    os.kill(node.holder(), signal.SIGSTOP)
    node.do("stop", 0.5)
    assert not node.has_it()


def test_who_removes_it_by_hand_does_not_keep_it_away(lan: Lan, node_on: NodeOn, ip: str) -> None:
    node = started(node_on(lan.host(), address=ip))
    bits = 32 if "." in ip else 128
    for _ in range(3):
        node.host.ip(f"address del {ip}/{bits} dev eth0")
        wait_until(node.has_it, "it is back")


def test_an_interface_that_went_down_and_up_has_it_again(
    lan: Lan, node_on: NodeOn, ip: str, listen: Callable[[Namespace, str], Listener]
) -> None:
    node, listener = node_on(lan.host(), address=ip), listen(lan.host(), ip)
    started(node)
    node.host.ip("link set eth0 down")
    wait_until(lambda: "switched off" in node.do("health")[1], "it is told")
    node.host.ip("link set eth0 up")
    wait_until(lambda: node.do("health")[0] and node.has_it(), "it is back")
    assert listener.next() == mac_of(1)


def test_an_interface_that_vanished_and_came_back_has_it_again(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = started(node_on(lan.host(), address=ip))
    node.host.ip("link del eth0")
    wait_until(lambda: "is gone" in node.do("health")[1], "it is told")
    replug(lan, 1)
    wait_until(lambda: node.do("health")[0] and node.has_it(), "it is back")


def test_a_cable_that_is_pulled_is_told(lan: Lan, node_on: NodeOn) -> None:
    node = started(node_on(lan.host(), address="10.7.0.100"))
    lan.unplug(1)
    wait_until(lambda: "no carrier" in node.do("health")[1], "it is told")


def test_a_host_that_claims_it_is_named_and_clients_come_back(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node, rival, client = node_on(lan.host(), address=ip), lan.host(), lan.host()
    started(node)
    wait_until(lambda: reaches(client, ip), "the client reaches it")
    done = rival.python("-c", _RIVAL, ip, mac_of(2))
    done.communicate(timeout=60)
    wait_until(lambda: mac_of(2) in node.do("health")[1], "the rival is named")
    wait_until(lambda: neighbour(client, ip) == mac_of(1), "the client comes back")
    assert node.has_it()


def test_an_address_that_the_node_has_for_good_is_not_ours_and_stop_removes_it(
    lan: Lan, node_on: NodeOn, ip: str
) -> None:
    node = node_on(lan.host(), address=ip)
    node.host.ip(f"address add {ip}/{'24' if '.' in ip else '64 nodad'} dev eth0")
    presence, token, said = node.do("probe")
    assert (presence, token) == ("foreign", None)
    assert ip in said
    with pytest.raises(CallFailedError, match="already has it, on eth0, and not from Tandem"):
        node.do("start", 5, LONG_S)
    node.do("stop")
    assert not node.has_it()
    started(node)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"address": "192.0.2.1"}, "in no subnet of this node"),
        ({"address": "10.7.0.100", "interface": "eth9"}, "no interface eth9"),
        ({"address": "10.7.0.100", "interface": "lo"}, "lo is no Ethernet"),
        ({"address": "10.7.0.255"}, "special address"),
    ],
)
def test_where_it_does_not_belong_it_is_not_taken(
    lan: Lan, node_on: NodeOn, options: dict[str, object], said: str
) -> None:
    with pytest.raises(CallFailedError) as refused:
        node_on(lan.host(), **options).do("start", 5, LONG_S)
    assert said in str(refused.value)
