"""Soft resources: started early, undone where the store does not confirm it (rules S1 to S4)."""

from tandem.cluster.exclusive.state import State, majority
from tandem.cluster.exclusive.values import Hold
from tandem.cluster.order import Mode, Order


def hears_majority(state: State) -> bool:
    """S1: whoever does not hear a majority of all configured nodes drops what is soft."""
    heard = sum(1 for name in state.nodes if name not in state.suspected)
    return heard >= majority(state.nodes)


def drop(state: State) -> None:
    """S1: and gives it up: only a new take starts it again (W4), since another node may have it.

    Whoever hears a majority again cannot know that: its view of the store may be from before.
    """
    if hears_majority(state):
        return
    dropped = {
        name: token.revision
        for name, token in state.held.items()
        if mode_of(state, name) is Mode.SOFT
    }
    if dropped:
        state.given_up = {**state.given_up, **dropped}


def mode_of(state: State, name: str) -> Mode:
    """Of a resource: as it was started, else as it is ordered."""
    if name in state.runs:
        return state.runs[name].mode
    order = (state.orders or {}).get(name)
    return order.mode if order else Mode.STRICT


def is_suspected_by_majority(state: State, node_id: str) -> bool:
    """S2: of all configured nodes, the witness included: then the node hears none, too."""
    accusers = sum(1 for name in state.nodes if node_id in state.words.get(name, ()))
    return accusers >= majority(state.nodes)


def is_lost(state: State, node_id: str, epoch: int) -> bool:
    """S3: a soft resource is free as soon as its owner is suspected by a majority, or evicted."""
    peer = state.peers.get(node_id)
    is_over = peer is not None and peer.stored.session.epoch > epoch
    return is_over or is_suspected_by_majority(state, node_id)


def is_successor(state: State, order: Order) -> bool:
    """S2: the first in the order whom no majority suspects, as far as this node is told."""
    for name in order.nodes:
        if not is_suspected_by_majority(state, name):
            return name == state.node_id
    return False


def may_start_early(state: State, resource: str, order: Order) -> bool:
    """S2: before the take: the owner is suspected by a majority, and this node is the successor.

    Once for each time that it is suspected: what the store did not confirm is not tried again.
    """
    found = state.owners.get(resource)
    return (
        order.mode is Mode.SOFT
        and found is not None
        and found.owner.hold is Hold.HELD
        and found.owner.node_id != state.node_id
        and state.early.get(resource) != found.revision
        and hears_majority(state)
        and is_suspected_by_majority(state, found.owner.node_id)
        and is_successor(state, order)
    )


def may_go_on(state: State, name: str, early_us: int, now_us: int) -> bool:
    """S4: whether what was started early may run on without the store's word.

    For a second, and while its owner in the store is the one that was given up, and still is.
    """
    undo_us = early_us + state.timing.undo_soft_us
    state.wake(undo_us)
    found = state.owners.get(name)
    is_as_it_was = found is not None and state.early.get(name) == found.revision
    return now_us < undo_us and is_as_it_was


def forget_early(state: State) -> None:
    """S2: an owner that is suspected no more may be lost another time."""
    gone = [
        name
        for name in state.early
        if (found := state.owners.get(name)) is None
        or found.revision != state.early[name]
        or not is_suspected_by_majority(state, found.owner.node_id)
    ]
    if gone:
        state.early = {name: seen for name, seen in state.early.items() if name not in gone}
