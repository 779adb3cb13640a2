"""What a recorder says of itself, as JSON values. Times are UTC microseconds."""

from typing import Any
from uuid import UUID

from tandem.recording.disks import VolumeState
from tandem.recording.stream_recording import StreamSink


def stream_status(
    sink: StreamSink, durable_until_us: int | None, relay_port: int | None
) -> dict[str, Any]:
    """One stream.

    Args:
        sink: of the stream.
        durable_until_us: capture time up to which it is on a disk.
        relay_port: where recorders of other nodes can have it; None where they cannot.
    """
    relay = sink.order.relay
    state, counters, clock = sink.state, sink.state.counters, sink.video_clock
    return {
        "camera_id": sink.order.camera_id,
        "camera_name": sink.order.camera_name,
        "stream": sink.order.stream,
        "role": sink.order.role,
        "connected": state.connected,
        "since_us": state.since_us,
        "cause": state.failure.cause if state.failure else None,
        "message": state.failure.message if state.failure else None,
        "recorded_until_us": state.last_picture_us,
        "durable_until_us": durable_until_us,
        "pictures": counters.pictures,
        "keyframes": counters.keyframes,
        "bytes": counters.bytes,
        "lost_packets": counters.lost_packets,
        "last_loss_us": state.last_loss_us,
        "damaged_pictures": counters.damaged_pictures,
        "held_back_pictures": counters.held_back_pictures,
        "connections": counters.connections,
        "failures": counters.failures,
        "time_source": clock.follows,
        "camera_offset_us": clock.camera_offset_us,
        "relay_port": relay_port,
        "relayed_from": relay.node_id if relay else None,
    }


def volume_status(volume_id: UUID, state: VolumeState) -> dict[str, Any]:
    """One volume, as this recorder sees it."""
    space, problem = state.space, state.problem
    if problem is None and state.writer is not None and state.writer.patience.hangs:
        problem = f"{state.path}: its disk has not answered for a while. See `dmesg`."
    return {
        "volume_id": str(volume_id),
        "path": str(state.path),
        "problem": problem,
        "dead": state.is_dead,
        "in_service": state.writer is not None,
        "backlog_bytes": state.writer.backlog_bytes if state.writer else 0,
        "free_bytes": space.free_bytes if space else None,
        "recorded_bytes": space.recorded_bytes if space else None,
        "room_bytes": space.room_bytes if space else None,
    }
