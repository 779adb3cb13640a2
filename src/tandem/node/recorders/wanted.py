"""What a node is to record, and what each of its recorder processes is told of it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tandem.archive.deletion import Retention
from tandem.recording.camera import StreamOrder
from tandem.recording.orders import VERSION, Orders, VolumeOrder

SWEEPER: Final = 0
"""The process that deletes: always the same, so there are never two."""

USUAL_MBPS: Final = 4.0
"""What a camera of unknown bit rate counts for in the balance: one of 1080p."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a node is to record.

    Attributes:
        cluster_number: whose volumes these are.
        volumes: at least one; a node without records nothing, and has no use for recorders.
        streams: what is to be recorded, each once.
        retention: how long cameras' recordings are kept, those included that are only kept.
        bit_rates_mbps: estimates by camera; `USUAL_MBPS` where there is none.
    """

    cluster_number: int
    volumes: tuple[VolumeOrder, ...]
    streams: tuple[StreamOrder, ...] = ()
    retention: Mapping[str, Retention] = field(default_factory=dict)
    bit_rates_mbps: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.volumes:
            raise ValueError(
                "This node has no volume to record to. Name one in its settings, under [[volumes]]."
            )

    @property
    def loads_mbps(self) -> dict[str, float]:
        """Its cameras, and what each counts for in the balance."""
        return {
            one.camera_id: self.bit_rates_mbps.get(one.camera_id, USUAL_MBPS)
            for one in self.streams
        }


def orders_of(place: int, wanted: Wanted, places: Mapping[str, int]) -> Orders:
    """What one process is told.

    Args:
        place: which process.
        wanted: of the node.
        places: the process of each camera.
    """
    sweeps = place == SWEEPER
    return Orders(
        cluster_number=wanted.cluster_number,
        volumes=wanted.volumes,
        streams=tuple(one for one in wanted.streams if places[one.camera_id] == place),
        retention=wanted.retention if sweeps else {},  # nobody else deletes
        sweeps=sweeps,
    )


def needs_another_process(old: Orders, new: Orders) -> bool:
    """Whether a process that began with some orders cannot carry out others.

    Volumes, their cluster and sweeping are fixed for the life of a process.
    """
    return (old.cluster_number, old.volumes, old.sweeps) != (
        new.cluster_number,
        new.volumes,
        new.sweeps,
    )


def encode_orders(orders: Orders) -> bytes:
    """One line of JSON that `parse_orders` reads as the same orders. It may hold passwords."""
    return json.dumps(
        {
            "version": VERSION,
            "cluster_number": orders.cluster_number,
            "volumes": [
                {
                    "path": str(volume.path),
                    "volume_id": str(volume.volume_id),
                    "max_bytes": volume.limits.max_bytes,
                    "min_free_bytes": volume.limits.min_free_bytes,
                }
                for volume in orders.volumes
            ],
            "streams": [_stream(stream) for stream in orders.streams],
            "retention": {camera: asdict(kept) for camera, kept in orders.retention.items()},
            "sweeps": orders.sweeps,
        },
        sort_keys=True,
    ).encode()


def _stream(order: StreamOrder) -> dict[str, Any]:
    text = {
        "camera_id": order.camera_id,
        "camera_name": order.camera_name,
        "stream": order.stream,
        "url": order.url,
        "transport": order.transport,
        "audio": order.audio,
        "role": order.role,
    }
    if order.login is not None:
        text |= {"username": order.login.username, "password": order.login.password}
    return text
