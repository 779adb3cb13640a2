"""Heartbeats on the wire: one UDP datagram to one node over one link.

    magic "TB" | version u8 | reserved u8 (0)
    cluster u32 | started_us u64 | counter u64 | sent_us u64
    echo_sent_us u64 | echo_held_us u32          both 0 where nothing was heard on this link
    loss u16                                     in 1/10,000; 65535: not known
    sender, receiver, link                       each: length u8, UTF-8
    count u8, then as often: a link's name (as above)
    count u8, then as often: a node, count u8 (its highest bit: the node is suspected), then as
        often: place of a link above u8, age_ms u16
    HMAC-SHA256 (RFC 2104) of all of the above, 32 bytes

Of 64 nodes on two links with names of twelve letters a beat has 1380 bytes.

Numbers are big-endian. The code covers the receiver and the link, so that a datagram is good for no
other node and no other network; (`started_us`, `counter`) grows, so that it is good once. It is
checked before anything is parsed: who does not have the cluster's key reaches none of this code.
"""

import hmac
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

VERSION: Final = 3
MAGIC: Final = b"TB"
CODE_BYTES: Final = 32
MOST_BYTES: Final = 1400
"""What every Ethernet carries in one piece, tunnels included: a lost fragment would lose it all."""
OLDEST_MS: Final = 0xFFFF
"""An age that means: not for a minute or more."""

_HEAD = struct.Struct(">2sBBIQQQQIH")
_AGE = struct.Struct(">BH")
_LOSS_UNIT: Final = 10_000
_UNKNOWN: Final = 0xFFFF
_MOST_COUNTED: Final = 0xFF
_MOST_WORDS: Final = 0x7F
_SUSPECTED: Final = 0x80
_MOST_ROUNDS: Final = 64
"""Beats of so many senders may arrive between those of one over its links."""


class HeartbeatError(ValueError):
    """A datagram that is no heartbeat of this cluster; it is to be counted, and ignored."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The sender's word on how long ago it last heard a node itself, over one link.

    Attributes:
        node_id: the node that was heard.
        link: over which.
        age_ms: how long ago; `OLDEST_MS` and more is sent as `OLDEST_MS`.
    """

    node_id: str
    link: str
    age_ms: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One beat.

    Attributes:
        cluster: the cluster's number.
        sender: who sends it.
        receiver: to whom.
        link: over which.
        started_us: when the sender's process began, UTC: it grows from process to process.
        counter: the number of the beat in that process, the same on all links.
        sent_us: CLOCK_BOOTTIME of the sender.
        echo_sent_us: `sent_us` of the beat that it last received from `receiver` over this link.
        echo_held_us: how long ago that was.
        loss: the part of `receiver`'s beats over this link that it misses; None: not known.
        heard: whom it hears, by link.
        suspects: whom the sender suspects itself.
    """

    cluster: int
    sender: str
    receiver: str
    link: str
    started_us: int
    counter: int
    sent_us: int
    echo_sent_us: int = 0
    echo_held_us: int = 0
    loss: float | None = None
    heard: tuple[Heard, ...] = ()
    suspects: frozenset[str] = frozenset()


def encode(beat: Heartbeat, key: bytes) -> bytes:
    """The datagram.

    Raises:
        HeartbeatError: it names too many nodes to fit.
    """
    return encode_round([beat], key)[0]


def encode_round(beats: Sequence[Heartbeat], key: bytes) -> list[bytes]:
    """The datagrams of beats that tell the same of others, which is most of what each holds.

    Args:
        beats: of one instant, with the same `heard` and `suspects`.
        key: of the cluster.

    Raises:
        HeartbeatError: they name too many nodes to fit.
    """
    words = b"".join(_words(beats[0].heard, beats[0].suspects)) if beats else b""
    return [_encoded(beat, words, key) for beat in beats]


def _encoded(beat: Heartbeat, words: bytes, key: bytes) -> bytes:
    parts = [
        _HEAD.pack(
            MAGIC,
            VERSION,
            0,
            beat.cluster,
            beat.started_us,
            beat.counter,
            beat.sent_us,
            beat.echo_sent_us,
            min(beat.echo_held_us, 0xFFFFFFFF),
            _UNKNOWN if beat.loss is None else round(beat.loss * _LOSS_UNIT),
        ),
        *map(_text, (beat.sender, beat.receiver, beat.link)),
        words,
    ]
    body = b"".join(parts)
    if len(body) + CODE_BYTES > MOST_BYTES:
        raise HeartbeatError(
            f"A heartbeat about {len(beat.heard)} links does not fit into {MOST_BYTES} bytes."
            " Use shorter names of nodes and links, or fewer of them."
        )
    return body + _code(body, key)


def decode(data: bytes, key: bytes, cluster: int) -> Heartbeat:
    """Check and read a datagram.

    Args:
        data: as it was received.
        key: of the cluster.
        cluster: its number.

    Raises:
        HeartbeatError: it is none of this cluster's, or of a version that this release cannot read.
    """
    body, code = data[:-CODE_BYTES], data[-CODE_BYTES:]
    if not _HEAD.size + CODE_BYTES <= len(data) <= MOST_BYTES or body[:2] != MAGIC:
        raise HeartbeatError("A datagram arrived that is no heartbeat.")
    if not hmac.compare_digest(code, _code(body, key)):
        raise HeartbeatError(
            "A heartbeat arrived with a wrong code. Do all nodes have the same cluster key?"
        )
    _, version, _, number, *times = _HEAD.unpack_from(body)
    if version != VERSION:
        raise HeartbeatError(
            f"A heartbeat of version {version} arrived, and this release reads version {VERSION}."
            " Run the same release on all nodes."
        )
    if number != cluster:
        raise HeartbeatError(f"A heartbeat of cluster {number} arrived; this is {cluster}.")
    started_us, counter, sent_us, echo_sent_us, echo_held_us, loss = times
    reader = _Reader(body, _HEAD.size)
    sender, receiver, link = reader.text(), reader.text(), reader.text()
    heard, suspects = _read_words(reader.rest())
    return Heartbeat(
        cluster=number,
        sender=sender,
        receiver=receiver,
        link=link,
        started_us=started_us,
        counter=counter,
        sent_us=sent_us,
        echo_sent_us=echo_sent_us,
        echo_held_us=echo_held_us,
        loss=None if loss == _UNKNOWN else loss / _LOSS_UNIT,
        heard=heard,
        suspects=suspects,
    )


@lru_cache(maxsize=_MOST_ROUNDS)
def _read_words(words: bytes) -> tuple[tuple[Heard, ...], frozenset[str]]:
    """They are the same on all links, and reading them costs most."""
    reader = _Reader(words, 0)
    found = reader.words()
    reader.end()
    return found


def _words(heard: Sequence[Heard], suspects: frozenset[str]) -> Iterator[bytes]:
    """What is heard, node by node; each link's name is sent once."""
    links = list(dict.fromkeys(word.link for word in heard))
    yield _count(len(links))
    yield from map(_text, links)
    nodes = [(node_id, list(words)) for node_id, words in groupby(heard, lambda it: it.node_id)]
    nodes += [(node_id, []) for node_id in sorted(suspects - {node_id for node_id, _ in nodes})]
    yield _count(len(nodes))
    for node_id, words in nodes:
        count = _count(len(words), _MOST_WORDS)[0]
        yield _text(node_id) + bytes([count | (_SUSPECTED if node_id in suspects else 0)])
        for word in words:
            yield _AGE.pack(links.index(word.link), min(word.age_ms, OLDEST_MS))


