"""Heartbeats on the wire: read as written, or refused, and never anything else."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.heartbeat import (
    CODE_BYTES,
    MOST_BYTES,
    OLDEST_MS,
    Heard,
    Heartbeat,
    HeartbeatError,
    _code,
    decode,
    encode,
    encode_round,
)

KEY = bytes(range(32))
BEAT = Heartbeat(
    cluster=7,
    sender="n1",
    receiver="n2",
    link="a",
    started_us=1_800_000_000_000_000,
    counter=99,
    sent_us=5_000_000,
    echo_sent_us=4_900_000,
    echo_held_us=20_000,
    loss=0.015,
    heard=(Heard("n2", "a", 40), Heard("n3", "b", OLDEST_MS)),
    suspects=frozenset({"n3", "n4"}),
)

numbers = st.integers(0, 2**64 - 1)
names = st.text(max_size=20)
beats = st.builds(
    Heartbeat,
    st.integers(0, 2**32 - 1),
    names,
    names,
    names,
    numbers,
    numbers,
    numbers,
    numbers,
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 10_000).map(lambda part: part / 10_000),
    st.lists(st.builds(Heard, names, names, st.integers(0, OLDEST_MS)), max_size=7).map(tuple),
    st.frozensets(names, max_size=3),
)


def signed(body: bytes) -> bytes:
    return body + _code(body, KEY)


@given(beats)
def test_what_is_sent_is_received(beat: Heartbeat) -> None:
    assert decode(encode(beat, KEY), KEY, beat.cluster) == beat


@given(beats, st.lists(st.tuples(names, names), max_size=4))
def test_a_round_of_beats_is_sent_as_each_would_be_by_itself(
    beat: Heartbeat, ways: list[tuple[str, str]]
) -> None:
    sent = [replace(beat, receiver=receiver, link=link) for receiver, link in ways]
    assert encode_round(sent, KEY) == [encode(one, KEY) for one in sent]


def test_the_form_on_the_wire_is_this() -> None:
    assert encode(BEAT, KEY)[:-CODE_BYTES].hex(" ", -4) == (
        "54420300 00000007 00066517 28988000 00000000 00000063 00000000 004c4b40 00000000 004ac4a0"
        " 00004e20 0096026e 31026e32 01610201 61016203 026e3201 00002802 6e338101 ffff026e 3480"
    )


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    sent = bytearray(encode(BEAT, KEY))
    sent[data.draw(st.integers(0, len(sent) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(HeartbeatError):
        decode(bytes(sent), KEY, 7)


def test_another_key_or_another_cluster_is_refused() -> None:
    with pytest.raises(HeartbeatError, match="same cluster key"):
        decode(encode(BEAT, KEY), bytes(32), 7)
    with pytest.raises(HeartbeatError, match="cluster 7 arrived; this is 8"):
        decode(encode(BEAT, KEY), KEY, 8)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(HeartbeatError):
        decode(noise, KEY, 7)


@given(st.integers(0, 90), st.binary(max_size=40))
def test_an_authentic_sender_with_a_mistake_breaks_nothing(cut: int, tail: bytes) -> None:
    """Whatever follows the head is read as a heartbeat or refused."""
    body = encode(BEAT, KEY)[:-CODE_BYTES][:cut] + tail
    with suppress(HeartbeatError):
        assert decode(signed(body), KEY, 7).cluster == 7


def test_a_later_version_says_what_to_do() -> None:
    body = bytearray(encode(BEAT, KEY)[:-CODE_BYTES])
    body[2] = 4
    with pytest.raises(HeartbeatError, match=r"version 4 .*same release"):
        decode(signed(bytes(body)), KEY, 7)


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(HeartbeatError, match="longer"):
        decode(signed(encode(BEAT, KEY)[:-CODE_BYTES] + b"x"), KEY, 7)


def test_a_beat_that_would_be_fragmented_is_not_sent() -> None:
    many = replace(BEAT, heard=tuple(Heard("n" * 60 + str(n), "link", 5) for n in range(30)))
    with pytest.raises(HeartbeatError, match=f"fit into {MOST_BYTES} bytes"):
        encode(many, KEY)


def test_a_cluster_of_64_nodes_fits_into_one_packet() -> None:
    heard = tuple(Heard(f"recorder-{n:03}", f"link{i}", 5) for n in range(63) for i in range(2))
    beat = replace(BEAT, sender="recorder-063", receiver="recorder-001", link="link1", heard=heard)
    assert len(encode(beat, KEY)) <= MOST_BYTES


def test_a_beat_of_the_first_version_is_refused_with_what_to_do() -> None:
    """It told of no loss, and named the link again with each node."""
    first = bytes.fromhex(
        "54420100 00000007 00066517 28988000 00000000 00000063 00000000 004c4b40 00000000 004ac4a0"
        " 00004e20 026e3102 6e320161 02026e32 01610028 026e3301 62ffff"
    )
    with pytest.raises(HeartbeatError, match=r"version 1 arrived.*reads version 3.*same release"):
        decode(signed(first), KEY, 7)


def test_a_word_about_a_link_that_is_not_named_is_refused() -> None:
    body = bytearray(encode(BEAT, KEY)[:-CODE_BYTES])
    body[-7] = 9
    with pytest.raises(HeartbeatError, match="does not name"):
        decode(signed(bytes(body)), KEY, 7)


def test_a_very_old_age_is_sent_as_the_oldest() -> None:
    old = replace(BEAT, heard=(Heard("n3", "b", 10**9),))
    assert decode(encode(old, KEY), KEY, 7).heard[0].age_ms == OLDEST_MS
