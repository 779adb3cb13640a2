"""The same engine, each time with one rule relaxed: what the rules of exclusive.md are for.

A mistake that no seed finds would mean that the simulation does not look, or that a rule is not
needed; `test_exclusive.py` sees that each is found. The product has no such options: its small rule
functions are exchanged here.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from tests.simulation.exclusive import stories
from tests.simulation.exclusive.chance import random_plan
from tests.simulation.exclusive.changing import joining_plan
from tests.simulation.exclusive.schedule import Maker, Plan
from tests.simulation.exclusive.store import Answer, OnAnswer, Snapshot, Store, Txn

from tandem.cluster import session
from tandem.cluster.exclusive import (
    chain,
    eviction,
    failsafe,
    guarantee,
    machine,
    ownership,
    soft,
)
from tandem.cluster.exclusive import state as known
from tandem.cluster.exclusive.events import StoredOwner
from tandem.cluster.exclusive.values import Hold, Token
from tandem.cluster.keys import SESSIONS


@dataclass(frozen=True)
class Bug:
    """One mistake.

    Attributes:
        name: of it.
        breaks: the rule that it is seen to break.
        patches: what is exchanged: a module or class, a name there, and what comes instead.
        store: the kind of store.
        aimed: the makers of faults that may show it; all if empty.
        plans: makes a plan of a seed and those makers.
    """

    name: str
    breaks: str
    patches: tuple[tuple[Any, str, Any], ...] = ()
    store: type[Store] = Store
    aimed: tuple[Maker, ...] = ()
    plans: Callable[[int, Sequence[Maker]], Plan] = random_plan

    def __str__(self) -> str:
        return self.name

    def plan(self, seed: int) -> Plan:
        return self.plans(seed, self.aimed)

    @contextmanager
    def made(self) -> Iterator[None]:
        """While this lasts, the mistake is in the product, wherever the function was imported."""
        undo: list[tuple[Any, str, Any]] = []
        try:
            for place, name, instead in self.patches:
                original = vars(place)[name]
                places = [place] if isinstance(place, type) else list(_importers(name, original))
                for module in places:
                    undo.append((module, name, original))
                    setattr(module, name, instead)
            yield
        finally:
            for module, name, original in undo:
                setattr(module, name, original)


def _importers(name: str, original: object) -> Iterator[ModuleType]:
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("tandem.cluster") and vars(module).get(name) is original:
            yield module


# --- Guarantee ----------------------------------------------------------------------------------

_now_us = 0
_step = machine.step


def _step_that_tells_the_time(state: Any, event: Any, now_us: int) -> Any:
    global _now_us  # noqa: PLW0603 - the mistake needs what the rule is not given
    _now_us = now_us
    return _step(state, event, now_us)


def _counted_from_now(timing: Any, sent_us: int) -> int:
    return _now_us + int(timing.guarantee_us)


_adopt = session._adopt


def _adopt_as_sent_last(state: Any, attempt: Any, revision: int) -> Any:
    last_us = max(it.sent_us for it in state.attempts)
    return _adopt(state, replace(attempt, sent_us=last_us), revision)


# --- Waiting ------------------------------------------------------------------------------------


def _at_once(*_: object) -> int:
    return 0


def _yes(*_: object) -> bool:
    return True


def _silent_whatever_the_store(state: Any, peer: Any) -> int:
    return int(peer.moved_us + state.timing.wait_us)


def _nothing(*_: object) -> None:
    pass


def _seen_last(peer: Any) -> int:
    return int(peer.live_us or peer.moved_us)


def _seen_with_that_counter(peer: Any) -> int:
    is_that = peer.live[1] == peer.stored.session.counter and peer.live_us
    return int(peer.live_us if is_that else peer.moved_us)


# --- Ownership ----------------------------------------------------------------------------------


def _held(state: Any, is_held: Callable[[StoredOwner], bool]) -> dict[str, Token]:
    return {
        name: Token(found.owner.incarnation, found.revision)
        for name, found in state.owners.items()
        if state.epoch
        and found.owner.node_id == state.node_id
        and found.owner.hold is Hold.HELD
        and found.owner.incarnation == state.incarnation
        and is_held(found)
    }


def _held_by_node(state: Any) -> dict[str, Token]:
    return {
        name: token
        for name, token in _held(state, lambda _: True).items()
        if token.revision > state.given_up.get(name, 0)
    }


def _held_though_released(state: Any) -> dict[str, Token]:
    return _held(state, lambda found: bool(found.owner.epoch == state.epoch))


_send = chain.send


def _send_at_once(state: Any, now_us: int, out: Any) -> None:
    """As if nothing ran here, if there is no session."""
    runs, is_live = state.runs, state.is_live
    if not is_live:
        state.runs, state.is_clean = {}, True
    _send(state, now_us, out)
    state.runs = runs


# --- The store ----------------------------------------------------------------------------------


class RenewsByLease(Store):
    """A member without a leader renews a session by itself, as some have renewed leases."""

    def _arrive(
        self, client: str, member: str, txn: Txn, life: int, tell: OnAnswer, tries: int
    ) -> None:
        key = SESSIONS + client
        is_renewal = [put[0] for put in txn.puts] == [key] and key in self.now.rows
        if is_renewal and self._is_up(member) and not self.answers_at(member):
            revision = dict(txn.compares)[key]
            stale = Snapshot(life, revision, self.as_of(self._queue.now_us - 1_000_000).rows)
            self._reply(client, member, tell, Answer(True, stale))
        else:
            super()._arrive(client, member, txn, life, tell, tries)


class ForgetsTheWriter(Store):
    """What a transaction carries happens though the writer's own session has moved."""

    def apply(self, txn: Txn) -> Answer:
        answer = super().apply(txn)
        if not answer.succeeded and len(txn.puts) > 1:
            own, *carried = txn.puts
            compares = tuple(one for one in txn.compares if one[0] != own[0])
            return super().apply(Txn(compares, tuple(carried)))
        return answer


