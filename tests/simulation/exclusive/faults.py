"""How each kind of fault begins and ends. All have ended when the faulty part of a run is over."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

from tests.simulation.exclusive.clockwork import MS, Queue
from tests.simulation.exclusive.machine import Machine
from tests.simulation.exclusive.network import Cut, Network, Weather
from tests.simulation.exclusive.oracle import Oracle
from tests.simulation.exclusive.schedule import LAST, OTHER, OWNER, Fault
from tests.simulation.exclusive.store import Store, Temper

End = Callable[[], None]


class World(Protocol):
    """What faults can reach."""

    queue: Queue
    network: Network
    store: Store
    machines: dict[str, Machine]
    oracle: Oracle

    def tell(self, who: str, what: str) -> None:
        """For the trace."""

    def ordered(self, resource: str) -> tuple[str, ...]:
        """Where it is wanted now."""

    def order(self, resource: str, nodes: Iterable[str]) -> None:
        """The administrator, or the planner, wants it there."""

    def join(self, node: str) -> None:
        """The administrator makes it a node, and switches it on."""

    def remove(self, node: str) -> None:
        """The administrator takes it out, for good."""

    def restore(self, back_us: int) -> None:
        """The store goes back by that much."""


class Faults:
    """Carries out a schedule."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self, fault: Fault) -> None:
        fault = replace(fault, on=tuple(self._meant(name) for name in fault.on))
        self._world.tell("fault", str(fault))
        method: Callable[[Fault], End] = getattr(self, fault.kind)
        end = method(fault)
        self._world.queue.after(fault.lasts_us, end)

    def _meant(self, name: str) -> str:
        """Who that is at this moment."""
        if name not in {OWNER, OTHER, LAST}:
            return name
        order = self._world.ordered("strict1")
        running = self._world.oracle.running["strict1"]
        owner = next(iter(running), order[0])
        others = [it for it in order if it != owner]
        return {OWNER: owner, OTHER: others[0], LAST: others[-1]}[name]

    # --- The network ----------------------------------------------------------------------------

    def _cut(self, pairs: Iterable[tuple[str, str]]) -> End:
        return self._cut_links(self._world.network.on_all_links(pairs))

    def _cut_links(self, cuts: list[Cut]) -> End:
        self._world.network.cut(cuts)
        return partial(self._world.network.heal, cuts)

    def isolate(self, fault: Fault) -> End:
        (host,) = fault.on
        others = self._world.network.hosts
        return self._cut([*((host, o) for o in others), *((o, host) for o in others)])

    def estrange(self, fault: Fault) -> End:
        """It reaches no other node, but the store's members where they are elsewhere."""
        (node,) = fault.on
        others = [name for name, it in self._world.machines.items() if it.is_node]
        return self._cut([*((node, o) for o in others), *((o, node) for o in others)])

    def deafen(self, fault: Fault) -> End:
        """It is heard, and hears nobody."""
        return self._cut([(other, fault.on[0]) for other in self._world.network.hosts])

    def mute(self, fault: Fault) -> End:
        """It hears all, and nobody hears it."""
        return self._cut([(fault.on[0], other) for other in self._world.network.hosts])

    def cut_link(self, fault: Fault) -> End:
        hosts = self._world.network.hosts
        return self._cut_links([(fault.amount, a, b) for a in hosts for b in hosts if a != b])

    def isolate_pair(self, fault: Fault) -> End:
        a, b = fault.on
        return self._cut([(a, b), (b, a)])

    def cut_one_way(self, fault: Fault) -> End:
        a, b = fault.on
        return self._cut([(a, b)])

    def chain(self, fault: Fault) -> End:
        """Each reaches its neighbours in this order, and nobody else."""
        places = {host: place for place, host in enumerate(fault.on)}
        return self._cut_unless(
            lambda a, b: not {a, b} <= places.keys() or abs(places[a] - places[b]) == 1
        )

    def split(self, fault: Fault) -> End:
        some = set(fault.on[: fault.amount])
        return self._cut_unless(lambda a, b: (a in some) == (b in some))

    def bridge(self, fault: Fault) -> End:
        """Two halves, and one host that both reach."""
        middle, some = fault.on[0], set(fault.on[1 : fault.amount + 1])
        return self._cut_unless(lambda a, b: middle in {a, b} or (a in some) == (b in some))

    def _cut_unless(self, works: Callable[[str, str], bool]) -> End:
        hosts = self._world.network.hosts
        return self._cut([(a, b) for a in hosts for b in hosts if a != b and not works(a, b)])

    def bad_weather(self, fault: Fault) -> End:
        network = self._world.network
        share = fault.amount / 100
        network.weather = Weather(lost=share, doubled=share, late=share)

        def end() -> None:
            network.weather = Weather()

        return end

    # --- Processes and machines -----------------------------------------------------------------

    def freeze_pulse(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.freeze_pulse()
        return machine.thaw_pulse

    def freeze_agent(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.freeze_agent()
        return machine.thaw_agent

    def freeze_both(self, fault: Fault) -> End:
        ends = [self.freeze_pulse(fault), self.freeze_agent(fault)]
        return lambda: _all(ends)

    def crash_pulse(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.crash_pulse()
        return machine.start_pulse

    def leave(self, fault: Fault) -> End:
        """It ends in good order, and whatever has become of that by then, begins anew."""
        machine = self._world.machines[fault.on[0]]
        machine.leave()

        def begin_anew() -> None:
            machine.crash_pulse()
            machine.start_pulse()

        return begin_anew

    def crash_others(self, fault: Fault) -> End:
        """The pulse of every node but this one."""
        ends: list[End] = []
        for name, machine in self._world.machines.items():
            if machine.is_node and name != fault.on[0]:
                machine.crash_pulse()
                ends.append(machine.start_pulse)
        return lambda: _all(ends)

    def crash_agent(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.crash_agent()
        return machine.start_agent

    def crash_both(self, fault: Fault) -> End:
        ends = [self.crash_agent(fault), self.crash_pulse(fault)]
        return lambda: _all(ends)

    def power_off(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.power_off("the power fails")
        return machine.power_on

    # --- The store ------------------------------------------------------------------------------

    def hang_store(self, fault: Fault) -> End:
        """This node's client gets no answers, though its requests may arrive."""
        return self._count(self._world.store.hung, fault.on[0])

    def lose_writes(self, fault: Fault) -> End:
        """This node can read, and nothing of what it writes arrives."""
        return self._count(self._world.store.readers, fault.on[0])

    def _count(self, counter: Counter[str], name: str) -> End:
        counter[name] += 1

        def end() -> None:
            counter[name] -= 1

        return end

    def lag_watch(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.lag_us = fault.amount
        machine.look_again()

        def end() -> None:
            machine.lag_us = 0
            machine.look_again()

        return end

    def silence_watch(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.is_watch_silent = True
        machine.look_again()

        def end() -> None:
            machine.is_watch_silent = False
            machine.look_again()

        return end

    def depose(self, fault: Fault) -> End:
        self._world.store.depose()
        return _nothing

    def halt_store(self, fault: Fault) -> End:
        store = self._world.store
        store.halt()
        return store.resume

    def slow_store(self, fault: Fault) -> End:
        return self._temper(Temper(slowest_us=5 * MS + fault.amount))

    def lose_answers(self, fault: Fault) -> End:
        return self._temper(Temper(unknown=fault.amount / 100))

    def _temper(self, temper: Temper) -> End:
        store = self._world.store
        store.temper = temper

        def end() -> None:
            store.temper = Temper()

        return end

    def restore(self, fault: Fault) -> End:
        self._world.restore(fault.amount)
        return _nothing

    # --- Resources and fencing ------------------------------------------------------------------

    def stick(self, fault: Fault) -> End:
        """Its process waits for a dead disk: no signal ends it."""
        for machine in self._world.machines.values():
            machine.stick(fault.on[0])
        return _nothing

    def die(self, fault: Fault) -> End:
        """A resource ends by itself."""
        for machine in self._world.machines.values():
            if not machine.is_stuck(fault.on[0]):
                machine.die(fault.on[0], "by itself")
        return _nothing

    def slow_stops(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.slowest_stop_us *= 50

        def end() -> None:
            machine.slowest_stop_us //= 50

        return end

    def fail_starts(self, fault: Fault) -> End:
        machine = self._world.machines[fault.on[0]]
        machine.starts_fail = True

        def end() -> None:
            machine.starts_fail = False

        return end

    def spoil_fencing(self, fault: Fault) -> End:
        """The device is slow, or its network is gone."""
        for machine in self._world.machines.values():
            machine.fencing_takes_us = fault.amount or None

        def end() -> None:
            for machine in self._world.machines.values():
                machine.fencing_takes_us = 200 * MS

        return end

    def move(self, fault: Fault) -> End:
        resource, *nodes = fault.on
        rest = [name for name in self._world.ordered(resource) if name not in nodes]
        self._world.order(resource, [*nodes, *rest])
        return _nothing

    def join(self, fault: Fault) -> End:
        """A server becomes a node, whatever else goes wrong meanwhile."""
        self._world.join(fault.on[0])
        return _nothing

    def remove(self, fault: Fault) -> End:
        """A node that is lost is taken out of the cluster, as soon as that is allowed."""
        self._world.remove(fault.on[0])
        return _nothing

    def swap(self, fault: Fault) -> End:
        """The first two in the order change places."""
        first, second, *rest = self._world.ordered(fault.on[0])
        self._world.order(fault.on[0], [second, first, *rest])
        return _nothing


def _all(ends: list[End]) -> None:
    for end in ends:
        end()


def _nothing() -> None:
    """What happens in an instant has no end."""
