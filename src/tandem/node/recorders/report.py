"""What the recorders of a node say together: each stream and each volume once. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tandem.archive.rows import GapCause
from tandem.node.children.health import Condition
from tandem.node.children.slot import ChildReport, StatusError
from tandem.node.recorders.wanted import Wanted
from tandem.recording.camera import StreamKey, StreamName, StreamOrder
from tandem.recording.recorder import STATUS_VERSION

_WHY: Final = {
    Condition.WAITING: "its recorder has ended, and is started again",
    Condition.STARTING: "its recorder opens the volumes",
    Condition.HUNG: "its recorder has said nothing for a while, and is replaced before long",
    Condition.LOST: "its recorder hangs, and is being replaced",
}


@dataclass(frozen=True, slots=True)
class Status:
    """What one recorder said last.

    Attributes:
        at_us: when, UTC.
        streams: as `tandem.recording.status.stream_status` has them.
        volumes: as `tandem.recording.status.volume_status` has them, by id.
        dropped_bytes: video that no disk took.
    """

    at_us: int
    streams: Mapping[StreamKey, Mapping[str, Any]] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dropped_bytes: int = 0


RecorderReport = ChildReport[Status]
"""One recorder process."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """All recorders of a node.

    Attributes:
        recorders: each process, in order.
        streams: each stream that is wanted, as its recorder said; where that one is not well it
            counts as not connected, with the cause `recorder_down`.
        volumes: each volume that is wanted, by id. `backlog_bytes` is the sum; what is measured
            is of the latest word; `dead` where any recorder has given it up; `recorders` says how
            many have it open.
        dropped_bytes: video that no disk took, since the present processes were started.
    """

    recorders: tuple[RecorderReport, ...]
    streams: Mapping[StreamKey, Mapping[str, Any]]
    volumes: Mapping[str, Mapping[str, Any]]
    dropped_bytes: int


def parse_status(line: bytes) -> Status:
    """Read a recorder's line.

    Raises:
        StatusError: it is none, or of another version.
    """
    try:
        text = json.loads(line)
        _check_version(text["version"])
        return Status(
            at_us=int(text["at_us"]),
            streams={(it["camera_id"], StreamName(it["stream"])): it for it in text["streams"]},
            volumes={it["volume_id"]: it for it in text["volumes"]},
            dropped_bytes=int(text["dropped_bytes"]),
        )
    except StatusError:
        raise
    except (ValueError, KeyError, TypeError) as problem:
        raise StatusError(
            f"A recorder wrote what is no status ({type(problem).__name__}: {problem})."
        ) from None


def _check_version(version: object) -> None:
    if version != STATUS_VERSION:
        raise StatusError(f"A recorder wrote a status of version {version}, not {STATUS_VERSION}.")


def merge(
    wanted: Wanted, places: Mapping[str, int], recorders: Sequence[RecorderReport]
) -> NodeReport:
    """Make one report of all recorders'.

    Args:
        wanted: of the node.
        places: the process of each camera.
        recorders: each process, in order.
    """
    said = [one.status for one in recorders if one.status is not None]
    return NodeReport(
        recorders=tuple(recorders),
        streams={one.key: _stream(one, recorders[places[one.camera_id]]) for one in wanted.streams},
        volumes={
            str(one.volume_id): {"volume_id": str(one.volume_id), "path": str(one.path)}
            | _volume([it for status in said for it in _about(status, str(one.volume_id))])
            for one in wanted.volumes
        },
        dropped_bytes=sum(status.dropped_bytes for status in said),
    )


def _stream(order: StreamOrder, recorder: RecorderReport) -> Mapping[str, Any]:
    known = recorder.status.streams.get(order.key) if recorder.status else None
    named = {
        "camera_id": order.camera_id,
        "camera_name": order.camera_name,
        "stream": order.stream,
        "role": order.role,
    }
    if recorder.condition is not Condition.RUNNING:
        down = {
            "connected": False,
            "cause": GapCause.RECORDER_DOWN,
            "message": f"{order.label}: {recorder.problem or _WHY[recorder.condition]}",
        }
        return {**(known or {}), **named, **down}
    return known or {**named, "connected": False, "cause": None, "message": None}


def _about(status: Status, volume_id: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    if volume_id in status.volumes:
        yield status.at_us, status.volumes[volume_id]


def _volume(said: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    measured = [it for it in said if it[1]["free_bytes"] is not None]
    _, latest = max(measured, key=lambda it: it[0], default=(0, {}))
    problems = dict.fromkeys(it["problem"] for _, it in said if it["problem"])  # each once
    return {
        "problem": "; ".join(problems) or (None if said else "no recorder has it open"),
        "dead": any(it["dead"] for _, it in said),
        "backlog_bytes": sum(it["backlog_bytes"] for _, it in said),
        "free_bytes": latest.get("free_bytes"),
        "recorded_bytes": latest.get("recorded_bytes"),
        "room_bytes": latest.get("room_bytes"),
        "recorders": len(said),
    }