class ForgetsTheIncarnation(Store):
    """A backup is restored, and nothing says so."""

    def restore(self, back_to_us: int, changes: Mapping[str, object]) -> None:
        super().restore(back_to_us, {})


# --- Failsafe -----------------------------------------------------------------------------------


def _held_by_a_majority(state: Any) -> int:
    """Not all that had a session: a majority with itself."""
    needed = failsafe.needed(state)
    asked = sorted((state.promises.get(one, 0) for one in needed), reverse=True)
    enough = known.majority(state.nodes) - 1
    oldest_us = asked[enough - 1] if len(asked) >= enough else 0
    return int(oldest_us + state.timing.guarantee_us) if oldest_us else 0


def _needed_as_committed(state: Any) -> Any:
    """As of the last renewal that surely happened, whatever may have happened since."""
    stored = state.chain.known
    return state.bases.get(stored.session.seen, frozenset()) if stored else frozenset()


def _all_that_are_needed(state: Any) -> Any:
    """Enough, though they be no majority."""
    return set(range(len(state.nodes)))


_promised = failsafe.promised


def _promised_from_now(state: Any, answer: Any) -> None:
    state.asked = {**state.asked, answer.number: _now_us}
    _promised(state, answer)


def _promised_by_any_process(state: Any, answer: Any) -> None:
    for name, epoch in failsafe.needed(state):
        if name == answer.node_id:
            answer = replace(answer, epoch=epoch)
    _promised(state, answer)


def _meant_for_any_process(state: Any, question: Any) -> bool:
    return bool(state.is_live and question.incarnation == state.incarnation)


def _outvoted_among_those_configured_now(state: Any, peer: Any) -> bool:
    seen = peer.stored.session.seen
    able = [it for it in state.nodes if eviction.can_have_promised(state, it, peer, seen)]
    return state.whole_revision >= seen and len(able) < known.majority(state.nodes)


