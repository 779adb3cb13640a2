"""What an archivist process is told. Pure.

One JSON object a line, each the whole of what is wanted. Level-triggered: a line replaces all
before it, so one that was lost or read late does no harm.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tandem.archive.deletion import Retention
from tandem.cluster.document import StoredValueError
from tandem.cluster.model import Placement
from tandem.node.archivist.view import Address
from tandem.recording.orders import (
    OrdersError,
    VolumeOrder,
    encode_retention,
    encode_volume,
    parse_retention,
    parse_size,
    parse_volume,
)

VERSION: Final = 1
"""Of this conversation. Agent and archivist are of one installation, so there is only one."""


@dataclass(frozen=True, slots=True)
class HealOrder:
    """A camera of which this node is to have a whole copy.

    Attributes:
        peers: nodes that may have what lacks here, each asked.
        streams: which of its streams.
        since_us: from when on, UTC; None for the camera's window, as its retention says.
        token: a new one has everything compared anew.
    """

    peers: tuple[str, ...]
    streams: tuple[str, ...]
    since_us: int | None
    token: str


@dataclass(frozen=True, slots=True)
class ArchivistOrders:
    """All that one archivist process is to do.

    Attributes:
        node_id: this node.
        cluster_number: whose volumes these are.
        volumes: what this node has; they may come and go, each is opened as soon as it can be.
        links: where to listen, one address a link.
        authority: file with the certificate of the cluster's authority.
        credentials: file with this node's key and certificate.
        healing_bytes_s: how fast it may fetch: a quarter of what disk and link can do.
        placements: as committed, by camera.
        retention: how long cameras' recordings are kept, and the window of second copies.
        trusts_clock: whether this node's UTC may be believed; else nothing is old.
        addresses: of other nodes' archivists, by node, one a link.
        heal: what is to be made whole, by camera.
    """

    node_id: str
    cluster_number: int
    volumes: tuple[VolumeOrder, ...]
    links: tuple[Address, ...]
    authority: Path
    credentials: Path
    healing_bytes_s: int
    placements: Mapping[str, Placement] = field(default_factory=dict)
    retention: Mapping[str, Retention] = field(default_factory=dict)
    trusts_clock: bool = True
    addresses: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    heal: Mapping[str, HealOrder] = field(default_factory=dict)


def needs_another_process(old: ArchivistOrders, new: ArchivistOrders) -> bool:
    """Whether a process that began with some orders cannot carry out others.

    Who it is, its links, credentials and throttle are fixed for the life of a process.
    """
    return _fixed(old) != _fixed(new)


def encode_orders(orders: ArchivistOrders) -> bytes:
    """One line of JSON that `parse_orders` reads as the same orders."""
    return json.dumps(
        {
            "version": VERSION,
            "node_id": orders.node_id,
            "cluster_number": orders.cluster_number,
            "volumes": [encode_volume(volume) for volume in orders.volumes],
            "links": [asdict(link) for link in orders.links],
            "authority": str(orders.authority),
            "credentials": str(orders.credentials),
            "healing_bytes_s": orders.healing_bytes_s,
            "placements": {
                camera_id: {"nodes": one.nodes, "generation": one.generation}
                for camera_id, one in orders.placements.items()
            },
            "retention": encode_retention(orders.retention),
            "trusts_clock": orders.trusts_clock,
            "addresses": {
                node_id: [asdict(one) for one in links]
                for node_id, links in orders.addresses.items()
            },
            "heal": {camera_id: _heal_document(one) for camera_id, one in orders.heal.items()},
        },
        sort_keys=True,
    ).encode()


def parse_orders(line: str | bytes) -> ArchivistOrders:
    """Read one line of orders, as `encode_orders` writes it.

    Raises:
        OrdersError: it is not of that form.
    """
    try:
        text = json.loads(line)
        if text["version"] != VERSION:
            raise OrdersError(
                f"orders of version {text['version']} reached an archivist of {VERSION}"
            )
        return ArchivistOrders(
            node_id=str(text["node_id"]),
            cluster_number=int(text["cluster_number"]),
            volumes=tuple(parse_volume(one) for one in text["volumes"]),
            links=_addresses(text["links"]),
            authority=Path(text["authority"]),
            credentials=Path(text["credentials"]),
            healing_bytes_s=int(text["healing_bytes_s"]),
            placements={
                camera_id: Placement(camera_id, tuple(one["nodes"]), int(one["generation"]))
                for camera_id, one in text["placements"].items()
            },
            retention=parse_retention(text["retention"]),
            trusts_clock=bool(text["trusts_clock"]),
            addresses={node_id: _addresses(one) for node_id, one in text["addresses"].items()},
            heal={camera_id: _heal(one) for camera_id, one in text["heal"].items()},
        )
    except json.JSONDecodeError:
        raise OrdersError("the archivist's orders are not JSON") from None
    except StoredValueError as problem:
        raise OrdersError(str(problem)) from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as problem:
        if isinstance(problem, OrdersError):
            raise
        raise OrdersError(f"the archivist's orders lack or spoil a value: {problem!r}") from None


def _heal_document(order: HealOrder) -> dict[str, Any]:
    """As `_heal` reads it; written out, since `asdict` copies each value."""
    return {
        "peers": order.peers,
        "streams": order.streams,
        "since_us": order.since_us,
        "token": order.token,
    }


def _fixed(orders: ArchivistOrders) -> tuple[object, ...]:
    return (
        orders.node_id,
        orders.cluster_number,
        orders.links,
        orders.authority,
        orders.credentials,
        orders.healing_bytes_s,
    )


def _addresses(text: Sequence[Mapping[str, Any]]) -> tuple[Address, ...]:
    return tuple(Address(str(one["host"]), int(one["port"])) for one in text)


def _heal(text: Mapping[str, Any]) -> HealOrder:
    return HealOrder(
        peers=tuple(map(str, text["peers"])),
        streams=tuple(map(str, text["streams"])),
        since_us=parse_size(text["since_us"]),
        token=str(text["token"]),
    )
