"""The streams of one recorder process: begun, changed and ended as ordered."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from tandem.archive.rows import Gap as GapRow
from tandem.clock import Clock
from tandem.media.fragmenter import Fragment
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.disks import Disks
from tandem.recording.gap_causes import gap_cause
from tandem.recording.source import Source
from tandem.recording.status import stream_status, volume_status
from tandem.recording.stream_recording import Gap, StreamSink, record

STATUS_VERSION = 1


class Recorder:
    """Records what it was ordered to.

    Args:
        disks: where to.
        clock: of the node.
        random: jitter of the attempts to connect.
        make_source: a fresh source for an order.
        recorded_until_us: end of what is recorded of a stream; asks the disks, so it blocks.
        tasks: its streams run in it, and end with it.
    """

    def __init__(
        self,
        disks: Disks,
        clock: Clock,
        random: Random,
        make_source: Callable[[StreamOrder], Source],
        recorded_until_us: Callable[[StreamKey], int | None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._disks = disks
        self._clock = clock
        self._random = random
        self._make_source = make_source
        self._recorded_until_us = recorded_until_us
        self._tasks = tasks
        self._running: dict[StreamKey, tuple[StreamSink, asyncio.Task[None]]] = {}

    async def apply(self, streams: Mapping[StreamKey, StreamOrder]) -> None:
        """Make the running streams those that are wanted.

        A stream whose connection is not concerned by a change (its role or its camera's name) goes
        on without losing a picture.
        """
        for key, (sink, task) in list(self._running.items()):
            wanted = streams.get(key)
            if wanted is not None and _same_connection(sink.order, wanted):
                self._relabel(sink, wanted)
                continue
            task.cancel()
            await asyncio.wait([task])
            del self._running[key]
            self._disks.end(key)
        new = [order for key, order in streams.items() if key not in self._running]
        ends = await asyncio.to_thread(lambda: [self._recorded_until_us(one.key) for one in new])
        for order, end_us in zip(new, ends, strict=True):
            self._begin(order, end_us)

    def status(self) -> dict[str, Any]:
        """The state of every stream and volume, as JSON values."""
        return {
            "version": STATUS_VERSION,
            "at_us": self._clock.utc_us(),
            "streams": [
                stream_status(sink, self._disks.durable_until_us.get(key))
                for key, (sink, _) in sorted(self._running.items())
            ],
            "volumes": [
                volume_status(volume_id, state)
                for volume_id, state in sorted(self._disks.volumes.items())
            ],
            "dropped_bytes": self._disks.dropped_bytes,
        }

    def _begin(self, order: StreamOrder, recorded_until_us: int | None) -> None:
        sink = StreamSink(order, self._clock, self._keep, self._note, recorded_until_us)
        task = self._tasks.create_task(
            record(sink, self._make_source, self._random), name=order.label
        )
        self._running[order.key] = (sink, task)

    def _relabel(self, sink: StreamSink, order: StreamOrder) -> None:
        if sink.order.role is not order.role:
            self._disks.end(order.key)
        sink.order = order

    def _keep(self, order: StreamOrder, fragment: Fragment) -> None:
        self._disks.keep(order, fragment)

    def _note(self, order: StreamOrder, gap: Gap) -> None:
        cause = gap_cause(gap.cause)
        self._disks.note(
            GapRow(order.camera_id, order.stream, gap.from_us, gap.to_us, cause, gap.detail)
        )


def _same_connection(one: StreamOrder, other: StreamOrder) -> bool:
    return replace(one, camera_name="", role=other.role) == replace(other, camera_name="")
