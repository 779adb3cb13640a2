"""Messages of rtnetlink: built as the kernel wants them, read whatever comes."""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.resources.address import netlink
from tandem.resources.address.errors import FormatError
from tandem.resources.address.netlink import Held, IpAddress, Link

ips = st.ip_addresses()


def attribute(kind: int, value: bytes) -> bytes:
    padded = value + bytes(-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + padded


@given(st.integers(1, 2**31 - 1), ips, st.integers(1, 2**32 - 1))
def test_what_is_added_reads_back(index: int, ip: IpAddress, valid_s: int) -> None:
    (message,) = netlink.messages(netlink.add_address(7, index, ip, valid_s))
    assert (message.kind, message.sequence) == (netlink.RTM_NEWADDR, 7)
    assert netlink.address(message.payload) == Held(index, ip, ip.max_prefixlen, valid_s)


@given(st.integers(1, 2**31 - 1), ips)
def test_what_is_removed_is_named_with_its_own_prefix(index: int, ip: IpAddress) -> None:
    held = Held(index, ip, ip.max_prefixlen - 3, netlink.FOREVER_S)
    (message,) = netlink.messages(netlink.remove_address(8, held))
    assert message.kind == netlink.RTM_DELADDR
    assert netlink.address(message.payload) == held


def test_an_ipv6_address_needs_no_detection_and_brings_no_route_and_is_no_source() -> None:
    (message,) = netlink.messages(netlink.add_address(1, 2, IPv6Address("fd07::1"), 1))
    assert attribute(8, struct.pack("=I", 0x02 | 0x200)) in message.payload  # IFA_FLAGS
    assert attribute(6, struct.pack("=IIII", 0, 1, 0, 0)) in message.payload  # IFA_CACHEINFO


def test_an_ipv4_address_is_of_the_host_alone() -> None:
    (message,) = netlink.messages(netlink.add_address(1, 2, IPv4Address("10.7.0.1"), 1))
    assert message.payload[:4] == bytes([2, 32, 0, 254])


def test_an_interface_is_read() -> None:
    payload = struct.pack("=BxHiII", 0, 1, 5, 0x1 | 0x40, 0)
    payload += attribute(3, b"eth0\0") + attribute(1, bytes(range(6))) + attribute(99, b"?")
    assert netlink.link(payload) == Link(5, "eth0", 1, True, True, bytes(range(6)))


def test_the_near_end_of_a_point_to_point_address_counts() -> None:
    payload = struct.pack("=BBBBI", 2, 32, 0, 0, 5)
    payload += attribute(1, ip_address("10.0.0.2").packed)
    payload += attribute(2, ip_address("10.0.0.1").packed)
    found = netlink.address(payload)
    assert found == Held(5, IPv4Address("10.0.0.1"), 32, netlink.FOREVER_S)


def test_addresses_of_other_families_are_passed_over() -> None:
    assert netlink.address(struct.pack("=BBBBI", 28, 8, 0, 0, 5)) is None


def test_several_messages_in_one_datagram_are_all_read() -> None:
    two = netlink.list_links(1) + netlink.list_addresses(2)
    kinds = [message.kind for message in netlink.messages(two)]
    assert kinds == [netlink.RTM_GETLINK, netlink.RTM_GETADDR]


@pytest.mark.parametrize("number", [0, 1, 19, 99])
def test_an_errors_number_is_read(number: int) -> None:
    assert netlink.failure(struct.pack("=i", -number)) == number


@given(st.binary(max_size=200))
def test_no_bytes_whatever_do_more_than_raise_a_format_error(data: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [
        lambda raw: list(netlink.messages(raw)),
        netlink.link,
        netlink.address,
        netlink.failure,
    ]
    for read in readers:
        try:
            read(data)
        except FormatError:
            continue


@given(ips, st.data())
def test_a_changed_byte_does_no_more_than_raise_a_format_error(
    ip: IpAddress, data: st.DataObject
) -> None:
    datagram = bytearray(netlink.add_address(7, 3, ip, 1))
    datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    try:
        for message in netlink.messages(bytes(datagram)):
            netlink.address(message.payload)
    except FormatError:
        return
