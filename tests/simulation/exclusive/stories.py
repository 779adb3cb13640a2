"""Misfortunes of several parts, each aimed at a rule: the owner of a resource loses the store while
another restarts, is evicted while it cannot know, is found to have renewed long ago.

By chance alone such runs of events are rare, and a mistake that only they show would stay hidden.
"""

from random import Random

from tests.simulation.exclusive.clockwork import MS, SECOND
from tests.simulation.exclusive.schedule import (
    LAST,
    OTHER,
    OWNER,
    QUIET_US,
    Fault,
    Setting,
    nodes_of,
    when,
)


def flap(random: Random, setting: Setting) -> list[Fault]:
    """A host comes back for moments only, each time for long enough to do one thing or another."""
    host = random.choice(nodes_of(setting))
    kind = random.choice(["isolate", "isolate", "hang_store"])
    at_us, _ = when(random, setting)
    faults = []
    for _ in range(random.randint(2, 6)):
        lasts_us = random.randint(50 * MS, 1_200 * MS)
        faults.append(Fault(at_us, lasts_us, kind, (host,)))
        at_us += lasts_us + random.randint(5 * MS, random.choice([60 * MS, 300 * MS]))
    return faults


def store_and_then_a_node(random: Random, setting: Setting) -> list[Fault]:
    """The store is gone, the links are not: the case that failsafe is for, and then one more."""
    at_us, lasts_us = when(random, setting)
    second_us = at_us + random.randint(0, lasts_us)
    kind = random.choice(["isolate", "crash_pulse", "power_off", "freeze_pulse", "hang_store"])
    node = random.choice([*nodes_of(setting), OWNER, OTHER])
    return [
        Fault(at_us, lasts_us, "halt_store"),
        Fault(second_us, random.randint(50 * MS, 3 * SECOND), kind, (node,)),
    ]


def cut_off_while_another_restarts(random: Random, setting: Setting) -> list[Fault]:
    """A node that others hear cannot renew; one that it does not know yet begins a session."""
    a, b = random.sample(nodes_of(setting), 2)
    if random.random() < 0.5:
        a, b = OWNER, OTHER
    at_us, lasts_us = when(random, setting)
    restarts = random.choice(["crash_pulse", "power_off"])
    return [
        Fault(at_us, 4 * SECOND, "hang_store", (a,)),
        Fault(at_us - random.randint(0, SECOND), random.randint(100 * MS, SECOND), restarts, (b,)),
        Fault(at_us + lasts_us, SECOND, "isolate_pair", (a, b)),
    ]


def held_by_promises_and_unheard_for_a_moment(random: Random, setting: Setting) -> list[Fault]:
    """A node holds by promises, nobody hears it, and it is heard again: it is not evicted, but what
    is soft has moved, and its store does not tell it."""
    node = random.choice(nodes_of(setting))
    at_us, _ = when(random, setting)
    unheard_us = at_us + random.randint(500 * MS, 1_500 * MS)
    return [
        Fault(at_us, 9 * SECOND, "hang_store", (node,)),
        Fault(unheard_us, random.randint(400 * MS, 1_000 * MS), "estrange", (node,)),
    ]


def slow_and_then_cut_off(random: Random, setting: Setting) -> list[Fault]:
    """Renewals are found to have happened long after they were sent; then there are none."""
    at_us, lasts_us = when(random, setting)
    cut_us = at_us + lasts_us - random.randint(0, min(lasts_us, 200 * MS))
    cut = Fault(cut_us, 3 * SECOND, random.choice(["isolate", "hang_store", "mute"]), (OWNER,))
    return [Fault(at_us, lasts_us, "slow_store", (), random.randint(200 * MS, 900 * MS)), cut]


def unheard_and_then_a_reader(random: Random, setting: Setting) -> list[Fault]:
    """A renewal happens, of which the owner learns a second later; no other one happens."""
    at_us, _ = when(random, setting)
    hangs_us = random.randint(400 * MS, 1_000 * MS)
    alone_us = at_us + random.randint(0, 300 * MS)
    return [
        Fault(at_us, hangs_us, "hang_store", (OWNER,)),
        Fault(at_us, 4 * SECOND, "lose_writes", (OWNER,)),
        Fault(alone_us, 4 * SECOND, "estrange", (OWNER,)),
    ]


def blind_while_another_goes(random: Random, setting: Setting) -> list[Fault]:
    """A successor sees nothing for a while; meanwhile the owner is cut off, and evicted."""
    at_us, _ = when(random, setting)
    lasts_us = random.randint(1_500 * MS, 3 * SECOND)
    cut_us = at_us + lasts_us - random.randint(300 * MS, 900 * MS)
    return [
        Fault(at_us, lasts_us, "silence_watch", (OTHER,)),
        Fault(cut_us, 3 * SECOND, random.choice(["isolate", "mute"]), (OWNER,)),
    ]


