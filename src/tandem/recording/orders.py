"""What a recorder process is told: one JSON object a line, each the whole of what is wanted.

Level-triggered: a line replaces all before it, so one that was lost or read late does no harm.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tandem.archive.deletion import Retention
from tandem.archive.space import Limits
from tandem.recording.camera import CameraError, StreamOrder, parse_stream_order

VERSION = 1
"""Of this conversation. Agent and recorder are of one installation, so there is only one."""

RELAY_PORT: Final = 2381
"""Where a node's first recorder listens for those of other nodes; each further one a port above."""

MOST_RECORDERS: Final = 16
"""So many ports from `RELAY_PORT` on are a node's own."""


class OrdersError(ValueError):
    """The orders cannot be used; nothing of them is carried out."""


@dataclass(frozen=True, slots=True)
class VolumeOrder:
    """A volume that this recorder may write to.

    Attributes:
        path: its mount point.
        volume_id: what its identity file must say.
        limits: size cap and free-space floor.
    """

    path: Path
    volume_id: UUID
    limits: Limits


@dataclass(frozen=True, slots=True)
class Relaying:
    """How this recorder talks with those of other nodes: it serves, and it asks.

    Attributes:
        addresses: of this node's links, to listen on.
        port: to listen on: `RELAY_PORT` and this process's number.
        authority: file with the certificate of the cluster's authority.
        node: file with this node's key and certificate.
        peers: the nodes that may ask; a certificate of one that was taken out stays valid.
    """

    addresses: tuple[str, ...]
    port: int
    authority: Path
    node: Path
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """All that one recorder process is to do.

    Attributes:
        cluster_number: whose volumes these are; fixed for the life of the process.
        volumes: where to; they may come and go.
        streams: what is to be recorded.
        retention: how long cameras' recordings are kept; those of others, as long as there is room.
        sweeps: whether this process deletes what may go; one of a node's recorders does,
            for all of its life.
        trusts_clock: whether this node's UTC may be believed; else nothing is deleted for its age.
        relaying: how streams come from other nodes and go to them; None where none do.
    """

    cluster_number: int
    volumes: tuple[VolumeOrder, ...]
    streams: tuple[StreamOrder, ...]
    retention: Mapping[str, Retention]
    sweeps: bool
    trusts_clock: bool
    relaying: Relaying | None = None


def parse_orders(line: str | bytes) -> Orders:
    """Read one line of orders.

    Args:
        line: `{"version": 1, "cluster_number": n, "volumes": [{"path", "volume_id", "max_bytes",
            "min_free_bytes"}], "streams": [see `parse_stream_order`], "retention": {camera id:
            {"max_age_us", "max_bytes", "window_us"}}, "sweeps": true, "trusts_clock": true,
            "relaying": see `parse_relaying`}`; the last four may be absent, and no clock is
            trusted then.

    Raises:
        OrdersError: it is not of that form; the message never quotes the line, which may hold
            passwords.
    """
    try:
        text = json.loads(line)
        if text["version"] != VERSION:
            raise OrdersError(
                f"orders of version {text['version']} reached a recorder of {VERSION}"
            )
        return Orders(
            cluster_number=int(text["cluster_number"]),
            volumes=tuple(parse_volume(volume) for volume in text["volumes"]),
            streams=tuple(parse_stream_order(stream) for stream in text["streams"]),
            retention=parse_retention(text.get("retention", {})),
            sweeps=bool(text.get("sweeps", True)),
            trusts_clock=text.get("trusts_clock") is True,
            relaying=None if (it := text.get("relaying")) is None else parse_relaying(it),
        )
    except CameraError as problem:
        raise OrdersError(str(problem)) from None
    except json.JSONDecodeError:
        raise OrdersError("the recorder's orders are not JSON") from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
        if isinstance(problem, OrdersError):
            raise
        raise OrdersError(f"the recorder's orders lack or spoil a value: {problem}") from None


def encode_retention(kept: Mapping[str, Retention]) -> dict[str, dict[str, int | None]]:
    """Retentions by camera as `parse_retention` reads them."""
    return {
        camera_id: {  # written out: `asdict` copies each value, for ten thousand cameras at a time
            "max_age_us": one.max_age_us,
            "max_bytes": one.max_bytes,
            "window_us": one.window_us,
        }
        for camera_id, one in kept.items()
    }


def parse_retention(text: Mapping[str, Mapping[str, Any]]) -> dict[str, Retention]:
    """Read retentions by camera.

    Raises:
        TypeError: a name is not known.
        ValueError: a value is impossible.
    """
    return {
        camera_id: Retention(**{name: parse_size(value) for name, value in one.items()})
        for camera_id, one in text.items()
    }


def encode_volume(volume: VolumeOrder) -> dict[str, Any]:
    """A volume as `parse_volume` reads it."""
    return {
        "path": str(volume.path),
        "volume_id": str(volume.volume_id),
        "max_bytes": volume.limits.max_bytes,
        "min_free_bytes": volume.limits.min_free_bytes,
    }


def parse_volume(text: Mapping[str, Any]) -> VolumeOrder:
    """Read a volume of an order.

    Raises:
        KeyError: a value is missing.
        ValueError: one is impossible.
    """
    default = Limits()
    return VolumeOrder(
        path=Path(text["path"]),
        volume_id=UUID(text["volume_id"]),
        limits=Limits(
            max_bytes=parse_size(text.get("max_bytes")),
            min_free_bytes=parse_size(text.get("min_free_bytes")) or default.min_free_bytes,
        ),
    )


def encode_relaying(relaying: Relaying) -> dict[str, Any]:
    """How streams are passed on, as `parse_relaying` reads it."""
    return {
        "addresses": list(relaying.addresses),
        "port": relaying.port,
        "authority": str(relaying.authority),
        "node": str(relaying.node),
        "peers": list(relaying.peers),
    }


def parse_relaying(text: Mapping[str, Any]) -> Relaying:
    """Read how streams are passed on.

    Args:
        text: `{"addresses": [...], "port", "authority", "node", "peers": [...]}`.

    Raises:
        KeyError: a value is missing.
        TypeError: one is of another kind.
        ValueError: one is impossible.
    """
    port = parse_size(text["port"])
    if port is None or port >= 1 << 16:
        raise ValueError(f"{port} is no port")
    return Relaying(
        addresses=tuple(str(ip_address(str(address))) for address in text["addresses"]),
        port=port,
        authority=Path(text["authority"]),
        node=Path(text["node"]),
        peers=tuple(str(peer) for peer in text["peers"]),
    )


def parse_size(value: object) -> int | None:
    """A number of bytes or microseconds; None where there is no limit.

    Raises:
        ValueError: it is none.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no whole number from 0")
    return value
