"""Holding on while the store is down and the links are not (rules F1 to F7).

A holder that cannot renew asks every node that may evict it. Each promise is good for G, counted
from before the question was sent, and all are needed: the guarantee ends with the oldest of them.
"""

from tandem.cluster import keys
from tandem.cluster.exclusive.events import Ask, Effect, Promise, Send
from tandem.cluster.exclusive.state import Basis, State, counts, majority_of
from tandem.cluster.session import MOST_ATTEMPTS

MOST_QUESTIONS = 16
"""So many are remembered; an answer to an earlier one is too old to be worth anything."""

# --- The holder ---------------------------------------------------------------------------------


def needed(state: State) -> Basis:
    """F1: whose promises a holder needs: of all that had a session when it last looked.

    That is before it wrote its newest attempt to renew, whether that happened or not. Whoever
    began later may evict it only if that cannot matter (E5).
    """
    chain = state.chain
    if chain.known is None:
        return frozenset()
    newest = chain.attempts[-1].session if chain.attempts else chain.known.session
    return state.bases.get(newest.seen, frozenset())


def counted(state: State) -> Basis:
    """F2: of those, the ones that it knew by the last renewal that surely happened as well."""
    chain = state.chain
    if chain.known is None:
        return frozenset()
    return needed(state) & state.bases.get(chain.known.session.seen, frozenset())


def enough(state: State) -> int:
    """F2: a majority of the nodes, itself included: that is what E5 of others rests on.

    They count by what its session in the store says, which is that of its last certain renewal or
    that of an attempt since: so it counts by the greater one.
    """
    told = [one.session.nodes for one in state.chain.attempts]
    if state.chain.known:
        told.append(state.chain.known.session.nodes)
    return majority_of(max(told, default=0))


def promised_until_us(state: State) -> int:
    """F1, F2: the end of the guarantee by promises; 0 if there is none.

    Where this is the only node there is nobody to ask, and the question alone is enough.
    """
    if len(counted(state)) + 1 < enough(state):
        return 0
    asked = [state.promises.get(one, 0) for one in needed(state)]
    oldest_us = min(asked, default=state.asked_us)
    return oldest_us + state.timing.guarantee_us if oldest_us else 0


def ask(state: State, now_us: int, out: list[Effect]) -> None:
    """F1: ask, and ask again, while something runs here and a renewal is overdue."""
    if not (state.runs and state.is_live and state.chain.known):
        return
    timing = state.timing
    overdue_us = state.renewed_until_us - timing.guarantee_us + timing.ask_us
    again_us = max(overdue_us, state.asked_us + timing.renew_us)
    if again_us > now_us:
        state.wake(again_us)
        return
    state.asked_us = now_us
    state.ask_count += 1
    state.asked = {**state.asked, state.ask_count: now_us}
    if len(state.asked) > MOST_QUESTIONS:
        del state.asked[min(state.asked)]
    for node_id, epoch in sorted(needed(state)):
        question = Ask(state.node_id, state.epoch, state.ask_count, epoch, state.incarnation)
        out.append(Send(node_id, question))
    if not needed(state):
        state.failsafe_until_us = max(state.failsafe_until_us, promised_until_us(state))
    state.wake(now_us + timing.renew_us)


def promised(state: State, answer: Promise) -> None:
    """F4: a promise counts under the epoch under which the holder knows who gave it."""
    sent_us = state.asked.get(answer.number)
    if (
        sent_us is None
        or answer.holder_epoch != state.epoch
        or answer.incarnation != state.incarnation
    ):
        return
    who = (answer.node_id, answer.epoch)
    if sent_us > state.promises.get(who, 0):
        state.promises = {**state.promises, who: sent_us}
        state.failsafe_until_us = max(state.failsafe_until_us, promised_until_us(state))


# --- Whoever is asked ---------------------------------------------------------------------------


def answer(state: State, question: Ask, now_us: int, out: list[Effect]) -> None:
    """Promise not to evict the holder for G', if that can be kept."""
    if not may_promise(state, question, now_us):
        return
    state.answered = {**state.answered, question.holder: (question.epoch, question.number)}
    state.promised_us = {**state.promised_us, question.holder: now_us}
    promise = Promise(
        state.node_id, state.epoch, question.number, question.epoch, state.incarnation
    )
    out.append(Send(question.holder, promise))


def may_promise(state: State, question: Ask, now_us: int) -> bool:
    """Whether a promise can be given and kept."""
    return (
        is_meant(state, question)
        and is_new(state, question)
        and is_old_enough(state, now_us)
        and is_not_evicted(state, question)
        and no_eviction_is_unresolved(state, question.holder)
    )


def is_meant(state: State, question: Ask) -> bool:
    """F4: a process never promises for the session of an earlier one."""
    return (
        state.is_live
        and question.of_epoch == state.epoch
        and question.incarnation == state.incarnation
    )


def is_new(state: State, question: Ask) -> bool:
    """F7: each question is answered once, and none that is older than one that was.

    A message is authentic, but may come again: from a link that doubles, or from somebody who
    keeps it until its sender is dead, to have it never evicted.
    """
    return (question.epoch, question.number) > state.answered.get(question.holder, (0, 0))


def is_old_enough(state: State, now_us: int) -> bool:
    """F5: a process promises nothing for G' after it began."""
    return now_us >= state.started_us + state.timing.wait_us


def is_not_evicted(state: State, question: Ask) -> bool:
    """F6: nothing is promised to whoever was evicted, as far as this node has seen."""
    peer = state.peers.get(question.holder)
    return (
        peer is not None
        and counts(peer.stored, state.incarnation)
        and peer.stored.session.epoch == question.epoch
    )


def no_eviction_is_unresolved(state: State, holder: str) -> bool:
    """F6: nor while an eviction of this node's may have happened, or may yet."""
    return len(state.chain.attempts) < MOST_ATTEMPTS and not any(
        write.prefix == keys.SESSIONS and write.name == holder
        for attempt in state.chain.attempts
        for write in attempt.carries
    )
