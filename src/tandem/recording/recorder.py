"""The streams of one recorder process: begun, changed and ended as ordered."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from tandem.archive.errors import ArchiveError
from tandem.archive.rows import Gap as GapRow
from tandem.clock import Clock
from tandem.media.fragmenter import Fragment
from tandem.recording.camera import StreamKey, StreamOrder
from tandem.recording.disks import Disks
from tandem.recording.gap_causes import gap_cause
from tandem.recording.orders import VolumeOrder
from tandem.recording.source import Cause, Source, SourceError
from tandem.recording.status import stream_status, volume_status
from tandem.recording.stream_recording import Gap, StreamSink, record
from tandem.recording.volume_questions import VolumeQuestions

log = logging.getLogger(__name__)

STATUS_VERSION = 1

UNREADY_S = 2.0
"""Without a volume for so long, a stream says so; usual ones are open in a tenth of it."""


class Recorder:
    """Records what it was ordered to.

    Args:
        disks: where to.
        clock: of the node.
        random: jitter of the attempts to connect.
        make_source: a fresh source for an order.
        relay_port: where recorders of other nodes can have a stream; None where they cannot.
        tasks: its streams run in it, and end with it.
    """

    def __init__(
        self,
        disks: Disks,
        clock: Clock,
        random: Random,
        make_source: Callable[[StreamOrder], Source],
        relay_port: Callable[[StreamKey], int | None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._disks = disks
        self._clock = clock
        self._random = random
        self._make_source = make_source
        self._relay_port = relay_port
        self._tasks = tasks
        self._learning: set[asyncio.Task[None]] = set()
        self._running: dict[StreamKey, tuple[StreamSink, asyncio.Task[None]]] = {}

    async def apply(self, streams: Mapping[StreamKey, StreamOrder]) -> None:
        """Make the running streams those that are wanted.

        A stream whose connection is not concerned by a change (its role or its camera's name) goes
        on without losing a picture. One that is to come from elsewhere, the camera or another node,
        or in another way, goes on as the same recording: it is asked for at once, whatever failed
        before.
        """
        ending: dict[StreamKey, asyncio.Task[None]] = {}
        for key, (sink, task) in self._running.items():
            wanted = streams.get(key)
            if wanted is not None and _same_connection(sink.order, wanted):
                self._relabel(sink, wanted)
            else:
                task.cancel()
                ending[key] = task
        if ending:
            await asyncio.wait(ending.values())
        for key in ending:
            sink, _ = self._running.pop(key)
            wanted = streams.get(key)
            if wanted is not None:
                self._switch(sink, wanted)
            else:
                self._disks.end(key)
        begun = [self._begin(order) for key, order in streams.items() if key not in self._running]
        for state in self._disks.volumes.values():
            if begun and state.questions is not None:
                self._learn(state.questions, begun)

    def joined(self, _: VolumeOrder, questions: VolumeQuestions) -> None:
        """A volume came into service: it may know what was recorded before."""
        if self._running:
            self._learn(questions, [sink for sink, _ in self._running.values()])

    @property
    def learning(self) -> list[asyncio.Task[None]]:
        """What waits for volumes to tell what was recorded before; may be cancelled."""
        return list(self._learning)

    def status(self) -> dict[str, Any]:
        """The state of every stream and volume, as JSON values."""
        return {
            "version": STATUS_VERSION,
            "at_us": self._clock.utc_us(),
            "streams": [
                stream_status(sink, self._disks.durable_until_us.get(key), self._relay_port(key))
                for key, (sink, _) in sorted(self._running.items())
            ],
            "volumes": [
                volume_status(volume_id, state)
                for volume_id, state in sorted(self._disks.volumes.items())
            ],
            "dropped_bytes": self._disks.dropped_bytes,
        }

    def _learn(self, questions: VolumeQuestions, sinks: Sequence[StreamSink]) -> None:
        task = self._tasks.create_task(_learn(questions, sinks), name="what was recorded before")
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    def _begin(self, order: StreamOrder) -> StreamSink:
        sink = StreamSink(order, self._clock, self._keep, self._note)
        self._run(sink)
        return sink

    def _run(self, sink: StreamSink) -> None:
        task = self._tasks.create_task(self._record(sink), name=sink.order.label)
        self._running[sink.order.key] = (sink, task)

    async def _record(self, sink: StreamSink) -> None:
        """Record a stream, as soon as there is anywhere to record it to."""
        try:
            try:
                async with asyncio.timeout(UNREADY_S):
                    await self._disks.ready.wait()
            except TimeoutError:
                sink.wait_for_volume(self._disks.problem())
                await self._disks.ready.wait()
        except asyncio.CancelledError:
            sink.close()
            raise
        await record(sink, self._make_source, self._random)

    def _switch(self, sink: StreamSink, order: StreamOrder) -> None:
        """Go on with other pictures; why there were none before them is not forgotten."""
        why = _why_switched(sink.order, order)
        self._relabel(sink, order)
        if sink.state.connected:
            sink.switch(why)
        self._run(sink)

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


async def _learn(questions: VolumeQuestions, sinks: Sequence[StreamSink]) -> None:
    """Ask a volume up to when streams were recorded; what it does not tell is no gap."""
    keys = [sink.order.key for sink in sinks]
    try:
        ends = await questions.ask(lambda _, reader: [reader.last_end_us(*key) for key in keys])
    except ArchiveError as problem:
        log.warning("what was recorded before is not known: %s", problem)
        return
    for sink, end_us in zip(sinks, ends, strict=True):
        if end_us is not None:
            sink.recorded_before(end_us)


def _same_connection(one: StreamOrder, other: StreamOrder) -> bool:
    """Whether they differ at most in what no connection depends on.

    What another node passes on is received in the same way, however the camera is asked there.
    """
    if one.relay != other.relay:
        return False
    return one.relay is not None or one.connection == other.connection


def _why_switched(before: StreamOrder, order: StreamOrder) -> SourceError:
    """Why a stream that was received has to be asked for anew."""
    if order.relay is not None:
        node = order.relay.node_id
        return SourceError(Cause.RELAY, f"node {node} is asked to pass it on from now on")
    if before.relay is not None:
        node = before.relay.node_id
        why = f"node {node} passes it on no more, so the camera itself is asked"
        return SourceError(Cause.RELAY, why)
    why = f"the camera's settings were changed ({_changed(before, order)}), so it is asked anew"
    return SourceError(Cause.CHANGED, why)


def _changed(before: StreamOrder, order: StreamOrder) -> str:
    """What of a camera's settings differs, in words; never a value, which may be a password."""
    names = {
        "URL": before.url != order.url,
        "login": before.login != order.login,
        "transport": before.transport is not order.transport,
        "sound": before.audio != order.audio,
    }
    return " and ".join(name for name, differs in names.items() if differs)
