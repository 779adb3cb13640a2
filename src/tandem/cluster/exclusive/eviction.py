"""When this node may end another one's session (rules E1 to E6).

Each eviction compares the revision of what it ends, and is carried by a renewal of the own session
(`chain`): whoever was evicted evicts nobody.
"""

from dataclasses import replace

from tandem.cluster import keys
from tandem.cluster.exclusive.state import NEVER, Peer, State, counts, majority, majority_of
from tandem.cluster.model import SessionState
from tandem.cluster.session import Stored, Write


def wanted(state: State, now_us: int) -> list[Write]:
    """The evictions that are due now."""
    due: dict[str, int] = {}
    writes = []
    for node_id, peer in state.peers.items():
        if not counts(peer.stored, state.incarnation):
            continue
        at_us = may_evict_at_us(state, node_id, peer, now_us)
        if at_us > now_us:
            state.wake(at_us)
            continue
        due[node_id] = state.due_us.get(node_id, now_us)
        turn_us = due[node_id] + rank(state, node_id) * state.timing.stagger_us
        if turn_us <= now_us:
            writes.append(eviction(node_id, peer))
        else:
            state.wake(turn_us)
    if due != state.due_us:
        state.due_us = due
    return writes


def eviction(node_id: str, peer: Peer) -> Write:
    """E1: the next epoch, from which no renewal succeeds; the counter stays, for who waits."""
    found = peer.stored.session
    evicted = replace(
        found, epoch=found.epoch + 1, state=SessionState.EVICTED, began=began(peer.stored)
    )
    return Write(keys.SESSIONS, node_id, evicted, peer.stored.revision)


def may_evict_at_us(state: State, node_id: str, peer: Peer, now_us: int) -> int:
    """From when on this node may evict another, as things are; `NEVER`: not as things are."""
    reason_us = silent_at_us(state, peer)
    if is_given_up_by_majority(state, node_id):
        reason_us = min(reason_us, heard_by_us(state, peer))
    if reason_us == NEVER:
        return NEVER
    return max(
        reason_us,
        young_until_us(state),
        promised_until_us(state, node_id),
        cannot_hold_at_us(state, peer, now_us),
    )


def is_given_up_by_majority(state: State, node_id: str) -> bool:
    """E2: a majority of the nodes that have a session suspect it, itself counted among them."""
    if not any(node_id in accused for accused in state.words.values()):
        return False
    live = state.live_sessions()
    accusers = sum(1 for name in live if node_id in state.words.get(name, ()))
    return accusers >= majority(live)


def heard_by_us(state: State, peer: Peer) -> int:
    """E2: a session that has just begun is given G': its node is not heard again at once."""
    return peer.begun_us + state.timing.wait_us


def silent_at_us(state: State, peer: Peer) -> int:
    """E3: its counter has not moved for G', though the store was looked at all the time.

    It may hear nobody, or its store may answer it nothing, while everyone hears it. When the store
    comes back, all have G' to renew.
    """
    at_us = max(peer.moved_us, state.views_since_us) + state.timing.wait_us
    return at_us if state.view_us >= at_us else NEVER


def young_until_us(state: State) -> int:
    """E4: nobody is evicted by a process that is not G' old: it has not seen enough."""
    return state.started_us + state.timing.wait_us


def promised_until_us(state: State, node_id: str) -> int:
    """F3: nobody is evicted for G' after a promise."""
    given_us = state.promised_us.get(node_id)
    return 0 if given_us is None else given_us + state.timing.wait_us


def cannot_hold_at_us(state: State, peer: Peer, now_us: int) -> int:
    """E5: from when on it cannot hold on by promises of others alone, behind this node's back."""
    if knows_this_node(state, peer):
        return 0
    if not is_outvoted(state, peer):
        return NEVER
    since_us = now_us if peer.outvoted_us is None else peer.outvoted_us
    return since_us + state.timing.wait_us


def knows_this_node(state: State, peer: Peer) -> bool:
    """E5: it had seen this node's session when it last renewed: so it needs this node's promise."""
    known = state.chain.known
    if known is None:
        return False
    return began(known) <= peer.stored.session.seen


def is_outvoted(state: State, peer: Peer) -> bool:
    """E5: too few can have promised it anything, in the sessions in which it knows them.

    A node cannot if it had no session then, or has begun another one since, or is off. Whoever is
    configured here may not be there yet, or no longer: so all sessions are looked at, and a
    majority is one of as many nodes as its own session tells.
    """
    found = peer.stored.session
    if state.whole_revision < found.seen:
        return False
    every = (state.node_id, *state.peers)
    able = sum(1 for name in every if can_have_promised(state, name, peer, found.seen))
    return able < majority_of(found.nodes)


def mark_outvoted(state: State, now_us: int) -> None:
    """E5: since when it is so: what was promised just before lasts for G at most."""
    for node_id, peer in state.peers.items():
        is_so = (
            not knows_this_node(state, peer)
            and counts(peer.stored, state.incarnation)
            and is_outvoted(state, peer)
        )
        if is_so != (peer.outvoted_us is not None):
            marked = replace(peer, outvoted_us=now_us if is_so else None)
            state.peers = {**state.peers, node_id: marked}


def can_have_promised(state: State, name: str, holder: Peer, seen: int) -> bool:
    """E5: whether a node may have the session in which the holder knows it."""
    if name == state.node_id:
        known = state.chain.known
        return known is not None and began(known) <= seen
    peer = state.peers.get(name)
    if peer is None:
        return False
    if peer is holder:
        return True
    found = peer.stored.session
    if found.incarnation != state.incarnation or found.state is SessionState.OFF:
        return False
    if found.is_live:
        return began(peer.stored) <= seen
    return began(peer.stored) <= seen < peer.stored.revision


def began(stored: Stored) -> int:
    """The revision that began a session: its first write cannot tell it."""
    return stored.session.began or stored.revision


def rank(state: State, node_id: str) -> int:
    """E6: who goes first: the others only if it did not."""
    before = sorted(name for name in state.live_sessions() if name != node_id)
    well = [name for name in before if name == state.node_id or state.is_well(name)]
    return well.index(state.node_id) if state.node_id in well else len(well)
