"""What goes wrong in a run, and when: plain data, so that it can be printed, and made smaller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.simulation.exclusive.clockwork import MS, SECOND


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong for a while.

    Attributes:
        at_us: when it begins, true time.
        lasts_us: how long it lasts; what cannot last, such as the loss of a leader, ignores it.
        kind: the name of a method of `faults.Faults`.
        on: the hosts, or the resource and then the nodes, that it concerns.
        amount: by kind: a link, or a time in microseconds.
    """

    at_us: int
    lasts_us: int
    kind: str
    on: tuple[str, ...] = ()
    amount: int = 0

    def __str__(self) -> str:
        whom = " ".join(self.on)
        return (
            f"{self.at_us / SECOND:.3f} s: {self.kind} {whom} ({self.amount})"
            f" for {self.lasts_us / SECOND:.3f} s"
        )


class Setting(NamedTuple):
    """What a run is made of, besides its faults.

    Attributes:
        seed: decides whatever else is left to chance.
        nodes: how many.
        strict: how many strict resources.
        soft: how many soft ones.
        outside: whether the store's members are on hosts of their own.
        fencing: whether nodes can be fenced.
        watchdog: whether machines have one.
        links: how many networks.
        faults_us: the faults are over by then.
        preset: of timing, by name.
        reads_beside: whether each transaction reads all sessions as well, or only a watch tells.
        starts_cold: whether the machines start at different moments, and the last one never.
        is_ordered: whether every resource is to run on the first node, the second being next.
    """

    seed: int
    nodes: int
    strict: int = 1
    soft: int = 0
    outside: bool = False
    fencing: bool = False
    watchdog: bool = False
    links: int = 2
    faults_us: int = 6 * SECOND
    preset: str = "fast"
    reads_beside: bool = True
    starts_cold: bool = False
    is_ordered: bool = False


class Plan(NamedTuple):
    """A run, all of it."""

    setting: Setting
    faults: tuple[Fault, ...]


OWNER = "@owner"
OTHER = "@other"
"""In a fault's `on`: who runs the first resource when it begins, and who is to be next."""

FOREVER_US = 1_000 * SECOND
QUIET_US = 1_500 * MS
"""Before the first fault: sessions begin, and resources start, in most runs."""

NAMES = "abcdefg"


def random_plan(seed: int, makers: "Sequence[Maker]" = ()) -> Plan:
    """What this seed makes happen.

    Args:
        seed: decides all of it.
        makers: of faults; all that there are if empty.
    """
    random = Random(seed)
    nodes = random.choices([3, 4, 5, 6, 7], [10, 3, 4, 1, 1])[0]
    setting = Setting(
        seed=seed,
        nodes=nodes,
        strict=random.choice([1, 1, 1, 2]),
        soft=random.choice([0, 0, 1]),
        outside=random.random() < 0.4,
        fencing=random.random() < 0.3,
        watchdog=random.random() < 0.5,
        links=random.choice([1, 2, 2]),
        faults_us=random.randint(5, 8) * SECOND,
        preset=random.choice(["fast", "fast", "fast", "standard"]),
        reads_beside=random.random() < 0.5,
        starts_cold=random.random() < 0.1,
        is_ordered=random.random() < 0.5,
    )
    faults: list[Fault] = []
    for _ in range(random.choice([1, 1, 2, 2, 3, 4, 6])):
        faults += random.choice(makers or MAKERS)(random, setting)
    if not setting.starts_cold and random.random() < 0.1:
        at_us = random.randint(QUIET_US, setting.faults_us)
        node = random.choice(nodes_of(setting))
        faults.append(Fault(at_us, FOREVER_US, "power_off", (node,)))
    return Plan(setting, tuple(sorted(faults, key=lambda fault: fault.at_us)))


def nodes_of(setting: Setting) -> list[str]:
    return list(NAMES[: setting.nodes])


def members_of(setting: Setting) -> list[str]:
    """Where the store's members run."""
    if setting.outside:
        return ["m1", "m2", "m3"]
    return nodes_of(setting)[: 5 if setting.nodes >= 5 else 3]


def hosts_of(setting: Setting) -> list[str]:
    return nodes_of(setting) + (members_of(setting) if setting.outside else [])


def resources_of(setting: Setting) -> list[str]:
    strict = [f"strict{number}" for number in range(1, setting.strict + 1)]
    return strict + [f"soft{number}" for number in range(1, setting.soft + 1)]


# --- What may happen: each makes one or several faults that belong together ----------------------


