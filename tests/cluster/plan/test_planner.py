"""What holds for every plan of resources, whatever is there."""

from dataclasses import replace
from random import Random

import pytest
from tests.cluster.plan.carrying_out import TwoHoldersError, carry_out, settle
from tests.cluster.plan.drawn import NOW_US, drawn

from tandem.cluster.model import Node
from tandem.cluster.order import Order
from tandem.cluster.plan.planner import SUCCESSORS, plan
from tandem.cluster.plan.reasons import Moves, Runs
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.saved import Decision, ResourceInput, decode_input, encode_input
from tandem.cluster.plan.steps import Done, Step, Verb
from tandem.cluster.plan.view import Member, Running, Service, View


def can_run(resource: Resource, member: Member) -> bool:
    """Said here once more, so that it proves something."""
    return (
        not member.is_witness
        and set(resource.requires) <= member.provides
        and (not resource.nodes or member.node_id in resource.nodes)
        and (not resource.zones or member.node.zone in resource.zones)
    )


def taken_by_successors(view: View, random: Random) -> View:
    """The same, where successors were quicker than the first of their orders."""
    running = dict(view.running)
    for name, order in view.orders.items():
        if running.get(name) and order.nodes[1:] and random.random() < 0.5:
            running[name] = (Running(order.nodes[1], order.generation, (1, 1000)),)
    return replace(view, running=running)


@drawn(400)
def test_a_plan_that_is_carried_out_settles_and_never_lets_anything_exclusive_run_twice(
    view: View, wanted: list[Resource], random: Random
) -> None:
    _, made = settle(view, wanted, random)
    for name, verdict in made.verdicts.items():
        assert not isinstance(verdict, Moves), name
        assert str(verdict).endswith(".")


@drawn(400)
def test_the_order_of_what_is_given_changes_nothing(
    view: View, wanted: list[Resource], random: Random
) -> None:
    shuffled = list(wanted)
    random.shuffle(shuffled)
    other = replace(
        view,
        members=tuple(random.sample(view.members, len(view.members))),
        failures=tuple(random.sample(view.failures, len(view.failures))),
        orders=dict(random.sample(list(view.orders.items()), len(view.orders))),
    )
    assert plan(other, shuffled) == plan(view, wanted)


@drawn(400)
def test_nobody_is_named_who_cannot_run_it(
    view: View, wanted: list[Resource], random: Random
) -> None:
    made = plan(view, wanted)
    there = {it.node_id: it for it in view.members}
    for resource in wanted:
        order = made.orders[resource.resource_id]
        assert len(set(order.nodes)) == len(order.nodes), "no node is named twice"
        if made.concerns and "automatically" in str(made.concerns[0]):
            continue  # the committed order stands, whatever it names
        for node_id in order.nodes:
            assert can_run(resource, there[node_id])
        assert len(order.nodes) <= 1 + SUCCESSORS or order == view.orders[resource.resource_id]


@drawn(400)
def test_what_starts_can_run_there_and_the_node_is_open_to_it(
    view: View, wanted: list[Resource], random: Random
) -> None:
    there = {it.node_id: it for it in view.members}
    definitions = {it.resource_id: it for it in wanted}
    made = plan(view, wanted)
    for step in made.steps:
        member = there[step.node_id]
        assert not member.is_down
        if step.verb is Verb.START:
            assert can_run(definitions[step.resource_id], member)
            verdict = made.verdicts[step.resource_id]
            waits = isinstance(verdict, Runs) and verdict.held.endswith("for its turn")
            assert member.service is not Service.MAINTENANCE or waits


@drawn(400)
def test_a_successor_that_took_what_is_to_be_elsewhere_sees_that_in_its_order(
    view: View, wanted: list[Resource], random: Random
) -> None:
    """A node knows the order, and the one by which it took the resource: rule W5."""
    view, _ = settle(view, wanted, random)
    view = taken_by_successors(view, random)
    made = plan(view, wanted)
    exclusive = {it.resource_id for it in wanted if it.mode.is_exclusive}
    for step in made.steps:
        name, node_id = step.resource_id, step.node_id
        verdict = made.verdicts.get(name)
        if step.verb is Verb.START or name not in exclusive:
            continue
        if not isinstance(verdict, Runs | Moves) or verdict.node_id == node_id:
            continue
        order = made.orders[name]
        taken = max(it.generation for it in view.running[name] if it.node_id == node_id)
        leads_away = order.generation > taken and order.nodes[:1] != (node_id,)
        assert node_id not in order.nodes or leads_away, step


