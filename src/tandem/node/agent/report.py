"""How a node is, as a JSON document (docs/reference/status.md)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tandem.clock import Clock
from tandem.cluster.link_quality import Quality
from tandem.cluster.model import Placement
from tandem.cluster.suspicion import State
from tandem.node.agent.membership import Membership
from tandem.node.agent.work import Work
from tandem.node.recorders.report import NodeReport
from tandem.node.store.model import MemberStatus
from tandem.recording.camera import StreamKey

Json = dict[str, Any]
Waits = Callable[[StreamKey, Mapping[str, Any]], bool]


def peers_document(state: State) -> list[Json]:
    """The other nodes, as this one hears them.

    Args:
        state: of the heartbeats.
    """
    return [
        {
            "node_id": name,
            "suspected": peer.verdict.is_down,
            "links": [
                {
                    "link": link,
                    "inbound": not known.inbound.is_down,
                    "outbound": not known.outbound.is_down,
                    **_quality_document(known.quality),
                }
                for link, known in peer.links.items()
            ],
        }
        for name, peer in state.peers.items()
    ]


def _quality_document(quality: Quality) -> Json:
    round_trip_us, usual_us = quality.round_trip_us, quality.usual_us
    return {
        "latency_us": None if round_trip_us is None else round(round_trip_us / 2),
        "round_trip_us": None if round_trip_us is None else round(round_trip_us),
        "usual_round_trip_us": None if usual_us is None else round(usual_us),
        "loss": round(quality.loss, 4),
        "loss_there": None if quality.loss_there is None else round(quality.loss_there, 4),
    }


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


def session_document(membership: Membership, clock: Clock) -> Json:
    """This node's session.

    Args:
        membership: of this node.
        clock: of this node.
    """
    known, renewed_us = membership.state.known, membership.renewed_us
    ago_us = None if renewed_us is None else clock.boot_us() - renewed_us
    return {
        "phase": membership.state.phase.value,
        "epoch": known.session.epoch if known else None,
        "renewed_us": None if ago_us is None else clock.utc_us() - ago_us,
    }
