"""Carries a plan out as nodes would: one step after the other, in any order that is allowed."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from tandem.cluster.plan.planner import Plan, plan
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.steps import Done, Step, Verb
from tandem.cluster.plan.view import Running, View

ROUNDS = 60


class TwoHoldersError(AssertionError):
    """Something exclusive runs on two nodes."""


def carry_out(view: View, made: Plan, wanted: Iterable[Resource], random: Random) -> View:
    """What is there when every step was taken."""
    modes = {it.resource_id: it.mode for it in wanted}
    alive = {it.node_id for it in view.members if not it.is_down}
    running = {name: {it.node_id: it for it in found} for name, found in view.running.items()}
    revision = max((it.token[1] for found in running.values() for it in found.values()), default=0)
    rest = list(made.steps)
    while rest:
        ready = [step for step in rest if all(is_done(it, running) for it in step.after)]
        assert ready, f"each waits for another: {rest}"
        step = random.choice(ready)
        rest.remove(step)
        revision += 1
        take(step, made, running, alive, revision)
        name = step.resource_id
        if name in modes and modes[name].is_exclusive and len(alive & set(running[name])) > 1:
            raise TwoHoldersError(step)
    orders = {name: it for name, it in view.orders.items() if name not in made.removed}
    orders |= made.changed
    left = {name: tuple(found.values()) for name, found in running.items()}
    return replace(view, orders=orders, running=left)


def take(
    step: Step, made: Plan, running: dict[str, dict[str, Running]], alive: set[str], revision: int
) -> None:
    found = running.setdefault(step.resource_id, {})
    if step.verb is Verb.STOP:
        assert step.node_id in found, step
        del found[step.node_id]
        return
    assert step.node_id not in found, step
    for gone in set(found) - alive:  # a take proves that it runs there no more
        del found[gone]
    generation = made.orders[step.resource_id].generation
    found[step.node_id] = Running(step.node_id, generation, (1, revision))


def is_done(done: Done, running: dict[str, dict[str, Running]]) -> bool:
    runs = done.node_id in running.get(done.resource_id, {})
    return runs is (done.verb is Verb.START)


def settle(view: View, wanted: list[Resource], random: Random) -> tuple[View, Plan]:
    """Plan and carry out until nothing changes any more."""
    for _ in range(ROUNDS):
        made = plan(view, wanted)
        if not (made.changed or made.removed or made.steps):
            return view, made
        view = carry_out(view, made, wanted, random)
    raise AssertionError("it never settles")
