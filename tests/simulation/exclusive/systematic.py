"""Plans in which nothing is left to chance but delays: each single isolation, at each moment.

Most failures of distributed systems that were studied (NEAT, OSDI 2018) needed one node to be
isolated, or one link to be cut one way, before, during or after a failover: so all of them are
tried. Partial connectivity (chained, or over one bridge) has its own plans, and so has the start of
a whole site with one node missing.
"""

from collections.abc import Iterator
from itertools import permutations

from tests.simulation.exclusive.clockwork import MS, SECOND
from tests.simulation.exclusive.schedule import FOREVER_US, OWNER, Fault, Plan, Setting, nodes_of

DIES_US = 2_500 * MS
"""When the machine that runs the resource loses its power."""
MOMENTS_US = [1_500 * MS, 2_300 * MS, 2_700 * MS, 3_500 * MS, 5_000 * MS]
"""Long before, right before, right after, while the others wait, and after it runs elsewhere."""
LASTS_US = 3 * SECOND


def isolations(nodes: int, seeds: int) -> Iterator[Plan]:
    """A failover, and one isolation before, during or after it; each with so many seeds."""
    setting = Setting(seed=0, nodes=nodes, faults_us=9 * SECOND, is_ordered=True)
    for kind, on in _isolations(nodes_of(setting)):
        for at_us in MOMENTS_US:
            isolation = Fault(at_us, LASTS_US, kind, on, amount=1)
            for death in _deaths():
                for seed in range(seeds):
                    seeded = setting._replace(
                        seed=seed, outside=seed % 2 == 1, watchdog=seed % 3 == 0
                    )
                    yield Plan(seeded, (*death, isolation))


def _deaths() -> Iterator[tuple[Fault, ...]]:
    yield ()
    yield (Fault(DIES_US, 2 * SECOND, "power_off", (OWNER,)),)
    yield (Fault(DIES_US, FOREVER_US, "power_off", (OWNER,)),)
    yield (Fault(DIES_US, 1 * SECOND, "freeze_both", (OWNER,)),)


def _isolations(nodes: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in nodes[:3]:
        for kind in ("isolate", "deafen", "mute", "hang_store"):
            yield kind, (node,)
    for a, b in permutations(nodes[:3], 2):
        yield "cut_one_way", (a, b)
        if a < b:
            yield "isolate_pair", (a, b)
    for order in permutations(nodes[:3]):
        if order[0] < order[2]:
            yield "chain", (*order, *nodes[3:])
    yield "bridge", tuple(nodes)


def cold_starts(seeds: int) -> Iterator[Plan]:
    """All machines begin within two seconds, and one never does."""
    for nodes in (3, 4, 5):
        for seed in range(seeds):
            setting = Setting(
                seed=seed, nodes=nodes, faults_us=2 * SECOND, starts_cold=True, strict=2, soft=1
            )
            yield Plan(setting, ())


def a_dead_node_and_restarts(seeds: int) -> Iterator[Plan]:
    """One is lost for good; then the pulse of another begins anew, or its machine."""
    for nodes in (3, 5):
        for kind in ("crash_pulse", "power_off", "crash_both"):
            for dead, restarted in permutations("abc", 2):
                for seed in range(seeds):
                    setting = Setting(seed=seed, nodes=nodes, faults_us=8 * SECOND)
                    yield Plan(
                        setting,
                        (
                            Fault(2 * SECOND, FOREVER_US, "power_off", (dead,)),
                            Fault(6 * SECOND, 500 * MS, kind, (restarted,)),
                        ),
                    )