def _count(number: int, most: int = _MOST_COUNTED) -> bytes:
    if number > most:
        raise HeartbeatError(f"A heartbeat cannot tell of {number} nodes or links. Use fewer.")
    return bytes([number])


def _code(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")


def _text(value: str) -> bytes:
    encoded = value.encode()
    if len(encoded) > 0xFF:
        raise HeartbeatError(f"The name '{value[:40]}...' is too long for a heartbeat.")
    return bytes([len(encoded)]) + encoded


class _Reader:
    """Takes a body apart; it is authentic, but may come from a sender with a mistake."""

    def __init__(self, body: bytes, at: int) -> None:
        self._body = body
        self._at = at

    def count(self) -> int:
        return self._take(1)[0]

    def words(self) -> tuple[tuple[Heard, ...], frozenset[str]]:
        links = [self.text() for _ in range(self.count())]
        heard: list[Heard] = []
        suspects = set()
        for _ in range(self.count()):
            node_id, counted = self.text(), self.count()
            if counted & _SUSPECTED:
                suspects.add(node_id)
            for _ in range(counted & _MOST_WORDS):
                place, age_ms = _AGE.unpack(self._take(_AGE.size))
                if place >= len(links):
                    raise HeartbeatError("A heartbeat tells of a link that it does not name.")
                heard.append(Heard(node_id, links[place], age_ms))
        return tuple(heard), frozenset(suspects)

    def text(self) -> str:
        try:
            return self._take(self.count()).decode()
        except UnicodeDecodeError as error:
            raise HeartbeatError("A heartbeat has a name that is not UTF-8.") from error

    def end(self) -> None:
        if self._at != len(self._body):
            raise HeartbeatError("A heartbeat is longer than what it says.")

    def rest(self) -> bytes:
        return self._body[self._at :]

    def _take(self, size: int) -> bytes:
        part = self._body[self._at : self._at + size]
        if len(part) < size:
            raise HeartbeatError("A heartbeat ends in the middle.")
        self._at += size
        return part
