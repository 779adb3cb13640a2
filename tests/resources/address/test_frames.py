"""ARP and neighbour discovery: what is sent, what is understood, what the filter lets through."""

import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.resources.address import arp, ndp
from tandem.resources.address.neighbours import (
    Claim,
    announcements,
    claim,
    frame_filter,
    notice_filter,
    probe,
)
from tandem.resources.address.netlink import IpAddress

OURS, THEIRS = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
V4, V6 = IPv4Address("10.7.0.100"), IPv6Address("fd07::100")
ADDRESSES: list[IpAddress] = [V4, V6]

# What Linux 6.18 sends: detection of duplicates (with a nonce, RFC 7527), and with arp_notify.
KERNELS_DETECTION = bytes.fromhex(
    "3333ff000100020000000702"
    "86dd6000000000203aff00000000000000000000000000000000ff0200000000000000000001ff000100"
    "8700e84e00000000fd0700000000000000000000000001000e011a804f4a1b7e"
)
KERNELS_ANNOUNCEMENT = bytes.fromhex(
    "ffffffffffff020000000702080600010800060400010200000007020a0700020000000000000a070002"
)


@pytest.mark.parametrize("ip", ADDRESSES)
def test_an_announcement_of_another_host_is_a_claim(ip: IpAddress) -> None:
    for frame in announcements(THEIRS, ip):
        assert claim(frame, ip, OURS) == Claim(THEIRS, is_probe=False)


@pytest.mark.parametrize("ip", ADDRESSES)
def test_a_probe_of_another_host_says_that_it_is_about_to_take_it(ip: IpAddress) -> None:
    assert claim(probe(THEIRS, ip), ip, OURS) == Claim(THEIRS, is_probe=True)


@pytest.mark.parametrize("ip", ADDRESSES)
def test_what_we_sent_ourselves_and_a_switch_sent_back_is_no_claim(ip: IpAddress) -> None:
    for frame in (*announcements(OURS, ip), probe(OURS, ip)):
        assert claim(frame, ip, OURS) is None


@pytest.mark.parametrize("ip", ADDRESSES)
def test_what_is_said_of_another_address_is_no_claim(ip: IpAddress) -> None:
    for frame in (*announcements(THEIRS, ip + 1), probe(THEIRS, ip + 1)):
        assert claim(frame, ip, OURS) is None


def test_a_host_that_only_asks_where_the_address_is_makes_no_claim() -> None:
    asked = arp._frame(THEIRS, 1, IPv4Address("10.7.0.2"), V4, bytes(6))
    assert claim(asked, V4, OURS) is None
    body = ndp._ICMP.pack(ndp.SOLICITATION, 0, 0, 0, V6.packed)
    group = IPv6Address("ff02::1:ff00:100")
    assert claim(ndp._frame(THEIRS, IPv6Address("fd07::2"), group, body), V6, OURS) is None


def test_both_forms_of_gratuitous_arp_are_sent_to_everybody() -> None:
    asking, answering = announcements(OURS, V4)
    for frame, operation in ((asking, 1), (answering, 2)):
        assert frame[:12] == b"\xff" * 6 + OURS
        assert frame[14:22] == bytes.fromhex("0001080006040000")[:7] + bytes([operation])
        assert frame[22:32] == OURS + V4.packed
        assert frame[38:42] == V4.packed


def test_a_probe_names_nobody_as_its_sender() -> None:
    frame = probe(OURS, V4)
    assert frame[28:32] == bytes(4)
    assert frame[38:42] == V4.packed


def test_an_advertisement_overrides_what_neighbours_know() -> None:
    (frame,) = announcements(OURS, V6)
    assert frame[:6] == bytes.fromhex("333300000001")
    assert frame[54] == 136
    assert struct.unpack_from("!I", frame, 58)[0] == 0x20000000
    assert frame[78:] == bytes([2, 1]) + OURS


