"""Messages of failsafe on the wire."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.exclusive.events import Ask, Message, Promise
from tandem.cluster.exclusive.wire import CODE_BYTES, Envelope, MessageError, decode, encode

KEY = bytes(range(32))
TO_B = Envelope(7, KEY, "b")
QUESTION = Ask("a", epoch=3, number=9, of_epoch=5, incarnation=1)
DATA = encode(QUESTION, TO_B)

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=63)
numbers = st.integers(0, (1 << 64) - 1)
messages = st.one_of(
    st.builds(Ask, names, numbers, numbers, numbers, numbers),
    st.builds(Promise, names, numbers, numbers, numbers, numbers),
)


def signed(body: bytes) -> bytes:
    return body + hmac.digest(KEY, body, "sha256")


@given(messages, names, st.integers(0, (1 << 32) - 1))
def test_a_message_arrives_as_it_was_sent(message: Message, receiver: str, cluster: int) -> None:
    envelope = Envelope(cluster, KEY, receiver)
    assert decode(encode(message, envelope), envelope) == message


@given(st.binary(max_size=700))
def test_what_nobody_of_the_cluster_sent_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError):
        decode(data, TO_B)


@given(st.binary(max_size=700))
def test_what_a_broken_node_sends_is_refused_or_read_and_nothing_else(tail: bytes) -> None:
    try:
        decode(signed(DATA[:40] + tail), TO_B)
    except MessageError:
        return


@pytest.mark.parametrize("at", range(len(DATA)))
def test_no_byte_can_be_changed(at: int) -> None:
    changed = bytes([*DATA[:at], DATA[at] ^ 1, *DATA[at + 1 :]])
    with pytest.raises(MessageError):
        decode(changed, TO_B)


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (Envelope(8, KEY, "b"), "cluster 7"),
        (Envelope(7, KEY, "c"), "node 'b'"),
        (Envelope(7, bytes(32), "b"), "same cluster key"),
    ],
)
def test_a_message_is_good_for_one_node_of_one_cluster(envelope: Envelope, said: str) -> None:
    with pytest.raises(MessageError, match=said):
        decode(DATA, envelope)


@pytest.mark.parametrize(
    ("at", "value", "said"), [(2, 2, "version 2"), (3, 7, "unknown kind 7"), (40, 200, "as long")]
)
def test_what_this_release_does_not_know_is_named(at: int, value: int, said: str) -> None:
    body = bytearray(DATA[:-CODE_BYTES])
    body[at] = value
    with pytest.raises(MessageError, match=said):
        decode(signed(bytes(body)), TO_B)


def test_a_name_that_does_not_fit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(MessageError, match="name of a node"):
        encode(QUESTION, Envelope(7, KEY, "n" * 256))
