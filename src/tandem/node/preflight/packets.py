"""Test packets between two machines: UDP, authenticated with the cluster's key. Pure.

    magic "TC" | version u8 | kind u8 (1 ask, 2 answer)
    nonce 16 bytes | sequence u32 | received u32 | answer_bytes u16
    zeros, up to the size that is to be tried
    HMAC-SHA256 (RFC 2104) of all of the above, 32 bytes

Numbers are big-endian. The nonce is the asker's, new for each run: an answer to another run counts
for nothing. `received` is the answerer's count of the run's asks: so the asker knows on which way
the missing ones were lost. No answer is longer than its ask, so that nobody is flooded by means of
this. Machines that belong to no cluster yet have no key, and use an empty one.
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Final

PORT: Final = 2382
"""Open only while a check runs; next to those of the node."""

VERSION: Final = 1
CODE_BYTES: Final = 32
NONCE_BYTES: Final = 16
ASK, ANSWER = 1, 2

_MAGIC: Final = b"TC"
_HEAD: Final = struct.Struct(">2sBB16sIIH")

LEAST_BYTES: Final = _HEAD.size + CODE_BYTES


@dataclass(frozen=True, slots=True)
class Packet:
    """One of them.

    Attributes:
        kind: `ASK` or `ANSWER`.
        nonce: of the run.
        sequence: of the ask.
        received: in an answer: how many asks of the run have come.
        answer_bytes: in an ask: how long its answer is to be.
    """

    kind: int
    nonce: bytes
    sequence: int
    received: int = 0
    answer_bytes: int = LEAST_BYTES


def encode(packet: Packet, key: bytes, size: int = LEAST_BYTES) -> bytes:
    """The datagram, of so many bytes, `LEAST_BYTES` at least."""
    head = _HEAD.pack(
        _MAGIC,
        VERSION,
        packet.kind,
        packet.nonce,
        packet.sequence,
        packet.received,
        packet.answer_bytes,
    )
    body = head + bytes(max(0, size - LEAST_BYTES))
    return body + hmac.digest(key, body, "sha256")


def decode(data: bytes, key: bytes) -> Packet | None:
    """Read a datagram; None: it is none of these, or of another cluster."""
    if len(data) < LEAST_BYTES:
        return None
    body, code = data[:-CODE_BYTES], data[-CODE_BYTES:]
    if not hmac.compare_digest(code, hmac.digest(key, body, "sha256")):
        return None
    magic, version, kind, nonce, sequence, received, answer_bytes = _HEAD.unpack_from(body)
    if magic != _MAGIC or version != VERSION or kind not in {ASK, ANSWER}:
        return None
    return Packet(kind, nonce, sequence, received, answer_bytes)


class Answerer:
    """Answers asks, and counts those of each run.

    Args:
        key: of the cluster; empty where there is none yet.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._received: dict[bytes, int] = {}

    def answer(self, data: bytes) -> bytes | None:
        """What to send back; None: nothing."""
        asked = decode(data, self._key)
        if asked is None or asked.kind != ASK:
            return None
        if len(self._received) >= _MOST_RUNS and asked.nonce not in self._received:
            self._received.pop(next(iter(self._received)))
        received = self._received.get(asked.nonce, 0) + 1
        self._received[asked.nonce] = received
        size = min(len(data), asked.answer_bytes)
        return encode(Packet(ANSWER, asked.nonce, asked.sequence, received), self._key, size)


_MOST_RUNS: Final = 1024
"""Whoever listens for hours must not grow: the oldest run is forgotten."""
