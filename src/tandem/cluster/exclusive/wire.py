"""Messages of failsafe on the wire: one UDP datagram to one node, sent over every link.

    magic "TP" | version u8 | kind u8 (1 question, 2 promise)
    cluster u32 | incarnation u64 | holder's epoch u64 | the other's epoch u64 | number u64
    sender, receiver                             each: length u8, UTF-8
    HMAC-SHA256 (RFC 2104) of all of the above, 32 bytes

Numbers are big-endian. The code covers the receiver, so that a datagram is good for no other node,
and is checked before anything is parsed. Who records a datagram and sends it again gains nothing: a
promise counts from the sending of its question, and a question is answered once.
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Final

from tandem.cluster.exclusive.events import Ask, Message, Promise

VERSION: Final = 1
MAGIC: Final = b"TP"
CODE_BYTES: Final = 32

_HEAD = struct.Struct(">2sBBIQQQQ")
_QUESTION: Final = 1
_PROMISE: Final = 2
_MOST_NAME_BYTES: Final = 255
_MOST_BYTES: Final = _HEAD.size + 2 * (1 + _MOST_NAME_BYTES) + CODE_BYTES


class MessageError(ValueError):
    """A datagram that is no message of this cluster to this node; to be counted, and ignored."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Between whom a message travels.

    Attributes:
        cluster: its number.
        key: of the cluster, secret.
        receiver: to whom.
    """

    cluster: int
    key: bytes
    receiver: str


def encode(message: Message, envelope: Envelope) -> bytes:
    """The datagram.

    Raises:
        MessageError: a name is too long.
    """
    if isinstance(message, Ask):
        kind, sender = _QUESTION, message.holder
        epochs = (message.epoch, message.of_epoch)
    else:
        kind, sender = _PROMISE, message.node_id
        epochs = (message.holder_epoch, message.epoch)
    head = _HEAD.pack(
        MAGIC, VERSION, kind, envelope.cluster, message.incarnation, *epochs, message.number
    )
    body = head + _name(sender) + _name(envelope.receiver)
    return body + hmac.digest(envelope.key, body, "sha256")


def decode(data: bytes, envelope: Envelope) -> Message:
    """Check and read a datagram.

    Args:
        data: as it was received.
        envelope: what it has to be for: this cluster, and this node as the receiver.

    Raises:
        MessageError: it is not, or of a version that this release cannot read.
    """
    body, code = data[:-CODE_BYTES], data[-CODE_BYTES:]
    if not _HEAD.size + CODE_BYTES < len(data) <= _MOST_BYTES or body[:2] != MAGIC:
        raise MessageError("A datagram arrived that is no message between nodes.")
    if not hmac.compare_digest(code, hmac.digest(envelope.key, body, "sha256")):
        raise MessageError(
            "A message arrived with a wrong code. Do all nodes have the same cluster key?"
        )
    _, version, kind, cluster, incarnation, holder_epoch, epoch, number = _HEAD.unpack_from(body)
    if version != VERSION:
        raise MessageError(
            f"A message of version {version} arrived, and this release reads version {VERSION}."
            " Run the same release on all nodes."
        )
    sender, receiver = _names(body[_HEAD.size :])
    if cluster != envelope.cluster or receiver != envelope.receiver:
        raise MessageError(f"A message arrived for node '{receiver}' of cluster {cluster}.")
    if kind == _QUESTION:
        return Ask(sender, holder_epoch, number, epoch, incarnation)
    if kind == _PROMISE:
        return Promise(sender, epoch, number, holder_epoch, incarnation)
    raise MessageError(f"A message of the unknown kind {kind} arrived from node '{sender}'.")


def _name(value: str) -> bytes:
    encoded = value.encode()
    if not 0 < len(encoded) <= _MOST_NAME_BYTES:
        raise MessageError(f"A message cannot carry '{value[:40]}' as the name of a node.")
    return bytes([len(encoded)]) + encoded


def _names(data: bytes) -> tuple[str, str]:
    """Two names that fill the data."""
    first = data[0]
    second = data[1 + first] if 1 + first < len(data) else 0
    if len(data) != 2 + first + second:
        raise MessageError("A message is not as long as it says.")
    try:
        return data[1 : 1 + first].decode(), data[2 + first :].decode()
    except UnicodeDecodeError as error:
        raise MessageError("A message has a name that is not UTF-8.") from error