def test_what_the_kernel_sends_is_understood_and_ours_is_like_it() -> None:
    mac = KERNELS_DETECTION[6:12]
    assert claim(KERNELS_DETECTION, V6, OURS) == Claim(mac, is_probe=True)
    assert lets_through(frame_filter(V6), KERNELS_DETECTION)
    ours = probe(mac, V6)
    ours_up_to_the_length, ours_to_the_checksum = ours[:18], ours[20:56]
    assert ours_up_to_the_length == KERNELS_DETECTION[:18]
    assert ours_to_the_checksum == KERNELS_DETECTION[20:56]
    assert announcements(mac, IPv4Address("10.7.0.2"))[0] == KERNELS_ANNOUNCEMENT


def test_an_advertisement_that_passed_a_router_is_not_believed() -> None:
    (frame,) = announcements(THEIRS, V6)
    assert claim(frame[:21] + b"\xfe" + frame[22:], V6, OURS) is None


@pytest.mark.parametrize("at", range(14 + 6, 14 + 40 + 32))
def test_a_damaged_advertisement_is_not_believed(at: int) -> None:
    (frame,) = announcements(THEIRS, V6)
    damaged = frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]
    assert claim(damaged, V6, OURS) is None


@given(st.binary(max_size=120))
def test_no_frame_whatever_upsets_the_reading(frame: bytes) -> None:
    for ip in ADDRESSES:
        claim(frame, ip, OURS)


@given(st.sampled_from(ADDRESSES), st.data())
def test_no_cut_or_changed_frame_upsets_the_reading(ip: IpAddress, data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from([*announcements(THEIRS, ip), probe(THEIRS, ip)])))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] = data.draw(st.integers(0, 255))
    claim(bytes(frame[: data.draw(st.integers(0, len(frame)))]), ip, OURS)


# --- the kernel's filter, run here as the kernel runs it ---------------------------------------


def lets_through(program: bytes, packet: bytes) -> bool:
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    register, at = 0, 0
    while True:
        operation, true, false, operand = code[at]
        at += 1
        if operation == 0x06:
            return bool(operand)
        if operation == 0x15:
            at += true if register == operand else false
            continue
        width = {0x20: 4, 0x28: 2, 0x30: 1}[operation]
        if operand + width > len(packet):
            return False
        register = int.from_bytes(packet[operand : operand + width])


@given(st.sampled_from(ADDRESSES), st.integers(-3, 3), st.sampled_from([OURS, THEIRS]))
def test_the_filter_lets_through_every_claim_and_nothing_of_other_addresses(
    ip: IpAddress, off: int, mac: bytes
) -> None:
    for frame in (*announcements(mac, ip + off), probe(mac, ip + off)):
        assert lets_through(frame_filter(ip), frame) == (off == 0)


@given(st.integers(0, 3), st.integers(1, 0xFFFFFFFF))
def test_the_filter_compares_the_whole_address(word: int, change: int) -> None:
    other = IPv6Address(int(V6) ^ (change << (32 * word)))
    for frame in (*announcements(THEIRS, other), probe(THEIRS, other)):
        assert not lets_through(frame_filter(V6), frame)


def test_the_filter_keeps_a_busy_networks_questions_away() -> None:
    asked = arp._frame(THEIRS, 1, IPv4Address("10.7.0.2"), V4, bytes(6))
    assert not lets_through(frame_filter(V4), asked)
    body = ndp._ICMP.pack(ndp.SOLICITATION, 0, 0, 0, V6.packed)
    asked = ndp._frame(THEIRS, IPv6Address("fd07::2"), IPv6Address("ff02::1:ff00:100"), body)
    assert not lets_through(frame_filter(V6), asked)


@pytest.mark.parametrize(("kind", "is_wanted"), [(16, 1), (17, 1), (21, 1), (20, 0), (24, 0)])
def test_notices_of_our_own_refreshes_wake_nobody(kind: int, is_wanted: int) -> None:
    message = struct.pack("=IHHII", 16, kind, 0, 0, 0)
    assert lets_through(notice_filter(), message) == bool(is_wanted)