def _when(random: Random, setting: Setting) -> tuple[int, int]:
    """From when, and for how long: often about as long as a guarantee, sometimes a mere moment."""
    at_us = random.randint(QUIET_US, setting.faults_us - 100 * MS)
    left_us = setting.faults_us - at_us
    longest_us = min(left_us, random.choice([200 * MS, 1 * SECOND, 3 * SECOND, 6 * SECOND]))
    return at_us, random.randint(20 * MS, max(longest_us, 20 * MS))


def _of_a_host(kind: str) -> "Maker":
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*_when(random, setting), kind, (random.choice(hosts_of(setting)),))]

    return make


def _of_a_node(kind: str, longest_us: int = 0) -> "Maker":
    def make(random: Random, setting: Setting) -> list[Fault]:
        amount = random.randint(0, longest_us)
        return [Fault(*_when(random, setting), kind, (random.choice(nodes_of(setting)),), amount)]

    return make


def _of_the_store(kind: str, longest_us: int = 0) -> "Maker":
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*_when(random, setting), kind, (), random.randint(0, longest_us))]

    return make


def _of_a_pair(kind: str) -> "Maker":
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*_when(random, setting), kind, tuple(random.sample(hosts_of(setting), 2)))]

    return make


def _of_all(kind: str) -> "Maker":
    """Of the hosts in some order."""

    def make(random: Random, setting: Setting) -> list[Fault]:
        hosts = hosts_of(setting)
        on = tuple(random.sample(hosts, len(hosts)))
        return [
            Fault(*_when(random, setting), kind, on, random.randint(1, max(1, len(hosts) // 2)))
        ]

    return make


def _of_a_link(random: Random, setting: Setting) -> list[Fault]:
    return [Fault(*_when(random, setting), "cut_link", (), random.randrange(setting.links))]


def _swizzle(random: Random, setting: Setting) -> list[Fault]:
    """Hosts are cut off one by one, and come back in another order."""
    hosts = hosts_of(setting)
    some = random.sample(hosts, random.randint(2, len(hosts)))
    at_us, _ = _when(random, setting)
    healing = random.sample(range(len(some)), len(some))
    faults = []
    for place, host in enumerate(some):
        begins_us = at_us + place * random.randint(10 * MS, 300 * MS)
        ends_us = at_us + (len(some) + healing[place]) * random.randint(50 * MS, 400 * MS)
        faults.append(Fault(begins_us, max(ends_us - begins_us, 10 * MS), "isolate", (host,)))
    return faults


def flap(random: Random, setting: Setting) -> list[Fault]:
    """A host comes back for moments only, each time for long enough to do one thing or another."""
    host = random.choice(nodes_of(setting))
    kind = random.choice(["isolate", "isolate", "hang_store"])
    at_us, _ = _when(random, setting)
    faults = []
    for _ in range(random.randint(2, 6)):
        lasts_us = random.randint(50 * MS, 1_200 * MS)
        faults.append(Fault(at_us, lasts_us, kind, (host,)))
        at_us += lasts_us + random.randint(5 * MS, random.choice([60 * MS, 300 * MS]))
    return faults


def _of_the_plan(random: Random, setting: Setting) -> list[Fault]:
    """A resource is to run elsewhere, in another order of successors."""
    nodes = nodes_of(setting)
    on = (random.choice(resources_of(setting)), *random.sample(nodes, len(nodes)))
    return [Fault(*_when(random, setting), "move", on)]


def _of_a_resource(kind: str) -> "Maker":
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*_when(random, setting), kind, (random.choice(resources_of(setting)),))]

    return make


def store_and_then_a_node(random: Random, setting: Setting) -> list[Fault]:
    """The store is gone, the links are not: the case that failsafe is for, and then one more."""
    at_us, lasts_us = _when(random, setting)
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
    at_us, lasts_us = _when(random, setting)
    restarts = random.choice(["crash_pulse", "power_off"])
    return [
        Fault(at_us, 4 * SECOND, "hang_store", (a,)),
        Fault(at_us - random.randint(0, SECOND), random.randint(100 * MS, SECOND), restarts, (b,)),
        Fault(at_us + lasts_us, SECOND, "isolate_pair", (a, b)),
    ]


def slow_and_then_cut_off(random: Random, setting: Setting) -> list[Fault]:
    """Renewals are found to have happened long after they were sent; then there are none."""
    at_us, lasts_us = _when(random, setting)
    cut_us = at_us + lasts_us - random.randint(0, min(lasts_us, 200 * MS))
    cut = Fault(cut_us, 3 * SECOND, random.choice(["isolate", "hang_store", "mute"]), (OWNER,))
    return [Fault(at_us, lasts_us, "slow_store", (), random.randint(200 * MS, 900 * MS)), cut]


def unheard_and_then_a_reader(random: Random, setting: Setting) -> list[Fault]:
    """A renewal happens, of which the owner learns a second later; no other one happens."""
    at_us, _ = _when(random, setting)
    hangs_us = random.randint(400 * MS, 1_300 * MS)
    return [
        Fault(at_us, hangs_us, "hang_store", (OWNER,)),
        Fault(at_us, 4 * SECOND, "lose_writes", (OWNER,)),
        Fault(at_us, 4 * SECOND, "estrange", (OWNER,)),
    ]


def blind_while_another_goes(random: Random, setting: Setting) -> list[Fault]:
    """A successor sees nothing for a while; meanwhile the owner is cut off, and evicted."""
    at_us, _ = _when(random, setting)
    lasts_us = random.randint(1_500 * MS, 3 * SECOND)
    cut_us = at_us + lasts_us - random.randint(300 * MS, 900 * MS)
    return [
        Fault(at_us, lasts_us, "silence_watch", (OTHER,)),
        Fault(cut_us, 3 * SECOND, random.choice(["isolate", "mute"]), (OWNER,)),
    ]


def blind_while_another_restarts(random: Random, setting: Setting) -> list[Fault]:
    """The same, and before it is cut off the owner begins a session that gets as old as the one
    that was seen."""
    at_us = random.randint(QUIET_US // 2, QUIET_US)
    restarts_us = at_us + random.randint(10 * MS, 100 * MS)
    cut_us = restarts_us + at_us + random.randint(-300 * MS, 300 * MS)
    sees_us = cut_us + random.randint(400 * MS, 900 * MS)
    return [
        Fault(at_us, sees_us - at_us, "silence_watch", (OTHER,)),
        Fault(restarts_us, 20 * MS, "crash_pulse", (OWNER,)),
        Fault(cut_us, 3 * SECOND, "isolate", (OWNER,)),
    ]


def moved_and_moved_back(random: Random, setting: Setting) -> list[Fault]:
    """The owner sends a release, of which it hears nothing, and is told that it may stay."""
    at_us, _ = _when(random, setting)
    back_us = at_us + random.randint(50 * MS, 300 * MS)
    cut_us = at_us + random.randint(200 * MS, 600 * MS)
    slow_us = random.randint(300 * MS, 900 * MS)
    return [
        Fault(at_us - 20 * MS, cut_us - at_us, "slow_store", (), slow_us),
        Fault(at_us, 0, "move", ("strict1", OTHER, OWNER)),
        Fault(back_us, 0, "swap", ("strict1",)),
        Fault(cut_us, 2 * SECOND, random.choice(["hang_store", "isolate"]), (OWNER,)),
    ]


def restore(random: Random, setting: Setting) -> list[Fault]:
    at_us, lasts_us = _when(random, setting)
    return [Fault(at_us, lasts_us, "restore", (), random.randint(100 * MS, 3 * SECOND))]


Maker = Callable[[Random, Setting], list[Fault]]

MAKERS: Sequence[Maker] = [
    *[_of_a_host("isolate")] * 4,
    _of_a_host("deafen"),
    _of_a_host("mute"),
    _of_a_link,
    _of_a_pair("isolate_pair"),
    _of_a_pair("cut_one_way"),
    _of_all("chain"),
    _of_all("split"),
    _of_all("bridge"),
    _swizzle,
    *[flap] * 3,
    *[_of_a_node("hang_store")] * 2,
    *[_of_a_node("freeze_pulse")] * 2,
    _of_a_node("freeze_agent"),
    _of_a_node("freeze_both"),
    *[_of_a_node("crash_pulse")] * 2,
    _of_a_node("crash_agent"),
    _of_a_node("crash_both"),
    *[_of_a_host("power_off")] * 3,
    _of_a_node("lag_watch", 2 * SECOND),
    _of_a_node("silence_watch"),
    _of_the_store("depose"),
    _of_the_store("halt_store"),
    _of_the_store("slow_store", 900 * MS),
    *[_of_the_store("lose_answers", 60)] * 2,
    _of_the_store("bad_weather", 40),
    _of_a_resource("stick"),
    _of_a_resource("die"),
    _of_a_node("slow_stops"),
    _of_a_node("fail_starts"),
    _of_the_store("spoil_fencing", 3 * SECOND),
    *[_of_the_plan] * 2,
    *[store_and_then_a_node] * 2,
    *[cut_off_while_another_restarts] * 2,
    *[slow_and_then_cut_off] * 2,
    *[unheard_and_then_a_reader] * 3,
    *[blind_while_another_goes] * 3,
    *[blind_while_another_restarts] * 3,
    *[moved_and_moved_back] * 3,
    restore,
]
