"""The recorder process: orders in on standard input, its state out on standard output.

Run by the node's agent as `python -m tandem.recording.process`, one for each core. It ends when its
standard input does, so it never outlives whoever gave the orders. All that reaches disks or names
is done by threads of their own; the event loop only moves bytes.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from uuid import UUID

from tandem.archive.archive import Archive
from tandem.archive.errors import ArchiveError
from tandem.archive.mount import Mounted
from tandem.clock import Clock, SystemClock
from tandem.recording.camera import StreamOrder
from tandem.recording.disks import Disks
from tandem.recording.foreign.source import ForeignSource
from tandem.recording.lines import LineReader, LineWriter
from tandem.recording.orders import Orders, OrdersError, parse_orders
from tandem.recording.orphan import end_soon, end_without_parent
from tandem.recording.paced_loop import paced_loop
from tandem.recording.recorder import Recorder
from tandem.recording.rtsp_source import RtspSource
from tandem.recording.source import Source
from tandem.recording.sweep import Sweeper
from tandem.recording.volume_opening import open_volume
from tandem.recording.volume_writer import Report, VolumeWriter

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0

LAST_SYNC_S = 10.0
"""How long a disk may take to close its segments when the recorder ends in good order."""


def make_source(clock: Clock, random: Random, order: StreamOrder) -> Source:
    """The source that receives a stream: Tandem's own for RTSP, libav for everything else."""
    if order.is_native:
        return RtspSource(order, clock, random)
    return ForeignSource(order, clock)


async def run(clock: Clock, random: Random) -> None:
    """Carry out orders until there will be no more.

    Raises:
        OrdersError: the first orders cannot be used.
        ArchiveError: none of their volumes can be opened.
    """
    lines = LineReader(sys.stdin.buffer, end_soon)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lines.end)
    first = parse_orders(await lines.readline())
    volumes = await _open(first)
    disks = _start_writers(volumes, clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            archive = Archive(volumes)
            sources = partial(make_source, clock, random)
            recorder = Recorder(disks, clock, random, sources, archive.recorded_until_us, tasks)
            sweeper = Sweeper(archive, disks, clock)
            helpers = [tasks.create_task(_report(recorder), name="status")]
            if first.sweeps:
                helpers.append(tasks.create_task(sweeper.run(), name="sweeper"))
            await _follow(first, lines, recorder, sweeper)
            await recorder.apply({})
            for helper in helpers:
                helper.cancel()
    finally:
        await asyncio.to_thread(_stop, disks)


async def _follow(orders: Orders, lines: LineReader, recorder: Recorder, sweeper: Sweeper) -> None:
    """Apply orders until the input ends; a line that is wrong changes nothing."""
    while True:
        sweeper.keep(orders.retention)
        await recorder.apply({order.key: order for order in orders.streams})
        line = await lines.readline()
        if not line:
            return
        try:
            orders = parse_orders(line)
        except OrdersError as problem:
            log.error("orders refused, recording goes on as before: %s", problem)


async def _report(recorder: Recorder) -> None:
    """Write the state once a second, one line each."""
    writer = LineWriter(sys.stdout.buffer)
    while True:
        writer.write(json.dumps(recorder.status()).encode())
        await asyncio.sleep(STATUS_INTERVAL_S)


async def _open(orders: Orders) -> list[Mounted]:
    """Open every volume that can be opened; of the others the log says what is wrong."""
    volumes: list[Mounted] = []
    problems: list[str] = []
    for volume in orders.volumes:
        try:
            volumes.append(await asyncio.to_thread(open_volume, volume, orders.cluster_number))
        except ArchiveError as problem:
            log.error("%s", problem)
            problems.append(str(problem))
    if not volumes:
        raise ArchiveError("no volume can be written to: " + " ".join(problems))
    return volumes


def _start_writers(volumes: Sequence[Mounted], clock: Clock) -> Disks:
    loop = asyncio.get_running_loop()

    def reporter(volume_id: UUID) -> Callable[[Report], None]:
        def report(what: Report) -> None:
            loop.call_soon_threadsafe(disks.reported, volume_id, what)

        return report

    writers = {
        mounted.volume_id: VolumeWriter(mounted, clock, reporter(mounted.volume_id))
        for mounted in volumes
    }
    disks = Disks(writers)
    for writer in writers.values():
        writer.start()
    return disks


def _stop(disks: Disks) -> None:
    for state in disks.volumes.values():
        if not state.is_dead and not state.writer.stop(LAST_SYNC_S):
            log.error("%s: not everything reached the disk", state.writer.volume.root)


def main() -> int:
    """Run until standard input ends. Exit status 2 where the orders cannot be carried out."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which closes our input
    end_without_parent()
    try:
        with asyncio.Runner(loop_factory=paced_loop) as runner:
            runner.run(run(SystemClock(), Random()))  # noqa: S311 - jitter, no secret
    except (OrdersError, ArchiveError) as problem:
        log.critical("%s", problem)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
