"""How a node is, as a JSON document (docs/reference/status.md)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tandem.clock import Clock
from tandem.cluster.model import Placement
from tandem.node.agent.work import Work
from tandem.node.pulse.messages import Report
from tandem.node.recorders.report import NodeReport
from tandem.node.store.model import MemberStatus
from tandem.recording.camera import StreamKey

Json = dict[str, Any]
Waits = Callable[[StreamKey, Mapping[str, Any]], bool]


def store_document(members: Sequence[MemberStatus], problem: str) -> Json:
    """The store, as this node sees it.

    Args:
        members: each endpoint's own word.
        problem: why this node could not use it the last time; "" if it could.
    """
    by_name: dict[str, MemberStatus] = {}
    for member in members:  # one for each link; the one that answers speaks
        name = member.name.split(" ", 1)[0]
        if name not in by_name or by_name[name].problem:
            by_name[name] = member
    return {
        "problem": problem or None,
        "members": [
            {
                "name": name,
                "leader": bool(member.leader) and member.leader == member.member,
                "version": member.version,
                "alarms": list(member.alarms),
                "problem": member.problem,
            }
            for name, member in by_name.items()
        ],
    }


def recording_document(
    report: NodeReport | None,
    work: Work,
    placements: Mapping[str, Placement],
    waits: Waits,
) -> Json:
    """Recorders, volumes and streams of this node.

    Args:
        report: what the recorders say; None while there are none.
        work: this node's part.
        placements: by camera.
        waits: see `Turns.waits`.
    """
    if report is None:
        return {"recorders": [], "volumes": [], "dropped_bytes": 0, "streams": []}
    return {
        "recorders": [
            {
                "condition": str(one.condition),
                "pid": one.pid,
                "restarts": one.restarts,
                "problem": one.problem,
            }
            for one in report.recorders
        ],
        "volumes": [dict(one) for one in report.volumes.values()],
        "dropped_bytes": report.dropped_bytes,
        "streams": list(_streams(report.streams, work, placements, waits)),
    }


def _streams(
    streams: Mapping[StreamKey, Mapping[str, Any]],
    work: Work,
    placements: Mapping[str, Placement],
    waits: Waits,
) -> Iterable[Json]:
    """What is recorded on until others have it stands in for them."""
    for key, said in streams.items():
        duty, placement = work.duty_of(key), placements.get(key[0])
        yield {
            **said,
            "generation": placement.generation if placement else None,
            "stands_in": duty is None or duty.stands_in,
            "waits": waits(key, said),
        }


def session_document(report: Report, clock: Clock) -> Json:
    """This node's session.

    Args:
        report: of the pulse.
        clock: of this node.
    """
    ago_us = None if report.renewed_us is None else clock.boot_us() - report.renewed_us
    return {
        "phase": report.phase,
        "epoch": report.epoch,
        "renewed_us": None if ago_us is None else clock.utc_us() - ago_us,
    }
