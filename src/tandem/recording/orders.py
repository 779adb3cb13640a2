"""What a recorder process is told: one JSON object a line, each the whole of what is wanted.

Level-triggered: a line replaces all before it, so one that was lost or read late does no harm.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from tandem.archive.deletion import Retention
from tandem.archive.space import Limits
from tandem.recording.camera import CameraError, StreamOrder, parse_stream_order

VERSION = 1
"""Of this conversation. Agent and recorder are of one installation, so there is only one."""


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
    """

    cluster_number: int
    volumes: tuple[VolumeOrder, ...]
    streams: tuple[StreamOrder, ...]
    retention: Mapping[str, Retention]
    sweeps: bool
    trusts_clock: bool


def parse_orders(line: str | bytes) -> Orders:
    """Read one line of orders.

    Args:
        line: `{"version": 1, "cluster_number": n, "volumes": [{"path", "volume_id", "max_bytes",
            "min_free_bytes"}], "streams": [see `parse_stream_order`], "retention": {camera id:
            {"max_age_us", "max_bytes", "window_us"}}, "sweeps": true, "trusts_clock": true}`; the
            last three may be absent, and no clock is trusted then.

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
            retention={
                camera_id: Retention(**{name: parse_size(value) for name, value in kept.items()})
                for camera_id, kept in text.get("retention", {}).items()
            },
            sweeps=bool(text.get("sweeps", True)),
            trusts_clock=text.get("trusts_clock") is True,
        )
    except CameraError as problem:
        raise OrdersError(str(problem)) from None
    except json.JSONDecodeError:
        raise OrdersError("the recorder's orders are not JSON") from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
        if isinstance(problem, OrdersError):
            raise
        raise OrdersError(f"the recorder's orders lack or spoil a value: {problem}") from None


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
