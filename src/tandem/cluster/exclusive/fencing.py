"""Ending another node for good where a fence agent can (rules P1 to P3)."""

from dataclasses import replace

from tandem.cluster import keys
from tandem.cluster.exclusive.events import Effect, Fence, Fenced, FencingFailed, Say
from tandem.cluster.exclusive.eviction import rank
from tandem.cluster.exclusive.state import Peer, State
from tandem.cluster.model import SessionState
from tandem.cluster.session import Write


def ask(state: State, now_us: int, out: list[Effect]) -> None:
    """Call the fence agents that are needed."""
    for node_id in state.fences:
        peer = state.peers.get(node_id)
        if peer is None or not is_needed(state, node_id, peer):
            continue
        epoch = peer.stored.session.epoch
        asked_epoch, again_us = state.fencing.get(node_id, (0, 0))
        if asked_epoch != epoch:
            again_us = peer.moved_us + rank(state, node_id) * state.timing.fence_retry_us
        if again_us > now_us:
            state.wake(again_us)
            continue
        state.fencing = {**state.fencing, node_id: (epoch, now_us + state.timing.fence_wait_us)}
        state.wake(now_us + state.timing.fence_wait_us)
        out.append(Fence(node_id, epoch))


def is_needed(state: State, node_id: str, peer: Peer) -> bool:
    """P1: only after a committed eviction, only for what it still owns, and only until confirmed.

    So two nodes never fence each other, and a node that begins a session again is left alone.
    """
    found = peer.stored.session
    return (
        state.is_live
        and found.state is SessionState.EVICTED
        and found.incarnation == state.incarnation
        and state.confirmed.get(node_id) != found.epoch
        and any(
            one.owner.node_id == node_id and one.owner.epoch == found.begun_epoch
            for one in state.owners.values()
        )
    )


def confirm(state: State, event: Fenced) -> None:
    """P2: it counts for the eviction after which it was asked for, and for no later one."""
    state.confirmed = {**state.confirmed, event.node_id: event.epoch}


def failed(state: State, event: FencingFailed, now_us: int, out: list[Effect]) -> None:
    """P3: try again; meanwhile the waiting goes on, and ends as without fencing."""
    if state.fencing.get(event.node_id, (0, 0))[0] == event.epoch:
        again_us = now_us + state.timing.fence_retry_us
        state.fencing = {**state.fencing, event.node_id: (event.epoch, again_us)}
    out.append(Say(f"Node {event.node_id} could not be fenced: {event.reason}"))


def off(state: State) -> list[Write]:
    """P2: say so to all, if it stands as it stood when fencing was asked for."""
    return [
        Write(
            keys.SESSIONS,
            node_id,
            replace(peer.stored.session, state=SessionState.OFF),
            peer.stored.revision,
        )
        for node_id, epoch in state.confirmed.items()
        if (peer := state.peers.get(node_id)) is not None
        and peer.stored.session.state is SessionState.EVICTED
        and peer.stored.session.epoch == epoch
    ]