_CLOCK = (machine, "step", _step_that_tells_the_time)
_BEHIND = stories.held_behind_the_back_of_one
_RESTARTS = stories.cut_off_while_another_restarts
_RETURNS = stories.cut_off_right_after_another_returns
CUT_OFF = (_RESTARTS, _RETURNS, _BEHIND)
"""A holder loses the store, and another one has no session for a while."""


def _one(name: str, place: Any, function: str, instead: Any, *aimed: Maker) -> Bug:
    return Bug(name, "G1", ((place, function, instead),), aimed=aimed)


BUGS = [
    Bug(
        "counts G from the reply",
        "G1",
        (_CLOCK, (guarantee, "counted_until_us", _counted_from_now)),
        aimed=(stories.unheard_and_then_a_reader,),
    ),
    Bug("counts G from the last sending", "G6", ((session, "_adopt", _adopt_as_sent_last),)),
    _one("does not wait after an eviction", ownership, "waited_at_us", _at_once),
    _one(
        "waits from a lagging watch",
        ownership,
        "sign_us",
        _seen_last,
        stories.blind_while_another_goes,
    ),
    _one(
        "matches the counter alone",
        ownership,
        "sign_us",
        _seen_with_that_counter,
        stories.blind_while_another_restarts,
    ),
    Bug("renews by lease", "G1", store=RenewsByLease),
    Bug("forgets to compare the writer", "writer", store=ForgetsTheWriter),
    Bug("forgets the incarnation", "G1", store=ForgetsTheIncarnation, aimed=(stories.restore,)),
    _one(
        "begins before the old has stopped",
        chain,
        "send",
        _send_at_once,
        stories.evicted_and_slow_to_stop,
    ),
    _one("owns by node", known.State, "held", property(_held_by_node)),
    _one(
        "runs on after a release",
        known.State,
        "held",
        property(_held_though_released),
        stories.moved_and_moved_back,
    ),
    _one(
        "F1: a majority is enough",
        failsafe,
        "promised_until_us",
        _held_by_a_majority,
        _RESTARTS,
        stories.store_and_then_a_node,
    ),
    _one("F1: asks whom it surely knew", failsafe, "needed", _needed_as_committed, _RETURNS),
    Bug(
        "F1: counts from the answer",
        "G1",
        (_CLOCK, (failsafe, "promised", _promised_from_now)),
        aimed=(stories.held_by_late_promises,),
    ),
    _one("F2: needs no majority", failsafe, "counted", _all_that_are_needed, _RESTARTS, _BEHIND),
    _one("F3: evicts after a promise", eviction, "promised_until_us", _at_once, _RESTARTS),
    Bug(
        "F4, F5: promises for an earlier process",
        "G1",
        (
            (failsafe, "is_old_enough", _yes),
            (failsafe, "is_meant", _meant_for_any_process),
            (failsafe, "promised", _promised_by_any_process),
        ),
        aimed=(_BEHIND,),
    ),
    _one("F6: promises to the evicted", failsafe, "is_not_evicted", _yes, _BEHIND),
    Bug(
        "E3: evicts after an outage of the store",
        "needless",
        ((eviction, "silent_at_us", _silent_whatever_the_store),),
    ),
    Bug(
        "S1: starts again what it dropped",
        "soft",
        ((soft, "drop", _nothing),),
        aimed=(stories.held_by_promises_and_unheard_for_a_moment,),
    ),
    _one("E5: evicts whoever does not know it", eviction, "cannot_hold_at_us", _at_once, _RESTARTS),
    Bug(
        "E5: counts among those that have joined since",
        "G1",
        ((eviction, "is_outvoted", _outvoted_among_those_configured_now),),
        aimed=CUT_OFF,
        plans=joining_plan,
    ),
]
"""Each mistake, and what it must be seen to break."""
