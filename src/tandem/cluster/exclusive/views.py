"""What is read of the store, made part of what is known (rules V1 to V3, I1 and I2).

Views lag, stand still and overlap. Of each key the newest revision counts, and the time at which
this node saw it first.
"""

from dataclasses import replace

from tandem.cluster import session
from tandem.cluster.exclusive.events import Effect, Say, StoredOwner, View
from tandem.cluster.exclusive.state import Peer, State, counts
from tandem.cluster.session import Stored


def absorb(state: State, view: View, now_us: int) -> bool:
    """Take a view; False if it is of an earlier incarnation, and worth nothing."""
    if view.cluster is not None:
        if state.cluster is not None and view.cluster.incarnation < state.cluster.incarnation:
            return False
        if state.cluster is not None and view.cluster.incarnation > state.cluster.incarnation:
            forget(state)
        if state.cluster is None or view.cluster.revision > state.cluster.revision:
            state.cluster = view.cluster
    if view.sessions is not None:
        absorb_sessions(state, view, now_us)
    if view.owners is not None:
        absorb_owners(state, view)
    if view.orders is not None and view.is_whole and view.revision >= state.orders_revision:
        state.orders_revision = view.revision
        state.orders = {
            name: order for name, order in view.orders.items() if order and order.mode.is_exclusive
        }
        state.unread = view.unread
    return True


def forget(state: State) -> None:
    """I1: the store was restored: whatever was known of it is of another one now."""
    state.cluster = None
    state.peers, state.owners, state.orders, state.unread = {}, {}, None, {}
    state.whole_revision, state.whole, state.orders_revision = 0, frozenset(), 0
    state.bases, state.given_up, state.confirmed, state.early = {}, {}, {}, {}
    if state.chain.phase is not session.Phase.IDLE:
        state.chain = replace(session.State(state.node_id), phase=session.Phase.STOPPED)
    state.is_clean = False


def say_unread(before: State, state: State, out: list[Effect]) -> None:
    """V3: an order that cannot be read concerns its resource alone; said once, until it changes."""
    for name, why in state.unread.items():
        if before.unread.get(name) != why:
            out.append(Say(f"Resource {name} is left as it is on this node, and not taken: {why}"))


def absorb_sessions(state: State, view: View, now_us: int) -> None:
    """The sessions of the others."""
    found = view.sessions or {}
    for node_id, stored in found.items():
        if stored is not None and node_id != state.node_id:
            take_peer(state, node_id, stored, now_us)
    gone = [
        node_id
        for node_id, peer in state.peers.items()
        if (view.is_whole or node_id in found)
        and found.get(node_id) is None
        and view.revision > peer.stored.revision
    ]
    if gone:
        state.peers = {name: peer for name, peer in state.peers.items() if name not in gone}
    if view.is_whole and view.revision >= state.whole_revision:
        state.whole_revision = view.revision
        state.whole = frozenset(
            (node_id, stored.session.epoch)
            for node_id, stored in found.items()
            if stored and node_id != state.node_id and counts(stored, state.incarnation)
        )
        known_own = state.chain.known
        if known_own is None or view.revision >= known_own.revision:
            fresh(state, now_us)


def fresh(state: State, now_us: int) -> None:
    """E3: a view that is no older than the own last renewal, and how long there have been such."""
    if now_us - state.view_us > 2 * state.timing.ask_us:
        state.views_since_us = now_us
    state.view_us = now_us


def take_peer(state: State, node_id: str, stored: Stored, now_us: int) -> None:
    """V1: another node's session, if it is newer than what is known of it."""
    known = state.peers.get(node_id)
    if known is None or stored.revision > known.stored.revision:
        state.peers = {**state.peers, node_id: seen(known, stored, now_us)}


def seen(known: Peer | None, stored: Stored, now_us: int) -> Peer:
    """V1: a session as it stands now; what was first seen before keeps its time."""
    mark = (stored.session.epoch, stored.session.counter)
    is_same = known is not None and mark == (
        known.stored.session.epoch,
        known.stored.session.counter,
    )
    moved_us = known.moved_us if known and is_same else now_us
    is_begun = known and known.stored.session.begun_epoch == stored.session.begun_epoch
    begun_us = known.begun_us if known and is_begun else now_us
    if stored.session.is_live:
        live_us = known.live_us if known and known.live == mark else now_us
        return Peer(stored, moved_us, begun_us, mark, live_us)
    live, live_us = (known.live, known.live_us) if known else ((0, 0), 0)
    return Peer(stored, moved_us, begun_us, live, live_us)


def absorb_owners(state: State, view: View) -> None:
    """Who took what. Owners are never deleted but with their resource."""
    found = view.owners or {}
    for name, stored in found.items():
        if stored is not None:
            take_owner(state, name, stored)
    gone = [
        name
        for name, known in state.owners.items()
        if (view.is_whole or name in found)
        and found.get(name) is None
        and view.revision > known.revision
    ]
    if gone:
        state.owners = {name: one for name, one in state.owners.items() if name not in gone}


def take_owner(state: State, name: str, stored: StoredOwner) -> None:
    """V1: who took a resource, if it is newer than what is known of it."""
    known = state.owners.get(name)
    if known is None or stored.revision > known.revision:
        state.owners = {**state.owners, name: stored}
