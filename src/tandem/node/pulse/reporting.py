"""What the pulse tells of everything: a `Report` out of the states of its parts. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from tandem.cluster.exclusive.state import State as EngineState
from tandem.cluster.link_quality import Quality
from tandem.cluster.suspicion import State
from tandem.node.pulse.engine import Engine
from tandem.node.pulse.messages import Json, Report
from tandem.node.pulse.node_hands import NodeHands


def report_of(
    heard: State,
    engine: Engine,
    hands: NodeHands,
    returns: Mapping[str, int],
    health: Mapping[str, Any],
) -> Report:
    """How everything is now.

    Args:
        heard: of the heartbeats.
        engine: of what is exclusive.
        hands: of the engine.
        returns: by node, how often it came back.
        health: of the pulse itself.
    """
    state = engine.state
    known = state.chain.known
    renewed_us = state.renewed_until_us - state.timing.guarantee_us
    return Report(
        suspected=heard.suspected,
        reached=heard.reached,
        returns=returns,
        peers=peers_document(heard),
        phase=state.chain.phase.value,
        epoch=known.session.epoch if known else None,
        renewed_us=renewed_us if state.is_live and state.renewed_until_us else None,
        problem=hands.unproven or engine.problem,
        resources=list(_resources(state, hands)),
        health=health,
    )


def _resources(state: EngineState, hands: NodeHands) -> Iterator[Json]:
    for name in sorted({*(state.orders or {}), *state.owners, *state.runs}):
        run, owner = state.runs.get(name), state.owners.get(name)
        yield {
            "resource": name,
            "phase": run.phase.value if run else "stopped",
            "token": str(run.token) if run and run.token else None,
            "revision": run.token.revision if run and run.token else None,
            "owner": owner.owner.node_id if owner else None,
            "hold": owner.owner.hold.value if owner else None,
            "failed_us": state.failed.get(name),
            "failure": hands.failure_of(name) or None,
            "problem": state.unread.get(name) or hands.problem_of(name) or None,
        }


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
