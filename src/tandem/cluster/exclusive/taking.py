"""Taking what is free, and giving back what is to run elsewhere (rules W1 to W5)."""

from dataclasses import replace

from tandem.cluster import keys
from tandem.cluster.exclusive import ownership, soft
from tandem.cluster.exclusive.state import NEVER, State
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.order import Mode, Order
from tandem.cluster.session import Write


def takes(state: State, now_us: int) -> list[Write]:
    """What this node takes now."""
    free: dict[str, int] = {}
    writes: list[Write] = []
    if state.leaving_us is not None:
        return writes
    for name, order in (state.orders or {}).items():
        if not is_candidate(state, name, order, now_us):
            continue
        at_us = ownership.free_at_us(state, name, order.mode)
        if at_us > now_us:
            if at_us < NEVER:
                state.wake(at_us)
            continue
        free[name] = state.free_us.get(name, now_us)
        turn_us = turn_at_us(state, order, free[name])
        if turn_us <= now_us:
            writes.append(take(state, name, order))
        else:
            state.wake(turn_us)
    if free != state.free_us:
        state.free_us = free
    return writes


def is_candidate(state: State, name: str, order: Order, now_us: int) -> bool:
    """W1: the order names this node, it could run here, nothing is left of it.

    It could not where a start has failed lately, or where what is soft would be dropped (S1).
    """
    run = state.runs.get(name)
    return (
        state.node_id in order.nodes
        and (order.mode is Mode.STRICT or soft.hears_majority(state))
        and not has_failed(state, name, now_us)
        and (run is None or (run.early_us is not None and run.by_us is None))
    )


def has_failed(state: State, name: str, now_us: int) -> bool:
    """W1: whether a start has failed here, so that another node is to try."""
    until_us = state.failed.get(name, 0)
    if until_us > now_us:
        state.wake(until_us)
    return until_us > now_us


def turn_at_us(state: State, order: Order, free_us: int) -> int:
    """W2: in the order of the plan; a later node only if those before it, well as they are, do not.

    The plan is stored before it is needed: so nobody waits for a planner.
    """
    before = order.nodes[: order.nodes.index(state.node_id)]
    rank = sum(1 for name in before if state.is_well(name))
    return free_us + rank * state.timing.renew_us


def take(state: State, name: str, order: Order) -> Write:
    """W3: compares the revision that was judged; its own revision is the fencing token."""
    found = state.owners.get(name)
    owner = Owner(state.node_id, state.epoch, Hold.HELD, order.generation, state.incarnation)
    return Write(keys.OWNERS, name, owner, found.revision if found else 0)


def releases(state: State, now_us: int) -> list[Write]:
    """What this node gives back now: it is proven stopped, and is not to run here."""
    writes = []
    for name, found in state.owners.items():
        owner = found.owner
        is_own = owner.node_id == state.node_id and owner.epoch == state.epoch
        if not is_own or owner.hold is not Hold.HELD or name in state.runs:
            continue
        if found.revision <= state.given_up.get(name, 0) or is_to_leave(state, name, now_us):
            released = replace(owner, hold=Hold.RELEASED)
            writes.append(Write(keys.OWNERS, name, released, found.revision))
    return writes


def released(state: State, write: Write) -> None:
    """W4: once a release is sent, only a new take starts it again, whatever is read back later."""
    state.given_up = {**state.given_up, write.name: write.revision}


def is_to_leave(state: State, name: str, now_us: int) -> bool:
    """W5: whether what this node owns is to run elsewhere.

    It leaves where it may not be or cannot run at once, and a place that is merely not preferred
    only for an order later than its take, and when the preferred node is well: so whoever returns
    takes nothing back by itself. Where its order cannot be read it stays while it runs (V3).
    """
    if state.leaving_us is not None:
        return True
    if state.orders is None:
        return False
    if name in state.unread:
        return has_failed(state, name, now_us)
    order = state.orders.get(name)
    found = state.owners.get(name)
    if order is None or state.node_id not in order.nodes or has_failed(state, name, now_us):
        return True
    return (
        found is not None
        and order.generation > found.owner.generation
        and order.nodes[0] != state.node_id
        and state.is_well(order.nodes[0])
    )
