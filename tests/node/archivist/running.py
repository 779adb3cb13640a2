"""Archivists under test as an agent has them: processes of their own, on volumes of their own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from time import monotonic, time_ns
from typing import Any
from uuid import UUID

from tests.archive.material import CLUSTER, NO_FLOOR, create
from tests.node.archivist.material import CAMERA
from tests.node.test_tls import Files

from tandem.archive.deletion import Retention
from tandem.archive.mount import Mounted, mount
from tandem.clock import SystemClock
from tandem.cluster.model import Placement
from tandem.node.archivist.child import ArchivistChild
from tandem.node.archivist.contents import read_contents
from tandem.node.archivist.orders import ArchivistOrders, HealOrder
from tandem.node.archivist.view import Address
from tandem.recording.orders import VolumeOrder

DEADLINE_S = 60.0
POLL_S = 0.02
MINUTE_US = 60_000_000
NOWHERE = Address("127.0.0.1", 1)
"""Of a node that asks, and is not asked."""
PLACEMENT = Placement(CAMERA, ("n1", "n3"), 1)


def now_us() -> int:
    return time_ns() // 1000


def volume_of(directory: Path, name: str) -> VolumeOrder:
    root = directory / name
    volume_id = UUID(int=ord(name[-1]))
    if not root.exists():
        create(root, volume_id)
    return VolumeOrder(root, volume_id, NO_FLOOR)


def orders_of(directory: Path, files: Files, name: str) -> ArchivistOrders:
    return ArchivistOrders(
        node_id=name,
        cluster_number=CLUSTER,
        volumes=(volume_of(directory, name),),
        links=(Address("127.0.0.1", 0),),
        authority=files.authority,
        credentials=files.node(name),
        healing_bytes_s=1 << 40,
        placements={CAMERA: PLACEMENT},
        retention={CAMERA: Retention(window_us=10 * MINUTE_US)},
        addresses=dict.fromkeys(PLACEMENT.nodes, (NOWHERE,)),
    )


class Bench:
    """One archivist, and what is wanted of it."""

    def __init__(self, child: ArchivistChild, orders: ArchivistOrders) -> None:
        self.child = child
        self.orders = orders
        child.order(orders)

    def want(self, **changes: Any) -> None:
        self.orders = replace(self.orders, **changes)
        self.child.order(self.orders)

    def heal(self, peers: Mapping[str, "Bench"], token: str = "1") -> None:
        self.want(
            addresses={name: peer.addresses for name, peer in peers.items()},
            heal={CAMERA: HealOrder(tuple(peers), ("main",), None, token)},
        )

    @property
    def state(self) -> dict[str, Any]:
        return self.child.report().status or {}

    @property
    def addresses(self) -> Sequence[Address]:
        return tuple(
            Address(one["host"], one["port"])
            for one in self.state["listening"]
            if one["problem"] is None
        )

    @property
    def pid(self) -> int:
        pid = self.child.report().pid
        assert pid is not None
        return pid

    @property
    def camera(self) -> dict[str, Any]:
        """What is said of its copy; nothing once it is whole."""
        return dict(self.state.get("cameras", {}).get(CAMERA, {}))

    @property
    def filed(self) -> int:
        """How many segments it has healed since it was started."""
        return int(self.state.get("healing", {}).get("filed", 0))

    async def listens(self) -> None:
        await self.until(
            lambda: bool(self.state.get("listening")) and bool(self.addresses), "it listens"
        )

    async def is_whole(self) -> None:
        whole = {"ordered": 1, "whole": 1}
        await self.until(lambda: self.state.get("copies") == whole, "it is whole")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = monotonic() + DEADLINE_S
        while not condition():
            assert monotonic() < deadline, f"Never: {what}; {self.child.report()}"
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def running(orders: ArchivistOrders) -> AsyncGenerator[Bench, None]:
    """An archivist that runs, ended in good order."""
    child = ArchivistChild(SystemClock(), Random(1))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(child.run())
        try:
            yield Bench(child, orders)
        finally:
            task.cancel()


def mounted_of(directory: Path, name: str) -> Mounted:
    """The same volume, in the test's own process: as a recorder has it."""
    order = volume_of(directory, name)
    return mount(order.path, order.volume_id, CLUSTER, NO_FLOOR)


def pictures_of(mounted: Mounted, until_us: int | None = None) -> list[bytes]:
    """The pictures that a volume has, as often as it has them."""
    return [
        picture.identity
        for row in mounted.reader.all_segments()
        if row.durable_bytes
        for picture in read_contents(mounted.volume, row).pictures
        if until_us is None or picture.time_us < until_us
    ]
