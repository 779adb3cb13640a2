"""Whose a resource is, and when nobody else can run it any more (rules O1 to O6).

A take is the only way to begin, and only what nobody else can run is taken: so whoever owns may
start. All waiting is before the take, on the clock of whoever takes.
"""

from tandem.cluster.exclusive import soft
from tandem.cluster.exclusive.events import StoredOwner
from tandem.cluster.exclusive.state import NEVER, Peer, State
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.model import SessionState
from tandem.cluster.order import Mode


def free_at_us(state: State, resource: str, mode: Mode) -> int:
    """From when on nobody else can run a resource; 0: already, `NEVER`: not as things are."""
    found = state.owners.get(resource)
    if found is None or is_given_up(state, found):
        return 0
    owner = found.owner
    if owner.node_id == state.node_id:
        return 0 if is_own_past(state, owner) else NEVER
    if mode is Mode.SOFT and soft.is_lost(state, owner.node_id, owner.epoch):
        return 0
    peer = state.peers.get(owner.node_id)
    return NEVER if peer is None else lost_at_us(state, owner, peer)


def lost_at_us(state: State, owner: Owner, peer: Peer) -> int:
    """From when on another node, that has not released it, cannot run it any more."""
    if not is_told(peer, owner.epoch):
        return NEVER
    if has_begun_anew(peer, owner.epoch) or is_off(state, owner.node_id, peer):
        return 0
    if peer.stored.session.state is not SessionState.EVICTED:
        return NEVER
    return waited_at_us(state, owner.node_id, peer)


def is_own_past(state: State, owner: Owner) -> bool:
    """O2, for this node: taken under an earlier session, after which it proved itself clean."""
    return owner.epoch < state.epoch


def is_given_up(state: State, found: StoredOwner) -> bool:
    """O1: released after a proven stop; or taken before the store was restored.

    Before an incarnation is raised, everything strict was stopped, and G' was waited for.
    """
    return found.owner.hold is Hold.RELEASED or found.owner.incarnation < state.incarnation


def is_told(peer: Peer, epoch: int) -> bool:
    """O6: the session that was seen is later than the one under which the owner took it.

    Keys are not always seen together: else an old eviction would be taken for one of the owner.
    """
    return peer.stored.session.epoch > epoch


def has_begun_anew(peer: Peer, epoch: int) -> bool:
    """O2: its node has begun a session since, and before that proved that nothing ran."""
    return peer.stored.session.begun_epoch > epoch


def is_off(state: State, node_id: str, peer: Peer) -> bool:
    """O3: fencing that was asked for after the eviction, or the operator, confirmed it off."""
    found = peer.stored.session
    return found.state is SessionState.OFF or (
        found.state is SessionState.EVICTED and state.confirmed.get(node_id) == found.epoch
    )


def waited_at_us(state: State, node_id: str, peer: Peer) -> int:
    """O4, O5: when the guarantee of an evicted node is over, on this node's clock."""
    last_us = max(sign_us(peer), state.promised_us.get(node_id, 0))
    return last_us + state.timing.wait_us


def sign_us(peer: Peer) -> int:
    """O4: when that very renewal was seen live, the last that can have happened.

    It keeps its counter when it is evicted. If another one was seen last, or none, the evicted node
    may have renewed as late as a moment before the eviction was seen.
    """
    evicted = peer.stored.session
    if peer.live == (evicted.begun_epoch, evicted.counter):
        return peer.live_us
    return peer.moved_us
