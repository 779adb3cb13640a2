"""Test packets on the wire, and who answers them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.preflight.packets import (
    ANSWER,
    ASK,
    LEAST_BYTES,
    Answerer,
    Packet,
    decode,
    encode,
)

KEY, NONCE = bytes(range(32)), b"n" * 16
packets = st.builds(
    Packet,
    st.sampled_from([ASK, ANSWER]),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)


@given(packets, st.integers(LEAST_BYTES, 9000))
def test_what_is_sent_is_received_in_the_size_that_is_tried(packet: Packet, size: int) -> None:
    data = encode(packet, KEY, size)
    assert len(data) == size
    assert decode(data, KEY) == packet


@given(st.binary(max_size=200))
def test_noise_is_none(noise: bytes) -> None:
    assert decode(noise, KEY) is None


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    sent = bytearray(encode(Packet(ASK, NONCE, 1), KEY))
    sent[data.draw(st.integers(0, len(sent) - 1))] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(sent), KEY) is None


def test_an_answer_counts_what_has_come_of_its_run() -> None:
    answerer = Answerer(KEY)
    for sequence, received in ((1, 1), (2, 2), (9, 3)):
        answer = answerer.answer(encode(Packet(ASK, NONCE, sequence), KEY))
        assert answer is not None
        assert decode(answer, KEY) == Packet(ANSWER, NONCE, sequence, received)
    other = answerer.answer(encode(Packet(ASK, b"o" * 16, 10), KEY))
    assert other is not None
    assert decode(other, KEY) == Packet(ANSWER, b"o" * 16, 10, 1)


@pytest.mark.parametrize(("asked", "wanted", "size"), [(500, 500, 500), (500, 65_000, 500)])
def test_no_answer_is_longer_than_its_ask(asked: int, wanted: int, size: int) -> None:
    answer = Answerer(KEY).answer(encode(Packet(ASK, NONCE, 1, answer_bytes=wanted), KEY, asked))
    assert answer is not None
    assert len(answer) == size


def test_strangers_and_answers_are_not_answered() -> None:
    answerer = Answerer(KEY)
    assert answerer.answer(encode(Packet(ASK, NONCE, 1), b"another key")) is None
    assert answerer.answer(encode(Packet(ANSWER, NONCE, 1), KEY)) is None
    assert answerer.answer(b"hello") is None


def test_who_listens_for_long_does_not_grow() -> None:
    answerer = Answerer(KEY)
    for number in range(3000):
        answerer.answer(encode(Packet(ASK, number.to_bytes(16, "big"), 1), KEY))
    assert len(answerer._received) <= 1024
