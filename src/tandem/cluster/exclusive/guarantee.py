"""How long this node may hold what it holds, and when it stops by itself (rules G1 to G4)."""

from tandem.cluster import session
from tandem.cluster.exclusive.events import Effect, Entitled
from tandem.cluster.exclusive.state import State
from tandem.cluster.exclusive.timing import Timing


def counted_until_us(timing: Timing, sent_us: int) -> int:
    """G1: G, counted from before the sending of the very attempt that was found in the store.

    Args:
        timing: of the cluster.
        sent_us: when that attempt was about to be sent.
    """
    return sent_us + timing.guarantee_us


def soft_stop_us(timing: Timing, until_us: int) -> int:
    """G2: when the resources are asked to end."""
    return until_us - timing.guarantee_us + timing.soft_stop_us


def kill_us(timing: Timing, until_us: int) -> int:
    """G2: when they are killed."""
    return until_us - timing.guarantee_us + timing.hard_stop_us


def fence_self_us(timing: Timing, until_us: int) -> int:
    """G3: when this machine ends itself, if one of them is not proven stopped."""
    return until_us - timing.self_fence_us


def is_entitled(state: State, now_us: int) -> bool:
    """G2: whether this node may start and keep what it owns."""
    return state.is_live and now_us < soft_stop_us(state.timing, state.entitled_until_us)


def renewed(state: State, effect: session.Renewed) -> None:
    """Take a renewal that was found: it happened, whatever was answered."""
    until_us = counted_until_us(state.timing, effect.sent_us)
    state.renewed_until_us = max(state.renewed_until_us, until_us)


def tell(state: State, out: list[Effect]) -> None:
    """G4: the kernel is told of each counted renewal or promise, and of nothing else.

    Nothing more is said once the session is over: what was said last is when the kernel kills.
    """
    until_us = state.entitled_until_us
    if state.is_live and until_us > state.told_us:
        state.told_us = until_us
        out.append(Entitled(until_us, kill_us(state.timing, until_us)))