def blind_while_another_restarts(random: Random, setting: Setting) -> list[Fault]:
    """The same, and before it is cut off the owner begins a session that gets as old as the one
    that was seen."""
    at_us = random.randint(QUIET_US, 2 * QUIET_US)
    restarts_us = at_us + random.randint(10 * MS, 60 * MS)
    cut_us = restarts_us + at_us - random.randint(100 * MS, 700 * MS)
    sees_us = cut_us + random.randint(400 * MS, 900 * MS)
    return [
        Fault(at_us, sees_us - at_us, "silence_watch", (OTHER,)),
        Fault(restarts_us, 20 * MS, "crash_pulse", (OWNER,)),
        Fault(cut_us, 3 * SECOND, "isolate", (OWNER,)),
    ]


def moved_and_moved_back(random: Random, setting: Setting) -> list[Fault]:
    """The owner sends a release, of which it hears nothing, and is told that it may stay."""
    at_us, _ = when(random, setting)
    back_us = at_us + random.randint(50 * MS, 300 * MS)
    cut_us = at_us + random.randint(200 * MS, 600 * MS)
    slow_us = random.randint(300 * MS, 900 * MS)
    return [
        Fault(at_us - 20 * MS, cut_us - at_us, "slow_store", (), slow_us),
        Fault(at_us, 0, "move", ("strict1", OTHER, OWNER)),
        Fault(back_us, 0, "swap", ("strict1",)),
        Fault(cut_us, 2 * SECOND, random.choice(["hang_store", "isolate"]), (OWNER,)),
    ]


def cut_off_right_after_another_returns(random: Random, setting: Setting) -> list[Fault]:
    """The owner's last renewal, of which it never hears, tells of a session that is new."""
    at_us, _ = when(random, setting)
    lasts_us = random.randint(800 * MS, 2 * SECOND)
    hangs_us = at_us + lasts_us + random.randint(80 * MS, 450 * MS)
    return [
        Fault(at_us, lasts_us, "power_off", (OTHER,)),
        Fault(hangs_us, 6 * SECOND, "hang_store", (OWNER,)),
    ]


def evicted_slowly_behind_its_back(random: Random, setting: Setting) -> list[Fault]:
    """The others, who have suspected the owner for a moment, hear it again while an eviction is on
    its way; one has just come back, and is not known to the owner."""
    at_us, _ = when(random, setting)
    hangs_us = at_us + random.randint(700 * MS, 1_500 * MS)
    return [
        Fault(at_us, hangs_us - at_us + random.randint(0, 300 * MS), "power_off", (LAST,)),
        Fault(hangs_us, 6 * SECOND, "hang_store", (OWNER,)),
        Fault(hangs_us, random.randint(420 * MS, 650 * MS), "estrange", (OWNER,)),
        Fault(hangs_us + 350 * MS, 1_500 * MS, "slow_store", (), 900 * MS),
    ]


def evicted_and_slow_to_stop(random: Random, setting: Setting) -> list[Fault]:
    """The owner is evicted, and hears of it while what it runs takes its time to end."""
    at_us, _ = when(random, setting)
    return [
        Fault(at_us, 5 * SECOND, "slow_stops", (OWNER,)),
        Fault(at_us, random.randint(420 * MS, 900 * MS), "estrange", (OWNER,)),
    ]


def held_by_late_promises(random: Random, setting: Setting) -> list[Fault]:
    """The store is gone for the owner, and promises come late; then nothing comes at all."""
    at_us, _ = when(random, setting)
    cut_us = at_us + random.randint(1 * SECOND, 3 * SECOND)
    return [
        Fault(at_us, 7 * SECOND, "hang_store", (OWNER,)),
        Fault(at_us, 7 * SECOND, "bad_weather", (), random.randint(10, 40)),
        Fault(cut_us, 4 * SECOND, "isolate", (OWNER,)),
    ]


def held_behind_the_back_of_one(random: Random, setting: Setting) -> list[Fault]:
    """One has no session while the owner loses the store; it comes back after the others have
    evicted the owner, or have begun anew."""
    at_us, _ = when(random, setting)
    hangs_us = at_us + random.randint(100 * MS, 1 * SECOND)
    then_us = hangs_us + random.randint(100 * MS, 600 * MS)
    returns_us = then_us + random.randint(100 * MS, 1 * SECOND)
    then = random.choice(
        [
            Fault(then_us, random.randint(450 * MS, 800 * MS), "estrange", (OWNER,)),
            Fault(then_us, 20 * MS, "crash_others", (OWNER,)),
        ]
    )
    return [
        Fault(at_us, returns_us - at_us, "power_off", (LAST,)),
        Fault(hangs_us, 7 * SECOND, "hang_store", (OWNER,)),
        then,
    ]


def restore(random: Random, setting: Setting) -> list[Fault]:
    at_us, lasts_us = when(random, setting)
    return [Fault(at_us, lasts_us, "restore", (), random.randint(100 * MS, 3 * SECOND))]
