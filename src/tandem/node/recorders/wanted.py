"""What a node is to record, and what each of its recorder processes is told of it. Pure."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tandem.archive.deletion import Retention
from tandem.cluster.model import Camera, Placement
from tandem.recording.camera import StreamOrder, encode_stream_order
from tandem.recording.orders import (
    VERSION,
    Orders,
    Relaying,
    VolumeOrder,
    encode_relaying,
    encode_retention,
    encode_volume,
)

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
        trusts_clock: whether this node's UTC may be believed; else nothing is deleted for its age.
        own: cameras of which it holds nothing for another node, see `own_cameras`.
        relaying: how the first process talks with recorders of other nodes; each further one
            listens a port above. None: none does.
    """

    cluster_number: int
    volumes: tuple[VolumeOrder, ...]
    streams: tuple[StreamOrder, ...] = ()
    retention: Mapping[str, Retention] = field(default_factory=dict)
    bit_rates_mbps: Mapping[str, float] = field(default_factory=dict)
    trusts_clock: bool = False
    own: Collection[str] = frozenset()
    relaying: Relaying | None = None

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


def own_cameras(
    node_id: str, cameras: Mapping[str, Camera], placements: Mapping[str, Placement]
) -> frozenset[str]:
    """The cameras of which a node holds nothing for another, even what it recorded as a second.

    It is their primary by now, so nobody else will promise; or they were removed, so nobody will.
    What is not promised of them goes in its turn, and not after everything else.

    Args:
        node_id: the node.
        cameras: by id, removed ones as well.
        placements: as committed, by camera.
    """
    return frozenset(
        camera_id
        for camera_id, camera in cameras.items()
        if camera.removed
        or ((placement := placements.get(camera_id)) and placement.primary == node_id)
    )


def orders_of(place: int, wanted: Wanted, places: Mapping[str, int]) -> Orders:
    """What one process is told.

    Args:
        place: which process.
        wanted: of the node.
        places: the process of each camera.
    """
    sweeps = place == SWEEPER
    streams = tuple(one for one in wanted.streams if places[one.camera_id] == place)
    return Orders(
        cluster_number=wanted.cluster_number,
        volumes=wanted.volumes,
        streams=streams,
        retention=_retention(wanted) if sweeps else {},  # nobody else deletes
        sweeps=sweeps,
        trusts_clock=wanted.trusts_clock and sweeps,
        relaying=_relaying(place, wanted, streams),
    )


def needs_another_process(old: Orders, new: Orders) -> bool:
    """Whether a process that began with some orders cannot carry out others.

    The cluster and sweeping are fixed for the life of a process; volumes come and go in it.
    """
    return (old.cluster_number, old.sweeps) != (new.cluster_number, new.sweeps)


def encode_orders(orders: Orders) -> bytes:
    """One line of JSON that `parse_orders` reads as the same orders. It may hold passwords."""
    return json.dumps(
        {
            "version": VERSION,
            "cluster_number": orders.cluster_number,
            "volumes": [encode_volume(volume) for volume in orders.volumes],
            "streams": [encode_stream_order(stream) for stream in orders.streams],
            "retention": encode_retention(orders.retention),
            "sweeps": orders.sweeps,
            "trusts_clock": orders.trusts_clock,
            "relaying": None if orders.relaying is None else encode_relaying(orders.relaying),
        },
        sort_keys=True,
    ).encode()


def _relaying(place: int, wanted: Wanted, streams: Collection[StreamOrder]) -> Relaying | None:
    """How a process talks with those of other nodes; one that need not opens no port."""
    if wanted.relaying is None or not any(one.relays or one.relay for one in streams):
        return None
    return replace(wanted.relaying, port=wanted.relaying.port + place)


def _retention(wanted: Wanted) -> dict[str, Retention]:
    return {
        camera_id: replace(kept, window_us=None) if camera_id in wanted.own else kept
        for camera_id, kept in wanted.retention.items()
    }
