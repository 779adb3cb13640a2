"""All that may go wrong, and how often: a seed makes a plan of it."""

from collections.abc import Sequence
from random import Random

from tests.simulation.exclusive import stories
from tests.simulation.exclusive.clockwork import MS, SECOND
from tests.simulation.exclusive.schedule import (
    FOREVER_US,
    NAMES,
    QUIET_US,
    Fault,
    Maker,
    Plan,
    Setting,
    hosts_of,
    nodes_of,
    resources_of,
    when,
)


def random_plan(seed: int, makers: Sequence[Maker] = (), more: int = 0) -> Plan:
    """What this seed makes happen.

    Args:
        seed: decides all of it.
        makers: of faults; all that there are if empty.
        more: so many nodes beyond the ones that it decides, up to 7.
    """
    random = Random(seed)
    nodes = random.choices([3, 4, 5, 6, 7], [10, 3, 4, 1, 1])[0]
    nodes = min(nodes + more, len(NAMES))
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


def _of_a_host(kind: str) -> Maker:
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*when(random, setting), kind, (random.choice(hosts_of(setting)),))]

    return make


def _of_a_node(kind: str, longest_us: int = 0) -> Maker:
    def make(random: Random, setting: Setting) -> list[Fault]:
        amount = random.randint(0, longest_us)
        return [Fault(*when(random, setting), kind, (random.choice(nodes_of(setting)),), amount)]

    return make


def _of_the_store(kind: str, longest_us: int = 0) -> Maker:
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*when(random, setting), kind, (), random.randint(0, longest_us))]

    return make


def _of_a_pair(kind: str) -> Maker:
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*when(random, setting), kind, tuple(random.sample(hosts_of(setting), 2)))]

    return make


def _of_all(kind: str) -> Maker:
    """Of the hosts in some order."""

    def make(random: Random, setting: Setting) -> list[Fault]:
        hosts = hosts_of(setting)
        on = tuple(random.sample(hosts, len(hosts)))
        return [Fault(*when(random, setting), kind, on, random.randint(1, max(1, len(hosts) // 2)))]

    return make


def _of_a_link(random: Random, setting: Setting) -> list[Fault]:
    return [Fault(*when(random, setting), "cut_link", (), random.randrange(setting.links))]


def _swizzle(random: Random, setting: Setting) -> list[Fault]:
    """Hosts are cut off one by one, and come back in another order."""
    hosts = hosts_of(setting)
    some = random.sample(hosts, random.randint(2, len(hosts)))
    at_us, _ = when(random, setting)
    healing = random.sample(range(len(some)), len(some))
    faults = []
    for place, host in enumerate(some):
        begins_us = at_us + place * random.randint(10 * MS, 300 * MS)
        ends_us = at_us + (len(some) + healing[place]) * random.randint(50 * MS, 400 * MS)
        faults.append(Fault(begins_us, max(ends_us - begins_us, 10 * MS), "isolate", (host,)))
    return faults


def _of_the_plan(random: Random, setting: Setting) -> list[Fault]:
    """A resource is to run elsewhere, in another order of successors."""
    nodes = nodes_of(setting)
    on = (random.choice(resources_of(setting)), *random.sample(nodes, len(nodes)))
    return [Fault(*when(random, setting), "move", on)]


def _of_a_resource(kind: str) -> Maker:
    def make(random: Random, setting: Setting) -> list[Fault]:
        return [Fault(*when(random, setting), kind, (random.choice(resources_of(setting)),))]

    return make


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
    *[stories.flap] * 3,
    *[_of_a_node("hang_store")] * 2,
    *[_of_a_node("freeze_pulse")] * 2,
    _of_a_node("freeze_agent"),
    _of_a_node("freeze_both"),
    *[_of_a_node("crash_pulse")] * 2,
    *[_of_a_node("leave")] * 2,
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
    *[stories.store_and_then_a_node] * 2,
    *[stories.cut_off_while_another_restarts] * 2,
    *[stories.cut_off_right_after_another_returns] * 2,
    stories.evicted_slowly_behind_its_back,
    stories.held_by_late_promises,
    *[stories.evicted_and_slow_to_stop] * 2,
    *[stories.held_behind_the_back_of_one] * 2,
    *[stories.slow_and_then_cut_off] * 2,
    *[stories.unheard_and_then_a_reader] * 3,
    *[stories.blind_while_another_goes] * 3,
    *[stories.blind_while_another_restarts] * 3,
    *[stories.moved_and_moved_back] * 3,
    stories.restore,
]
