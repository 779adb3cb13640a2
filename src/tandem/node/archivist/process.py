"""The archivist process: orders in on standard input, its state out on standard output.

Run by the node's agent as `python -m tandem.node.archivist`, one a node. It ends when its standard
input does, so it never outlives whoever gave the orders.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from random import Random
from typing import Any, Final

from tandem.archive.deletion import Retention
from tandem.clock import Clock, SystemClock
from tandem.cluster.model import Placement
from tandem.node.archivist.archivist import Archivist, Settings, open_archivist
from tandem.node.archivist.healing import Progress
from tandem.node.archivist.orders import ArchivistOrders, parse_orders
from tandem.node.archivist.reconciler import Reconciler
from tandem.node.archivist.view import Address
from tandem.node.archivist.volumes import Volumes
from tandem.node.authority import AuthorityError
from tandem.recording.lines import LineReader, LineWriter
from tandem.recording.orders import OrdersError
from tandem.recording.orphan import end_soon, end_without_parent

log = logging.getLogger(__name__)

STATUS_VERSION: Final = 1
STATUS_INTERVAL_S: Final = 1.0

_THREADS: Final = 32
"""Each may wait for a disk that hangs, and others must still be served."""


class OrdersView:
    """The cluster as the newest orders say.

    Args:
        orders: to begin with.
        clock: of this node.

    Attributes:
        orders: the newest.
    """

    def __init__(self, orders: ArchivistOrders, clock: Clock) -> None:
        self.orders = orders
        self._clock = clock

    def placements(self) -> Mapping[str, Placement]:
        """See `View.placements`."""
        return self.orders.placements

    def retention(self) -> Mapping[str, Retention]:
        """See `View.retention`."""
        return self.orders.retention

    def utc_us(self) -> int | None:
        """See `View.utc_us`."""
        return self._clock.utc_us() if self.orders.trusts_clock else None

    def addresses(self, node_id: str) -> Sequence[Address]:
        """See `View.addresses`."""
        return self.orders.addresses.get(node_id, ())


class _Report:
    """What the process says of itself, each second from its first moment on."""

    def __init__(self, volumes: Volumes, clock: Clock) -> None:
        self.parts: tuple[Archivist, Reconciler] | None = None
        self._volumes = volumes
        self._clock = clock

    async def run(self) -> None:
        writer = LineWriter(sys.stdout.buffer)
        while True:
            writer.write(json.dumps(self._status()).encode())
            await asyncio.sleep(STATUS_INTERVAL_S)

    def _status(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "version": STATUS_VERSION,
            "at_us": self._clock.utc_us(),
            "listening": [],
            "volumes": self._volumes.status(),
            "promised_segments": 0,
            "dropped_segments": 0,
            "healing": asdict(Progress()),
            "encoded_separately": [],
            "copies": {"ordered": 0, "whole": 0},
            "cameras": {},
        }
        return said if self.parts is None else said | _status_of(*self.parts)


def _status_of(archivist: Archivist, reconciler: Reconciler) -> dict[str, Any]:
    progress = archivist.healer.progress
    return {
        "listening": [
            {
                "host": one.wanted.host,
                "port": one.taken.port if one.taken else one.wanted.port,
                "problem": one.problem,
            }
            for one in archivist.listening.sockets
        ],
        "promised_segments": archivist.promiser.promised,
        "dropped_segments": archivist.dropper.dropped,
        "healing": asdict(progress) | {"waiting": progress.waiting + reconciler.waiting},
        "encoded_separately": sorted(archivist.holdings.separate.copy()),
        **reconciler.report(),
    }


async def run(clock: Clock, random: Random) -> None:
    """Carry out orders until there will be no more.

    Raises:
        OrdersError: the first orders cannot be used.
        AuthorityError: this node's certificates cannot.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="disk"))
    lines = LineReader(sys.stdin.buffer, end_soon)
    loop.add_signal_handler(signal.SIGTERM, lines.end)
    orders = parse_orders(await lines.readline())
    view = OrdersView(orders, clock)
    volumes = Volumes(orders.volumes, orders.cluster_number)
    report = _Report(volumes, clock)
    settings = Settings(
        node_id=orders.node_id,
        links=orders.links,
        authority=orders.authority,
        credentials=orders.credentials,
        healing_bytes_s=orders.healing_bytes_s,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(volumes.run(), name="volumes")]
            helpers.append(tasks.create_task(report.run(), name="status"))
            await volumes.opened()
            opening = open_archivist(settings, volumes.archive, view, clock)
            async with opening as archivist:
                parts = archivist.holdings, view, archivist.peers, archivist.healer
                reconciler = Reconciler(*parts, clock, random)
                reconciler.order(orders.heal)
                report.parts = archivist, reconciler
                helpers.append(tasks.create_task(archivist.run(), name="archivist"))
                helpers.append(tasks.create_task(reconciler.run(), name="reconciler"))
                helpers.append(tasks.create_task(_compare_anew(volumes, reconciler)))
                await _follow(lines, view, volumes, reconciler)
                end_soon()
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
    finally:
        await asyncio.to_thread(volumes.close)


async def _compare_anew(volumes: Volumes, reconciler: Reconciler) -> None:
    """Compare all copies again whenever the volumes are others: what was on one lacks now."""
    volumes.changed.clear()  # the first ones are no news
    while True:
        await volumes.changed.wait()
        volumes.changed.clear()
        reconciler.begin_anew()


async def _follow(
    lines: LineReader, view: OrdersView, volumes: Volumes, reconciler: Reconciler
) -> None:
    """Take orders until the input ends; a line that is wrong changes nothing."""
    while line := await lines.readline():
        try:
            view.orders = parse_orders(line)
        except OrdersError as problem:
            log.error("orders refused, all goes on as before: %s", problem)
        else:
            volumes.apply(view.orders.volumes)
            reconciler.order(view.orders.heal)


def main() -> int:
    """Run until standard input ends. Exit status 2 where the orders cannot be carried out."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which closes our input
    end_without_parent()
    status = 0
    try:
        asyncio.run(run(SystemClock(), Random()))  # noqa: S311 - jitter, no secret
    except* (OrdersError, AuthorityError) as problems:
        for problem in problems.exceptions:
            log.critical("%s", problem)
        status = 2
    return status
