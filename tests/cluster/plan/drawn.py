"""Sites and resources drawn by a seed: crowded enough that rules get in each other's way."""

import functools
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tandem.cluster.load import Cost
from tandem.cluster.model import Node
from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import (
    Failure,
    FailureKind,
    Member,
    NodeChange,
    Running,
    Service,
    View,
    Wish,
)

NOW_US = 1_000_000_000_000
SECOND_US = 1_000_000
THINGS = ["interface:eth0", "unit:web"]

Test = Callable[[View, list[Resource], Random], None]


def drawn(count: int) -> Callable[[Test], Callable[[], None]]:
    """Run a test with this many sites; the seed of one that fails is told."""

    def wrap(test: Test) -> Callable[[], None]:
        @functools.wraps(test)
        def run() -> None:
            for seed in range(count):
                random = Random(seed)
                view, wanted = draw(random)
                try:
                    test(view, wanted, random)
                except BaseException as problem:
                    problem.add_note(f"seed {seed}: {view}, {wanted}")
                    raise

        del run.__wrapped__  # or pytest takes arguments for fixtures
        return run

    return wrap


def draw(random: Random) -> tuple[View, list[Resource]]:
    """A site, what is wanted of it, and what runs there."""
    nodes = [f"n{number}" for number in range(1, random.randint(1, 5) + 1)]
    names = [f"r{number}" for number in range(1, random.randint(1, 8) + 1)]
    wanted = [resource(name, names, nodes, random) for name in names if random.random() < 0.9]
    view = View(NOW_US, tuple(member(name, random) for name in nodes))
    orders = {name: order(name, nodes, random) for name in names if random.random() < 0.7}
    running = {
        name: (Running(where, random.randint(4, 5), (1, random.randint(1, 50))),)
        for name, it in orders.items()
        if random.random() < 0.8
        and (where := random.choice([*it.nodes[:1] * 3, *nodes])) is not None
    }
    view = replace(view, orders=orders, running=running)
    if random.random() < 0.5:
        return view, wanted
    return replace(
        view,
        failures=tuple(failure(names, nodes, random) for _ in range(random.randint(0, 6))),
        wishes={
            name: Wish(name, random.choice(nodes), ago(random), NOW_US + random.choice([-1, 9]))
            for name in names
            if random.random() < 0.2
        },
        node_changes=tuple(
            NodeChange(random.choice(nodes), ago(random)) for _ in range(random.randint(0, 3))
        ),
        leader_changes_us=tuple(ago(random) for _ in range(random.randint(0, 5))),
    ), wanted


def ago(random: Random) -> int:
    return NOW_US - random.randint(0, 700) * SECOND_US


def member(name: str, random: Random) -> Member:
    often = [Service.NORMAL] * 5
    return Member(
        Node(name, (), 100, 100, 10, random.choice(["", "a", "b"])),
        is_down=random.random() < 0.2,
        service=random.choice([*often, Service.DRAINING, Service.MAINTENANCE]),
        is_witness=random.random() < 0.05,
        provides=frozenset(it for it in THINGS if random.random() < 0.8),
        room={"memory_mb": random.choice([4000, 16_000])},
        recording=Cost(random.choice([20_000, 99_000]), 4),
    )


def resource(name: str, names: list[str], nodes: list[str], random: Random) -> Resource:
    def few(of: list[str], chance: float) -> tuple[str, ...]:
        return tuple(it for it in of if random.random() < chance / len(of) and it != name)

    return Resource(
        name,
        "process",
        random.choice(list(Mode)),
        group=random.choice(["", "", "", "g1", "g2"]),
        group_place=random.randint(0, 2),
        requires=tuple(it for it in THINGS if random.random() < 0.2),
        needs=random.choice([{}, {"kbps": 3000}, {"memory_mb": 3000}]),
        overcommit=random.random() < 0.7,
        nodes=tuple(nodes[:2]) if random.random() < 0.1 else (),
        zones=("a",) if random.random() < 0.1 else (),
        prefers=few(nodes, 1),
        sticky=random.random() < 0.6,
        together=few(names, 0.2),
        never_together=few(names, 0.3),
        near=few(names, 0.3),
        apart=few(names, 0.3),
        after=few(names, 0.6),
        migration_threshold=random.randint(1, 3),
        restart_budget=random.choice([1, 10]),
        enabled=random.random() < 0.9,
    )


def order(name: str, nodes: list[str], random: Random) -> Order:
    named = random.sample(nodes, random.randint(0, min(3, len(nodes))))
    often = random.random() < 0.1
    moved = sorted(ago(random) for _ in range(4 if often else 0))
    return Order(tuple(named), 5, random.choice(list(Mode)), tuple(moved))


def failure(names: list[str], nodes: list[str], random: Random) -> Failure:
    kinds = [FailureKind.RUN, FailureKind.RUN, FailureKind.START]
    return Failure(random.choice(names), random.choice(nodes), random.choice(kinds), ago(random))
