"""Datagrams in disorder, put back."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from tandem.media.rtp.reorder import MAX_HELD, MAX_WAIT_US, ReorderBuffer


def datagram(sequence: int, ssrc: int = 1, body: bytes = b"") -> bytes:
    return struct.pack("!BBHII", 0x80, 96, sequence & 0xFFFF, 0, ssrc) + body


def numbers(datagrams: list[bytes]) -> list[int]:
    return [int.from_bytes(data[2:4]) for data in datagrams]


def pushed(buffer: ReorderBuffer, sequences: list[int], now_us: int = 0) -> list[int]:
    return [n for s in sequences for n in numbers(buffer.push(datagram(s), now_us))]


def begun(first: int, now_us: int = 0) -> ReorderBuffer:
    """A buffer that has waited in vain for packets before the first one."""
    buffer = ReorderBuffer()
    assert pushed(buffer, [first], now_us - MAX_WAIT_US) == []
    assert numbers(buffer.expire(now_us)) == [first]
    return buffer


def test_packets_in_order_pass_at_once() -> None:
    buffer = begun(65_534)
    assert pushed(buffer, [65_535, 0, 1]) == [65_535, 0, 1]
    assert buffer.deadline_us is None


def test_the_first_packet_comes_first_though_later_ones_overtook_it() -> None:
    buffer = ReorderBuffer()
    assert pushed(buffer, [1, 0, 65_535, 2]) == []
    assert buffer.deadline_us == MAX_WAIT_US
    assert numbers(buffer.expire(MAX_WAIT_US)) == [65_535, 0, 1, 2]
    assert pushed(buffer, [3]) == [3]


def test_a_beginning_is_waited_for_no_longer_than_the_limit_of_packets() -> None:
    buffer = ReorderBuffer()
    assert pushed(buffer, list(range(MAX_HELD))) == []
    assert pushed(buffer, [MAX_HELD]) == list(range(MAX_HELD + 1))
    assert pushed(buffer, [MAX_HELD + 1]) == [MAX_HELD + 1]


def test_two_swapped_packets_over_the_wrap_come_out_in_order() -> None:
    assert pushed(begun(65_534), [0, 65_535, 1]) == [65_535, 0, 1]


def test_a_hole_is_given_up_after_its_time_without_another_packet() -> None:
    buffer = begun(1)
    assert pushed(buffer, [4, 3], now_us=50) == []
    assert buffer.deadline_us == 50 + MAX_WAIT_US
    assert buffer.expire(50 + MAX_WAIT_US - 1) == []
    assert numbers(buffer.expire(50 + MAX_WAIT_US)) == [3, 4]
    assert buffer.deadline_us is None


def test_what_is_held_across_the_wrap_is_let_go_in_order() -> None:
    buffer = begun(65_532)
    assert pushed(buffer, [1, 65_534]) == []
    assert numbers(buffer.expire(MAX_WAIT_US)) == [65_534, 1]


def test_a_second_hole_has_its_own_time() -> None:
    buffer = begun(1)
    assert pushed(buffer, [3]) == []
    assert pushed(buffer, [5], now_us=100_000) == []
    assert numbers(buffer.expire(MAX_WAIT_US)) == [3]
    assert buffer.deadline_us == 100_000 + MAX_WAIT_US


def test_a_packet_that_comes_after_its_hole_was_given_up_is_dropped() -> None:
    buffer = begun(1)
    assert pushed(buffer, [3]) == []
    assert pushed(buffer, [4], now_us=MAX_WAIT_US) == [3, 4]
    assert pushed(buffer, [2, 5], now_us=MAX_WAIT_US) == [5]
    assert buffer.late == 1


def test_duplicates_are_dropped_whether_held_or_gone() -> None:
    buffer = begun(1)
    assert pushed(buffer, [1, 3, 3, 2, 2, 3]) == [2, 3]
    assert buffer.late == 4


def test_no_more_than_the_limit_is_held() -> None:
    buffer = begun(0)
    assert pushed(buffer, list(range(2, 2 + MAX_HELD))) == []
    assert pushed(buffer, [2 + MAX_HELD]) == list(range(2, 3 + MAX_HELD))


def test_a_restart_of_the_sequence_lets_go_what_was_held_and_is_a_beginning() -> None:
    buffer = begun(1)
    assert pushed(buffer, [3, 30_001, 30_000]) == [3]
    assert numbers(buffer.expire(MAX_WAIT_US)) == [30_000, 30_001]
    assert pushed(buffer, [30_003, 30_002], MAX_WAIT_US) == [30_002, 30_003]


def test_another_source_lets_go_what_was_held_and_is_a_beginning() -> None:
    buffer = begun(1)
    assert pushed(buffer, [3]) == []
    assert numbers(buffer.push(datagram(9, ssrc=2), 0)) == [3]
    assert buffer.push(datagram(8, ssrc=2), 0) == []
    assert numbers(buffer.expire(MAX_WAIT_US)) == [8, 9]


def test_what_is_not_rtp_passes_unheld() -> None:
    buffer = ReorderBuffer()
    assert buffer.push(b"\x80", 0) == [b"\x80"]
    assert buffer.push(b"GET / HTTP/1.1\r\n", 0) == [b"GET / HTTP/1.1\r\n"]


def test_the_end_of_the_stream_lets_go_everything_in_order() -> None:
    buffer = ReorderBuffer()
    pushed(buffer, [1, 9, 3, 5, 4])
    assert numbers(buffer.drain()) == [1, 3, 4, 5, 9]
    assert buffer.drain() == []


@given(
    first=st.integers(0, 0xFFFF),
    count=st.integers(2, 400),
    reach=st.integers(0, MAX_HELD // 2),
    seed=st.integers(0, 2**32),
)
def test_any_disorder_within_bounds_is_undone_without_loss(
    first: int, count: int, reach: int, seed: int
) -> None:
    chance = random.Random(seed)
    order = sorted(range(count), key=lambda n: (n + chance.uniform(0, reach), n))
    doubled = [n for n in order for _ in range(chance.choice((1, 1, 2)))]
    buffer = ReorderBuffer()
    out = pushed(buffer, [first + n for n in doubled])
    out += numbers(buffer.drain())
    assert out == [(first + n) & 0xFFFF for n in range(count)]
    assert buffer.late == len(doubled) - count


@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.integers(0, 90_000)), max_size=150)
)
def test_any_loss_and_disorder_keeps_order_once_each_and_memory_bounded(
    arrivals: list[tuple[int, bool, int]],
) -> None:
    buffer = ReorderBuffer()
    now_us = 0
    out: list[int] = []
    came = [1000]
    out += pushed(buffer, came)
    for index, (offset, is_lost, pause_us) in enumerate(arrivals):
        now_us += pause_us
        sequence = 1000 + index + offset % 40
        if not is_lost:
            came.append(sequence)
            out += pushed(buffer, [sequence], now_us)
            assert buffer.deadline_us is None or buffer.deadline_us > now_us
        assert len(buffer._held) <= MAX_HELD
    out += numbers(buffer.drain())
    assert out == sorted(set(out))
    assert set(out) <= set(came)
    assert len(out) + buffer.late == len(came)


@given(st.lists(st.binary(max_size=30), max_size=300), st.integers(0, 10**12))
def test_no_bytes_whatever_raise_or_vanish(datagrams: list[bytes], now_us: int) -> None:
    buffer = ReorderBuffer()
    out = [data for given_bytes in datagrams for data in buffer.push(given_bytes, now_us)]
    out += buffer.drain()
    assert len(out) + buffer.late == len(datagrams)
