"""The file of a backup (pure): JSON lines, packed by gzip.

{"version": 1, "cluster_number": 7, "incarnation": 1, "revision": 912, "at_us": …, "node_id": …}
{"key": "/tandem/v1/cameras/gate", "value": "<base64>"}
...
{"keys": 31, "sha256": "<of all bytes before this line>"}
"""

import gzip
import hashlib
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

VERSION: Final = 1
MOST_BYTES: Final = 2 << 30
"""Unpacked: the quota of a store."""


class BackupError(Exception):
    """A backup cannot be taken or used; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is of.

    Attributes:
        cluster_number: of the cluster.
        incarnation: of its store: how often that was restored.
        revision: of the store, at which all keys stood so.
        at_us: UTC of the node that took it.
        node_id: that node.
    """

    cluster_number: int
    incarnation: int
    revision: int
    at_us: int
    node_id: str


@dataclass(frozen=True, slots=True)
class Backup:
    """All keys at one revision.

    Attributes:
        header: what it is of.
        values: by key.
    """

    header: Header
    values: Mapping[str, bytes]


def encode(backup: Backup) -> bytes:
    """The file of a backup."""
    lines = [json.dumps({"version": VERSION, **asdict(backup.header)})]
    lines += [
        json.dumps({"key": key, "value": b64encode(value).decode("ascii")})
        for key, value in sorted(backup.values.items())
    ]
    body = "".join(f"{line}\n" for line in lines).encode()
    end = {"keys": len(backup.values), "sha256": hashlib.sha256(body).hexdigest()}
    return gzip.compress(body + f"{json.dumps(end)}\n".encode(), compresslevel=6, mtime=0)


def decode(data: bytes, name: str) -> Backup:
    """Read the file of a backup.

    Args:
        data: all of it.
        name: of the file, for messages.

    Raises:
        BackupError: it is damaged, cut, or of another release.
    """
    try:
        body, _, last = _unpacked(data).removesuffix(b"\n").rpartition(b"\n")
        end = json.loads(last)
        _require(hashlib.sha256(body + b"\n").hexdigest() == end["sha256"], "its checksum differs")
        first, *lines = body.split(b"\n")
        fields = json.loads(first)
        if (version := fields.pop("version")) != VERSION:
            raise BackupError(
                f"{name} has version {version}, and this release reads version {VERSION}. Use the"
                " release of Tandem that wrote it."
            )
        entries = map(json.loads, lines)
        values = {it["key"]: b64decode(it["value"], validate=True) for it in entries}
        _require(len(values) == end["keys"], "it lacks keys")
        return Backup(Header(**fields), values)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise BackupError(
            f"{name} is no whole backup of a store ({error}). Take an earlier one, or another"
            " node's."
        ) from error


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)  # of gzip alone
    text = unpacking.decompress(data, MOST_BYTES)
    _require(unpacking.eof and not unpacking.unused_data, "it is cut, or too large")
    return text


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
