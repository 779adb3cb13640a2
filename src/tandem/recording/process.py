"""The recorder process: orders in on standard input, its state out on standard output.

Run by the node's agent as `python -m tandem.recording.process`, one for each core. It ends when its
standard input does, so it never outlives whoever gave the orders. All that reaches disks or names
is done by threads of their own; the event loop only moves bytes.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
from functools import partial
from random import Random

from tandem.clock import Clock, SystemClock
from tandem.recording.camera import StreamOrder
from tandem.recording.disks import Disks, Joined
from tandem.recording.foreign.source import ForeignSource
from tandem.recording.lines import LineReader, LineWriter
from tandem.recording.memory import backlog_bytes, usable_bytes
from tandem.recording.orders import Orders, OrdersError, VolumeOrder, parse_orders
from tandem.recording.orphan import end_soon, end_without_parent
from tandem.recording.paced_loop import PacedLoop
from tandem.recording.recorder import Recorder
from tandem.recording.relay.relays import Relays
from tandem.recording.reopening import Reopening
from tandem.recording.rtsp_source import RtspSource
from tandem.recording.session_book import SessionBook
from tandem.recording.source import Source
from tandem.recording.sweep import Sweeper
from tandem.recording.volume_opening import open_volume
from tandem.recording.volume_service import VolumeService
from tandem.recording.volumes import Volumes

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 1.0

GARBAGE_OBJECTS = 10_000
"""By so many objects there are to be more before cycles are looked for. Pictures are in none; those
that 50 cameras have in memory are thousands, which at the usual 700 are looked at all the time."""


def make_source(
    clock: Clock, random: Random, order: StreamOrder, sessions: SessionBook | None = None
) -> Source:
    """The source that receives a stream: Tandem's own for RTSP, libav for everything else."""
    if order.is_native:
        return RtspSource(order, clock, random, sessions)
    return ForeignSource(order, clock)


async def run(clock: Clock, random: Random) -> None:
    """Carry out orders until there will be no more.

    Raises:
        OrdersError: the first orders cannot be used.
    """
    lines = LineReader(sys.stdin.buffer, end_soon)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lines.end)
    first = parse_orders(await lines.readline())
    disks = Disks(backlog_bytes(usable_bytes(), len(os.sched_getaffinity(0))))

    def serve(order: VolumeOrder) -> VolumeService:
        number, reopening = first.cluster_number, Reopening(random)
        return VolumeService(order, number, disks, clock, reopening, open_volume)

    # Streams end before volumes do: what they still have is to be written.
    async with (
        asyncio.TaskGroup() as serving,
        Volumes(serve, serving) as volumes,
        asyncio.TaskGroup() as tasks,
    ):
        relays = Relays(clock, random)
        recorder = Recorder(
            disks, clock, random, partial(_source, clock, random, relays), relays.port_of, tasks
        )
        sweeper = Sweeper(disks, first.cluster_number, clock, tasks)
        helpers = [
            tasks.create_task(_report(recorder), name="status"),
            tasks.create_task(relays.run(), name="relays"),
        ]
        listeners: list[Joined] = [recorder.joined]
        if first.sweeps:
            helpers.append(tasks.create_task(sweeper.run(), name="sweeper"))
            listeners.append(sweeper.joined)
        with disks.telling(*listeners):
            await _follow(first, lines, volumes, relays, recorder, sweeper)
            await recorder.apply({})
        for helper in [*helpers, *sweeper.adopting, *recorder.learning]:
            helper.cancel()


def _source(clock: Clock, random: Random, relays: Relays, order: StreamOrder) -> Source:
    """Where a stream comes from: its camera, or another node that has its session."""
    if order.relay is not None:
        return relays.receive(order)
    sessions = relays.sessions_of(order.key)
    return relays.tap(make_source(clock, random, order, sessions), order)


async def _follow(
    orders: Orders,
    lines: LineReader,
    volumes: Volumes,
    relays: Relays,
    recorder: Recorder,
    sweeper: Sweeper,
) -> None:
    """Apply orders until the input ends; a line that is wrong changes nothing."""
    while True:
        volumes.apply(orders.volumes)
        sweeper.keep(orders.retention, trusts_clock=orders.trusts_clock)
        relays.apply(orders.relaying, orders.streams)
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


def main() -> int:
    """Run until standard input ends. Exit status 2 where the orders cannot be carried out."""
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which closes our input
    end_without_parent()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    runner = asyncio.Runner(loop_factory=PacedLoop)
    try:
        runner.run(run(SystemClock(), Random()))  # noqa: S311 - jitter, no secret
    except OrdersError as problem:
        log.critical("%s", problem)
        return 2
    except BaseException:
        log.exception("the recorder ended by a defect")
        raise
    return 0


if __name__ == "__main__":
    # Not by the interpreter's own end, which waits for every thread of the event loop's pool: a
    # name server that hangs, or a disk, would keep this process. All is closed by now.
    status = 1
    try:
        status = main()
    finally:
        os._exit(status)