@drawn(400)
def test_a_group_is_on_one_node(view: View, wanted: list[Resource], random: Random) -> None:
    made = plan(view, wanted)
    for group in {it.group for it in wanted if it.group}:
        nodes = {
            verdict.node_id
            for it in wanted
            if it.group == group
            and isinstance(verdict := made.verdicts[it.resource_id], Runs | Moves)
        }
        assert len(nodes) <= 1


@drawn(400)
def test_what_must_never_be_together_is_not(
    view: View, wanted: list[Resource], random: Random
) -> None:
    made = plan(view, wanted)
    where = {
        name: verdict.node_id
        for name, verdict in made.verdicts.items()
        if isinstance(verdict, Runs | Moves)
    }
    tied = {it.resource_id for it in wanted if it.group or it.together}
    tied |= {other for it in wanted for other in it.together}
    for it in wanted:
        for other in set(it.never_together) - {it.resource_id}:
            if it.resource_id in where and other in where and not {it.resource_id, other} & tied:
                assert where[it.resource_id] != where[other]


@drawn(400)
def test_what_needs_something_runs_only_if_that_does(
    view: View, wanted: list[Resource], random: Random
) -> None:
    made = plan(view, wanted)
    circles = {str(it) for it in made.concerns if "waits for" in str(it)}
    known = {it.resource_id for it in wanted}
    for it in wanted if not circles else []:
        for needed in set(it.after) & known - {it.resource_id}:
            if isinstance(made.verdicts[it.resource_id], Runs | Moves):
                assert isinstance(made.verdicts[needed], Runs | Moves)


@drawn(400)
def test_losing_a_node_moves_only_what_was_there(
    view: View, wanted: list[Resource], random: Random
) -> None:
    lost = random.choice(view.members).node_id
    # Without brakes and failures: they hold things where they are for a while.
    quiet = replace(view, failures=(), node_changes=(), orders={}, running={}, wishes={})
    healthy = replace(
        quiet, members=tuple(replace(it, service=Service.NORMAL) for it in view.members)
    )
    settled, before = settle(healthy, wanted, random)
    after = plan(
        replace(
            settled,
            members=tuple(
                replace(it, is_down=it.is_down or it.node_id == lost) for it in settled.members
            ),
        ),
        wanted,
    )
    for name, verdict in after.verdicts.items():
        was = before.verdicts[name]
        if isinstance(verdict, Moves) and isinstance(was, Runs):
            assert was.node_id == lost
        if isinstance(was, Runs) and was.node_id != lost and isinstance(verdict, Runs):
            assert verdict.node_id == was.node_id


@drawn(400)
def test_an_input_that_is_saved_and_read_gives_the_same_plan(
    view: View, wanted: list[Resource], random: Random
) -> None:
    made_from = ResourceInput(view, tuple(wanted))
    read = decode_input(encode_input(made_from))
    assert isinstance(read, ResourceInput)
    assert plan(read.view, read.wanted) == plan(view, wanted)
    decision = Decision(made_from, tuple(made_from.outcome()), "1.2", "n1", NOW_US)
    assert Decision.decode(decision.encode()).difference(read.outcome()) == []


@drawn(100)
def test_a_definition_is_read_as_it_was_written(
    view: View, wanted: list[Resource], random: Random
) -> None:
    for resource in wanted:
        assert Resource.decode(resource.resource_id, resource.encode()) == resource


def test_two_holders_would_be_seen() -> None:
    """The executor bites: a plan that starts before it stops is found out."""
    nodes = tuple(Member(Node(name, (), 100, 100, 10)) for name in ("n1", "n2"))
    web = Resource("web", "process")
    moves = Order(("n2", "n1"), 2)
    view = View(NOW_US, nodes, {"web": moves}, {"web": (Running("n1", 1),)})
    made = plan(view, [web])
    start = next(it for it in made.steps if it.verb is Verb.START)
    assert start.after == (Done("web", "n1", Verb.STOP),)
    rash = replace(made, steps=(Step("n2", Verb.START, "web"),))
    with pytest.raises(TwoHoldersError):
        carry_out(view, rash, [web], Random(1))
