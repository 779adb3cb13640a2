"""A machine: its power, its kernel with what really runs there, and its agent.

What runs ends when it is stopped, when its keeper's kernel timer fires, or with the machine; never
because somebody believes that it has ended. The timer is the kernel's: it fires while processes are
frozen or gone. Only a process that no signal ends outlives it, until the watchdog resets the
machine.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from tests.simulation.exclusive.clockwork import FASTEST_PPM, MS, SECOND, SLOWEST_PPM, Clock, Queue
from tests.simulation.exclusive.oracle import Oracle, Token

SLOWEST_START_US = 100 * MS
SLOWEST_STOP_US = 30 * MS
PATIENCE_US = 300 * MS
"""How long a resource is given to stop where there is no hurry."""
NOTICES_US = 20 * MS
"""A parent notices the end of a child, and a child that of its parent."""


class Pulse(Protocol):
    """What a machine tells the pulse that runs there."""

    is_closed: bool

    def begin(self) -> None: ...

    def started(self, resource: str, number: int) -> None: ...

    def start_failed(self, resource: str, number: int) -> None: ...

    def stopped(self, resource: str, number: int) -> None: ...

    def stop_failed(self, resource: str, number: int) -> None: ...

    def thawed(self) -> None: ...

    def leave(self) -> None: ...

    def close(self) -> None: ...

    def look_again(self) -> None: ...


@dataclass
class Run:
    """A resource that really runs.

    Attributes:
        number: of the run, in the life of its pulse.
        deadline_us: when its kernel timer fires, by this machine's clock.
        is_stuck: no signal ends it.
    """

    number: int
    deadline_us: int
    is_stuck: bool = False


class Machine:
    """One host; `begin` makes a pulse where it is a node.

    Args:
        queue: the truth.
        random: for clocks and delays.
        name: of the host.
        oracle: told of what really happens.
        begin: starts a pulse here; None on a host that is no node.
        changed: whether something runs here has changed.
        tell: for the trace.
        has_watchdog: of the hardware kind.
    """

    def __init__(
        self,
        queue: Queue,
        random: Random,
        name: str,
        oracle: Oracle,
        begin: "Callable[[Machine], Pulse] | None",
        changed: Callable[[], None],
        tell: Callable[[str, str], None],
        *,
        has_watchdog: bool,
    ) -> None:
        self._queue = queue
        self._random = random
        self.name = name
        self._oracle = oracle
        self._begin = begin
        self.is_node = begin is not None
        self._changed = changed
        self._tell = tell
        self.has_watchdog = has_watchdog
        self._rate_ppm = random.choice([SLOWEST_PPM, FASTEST_PPM, 1_000_000])
        self.clock = self._boot_clock()
        self.runs: dict[str, Run] = {}
        self.pulse: Pulse | None = None
        self.entitled_us = self.kill_us = 0
        """Until when it may hold anything, and when its kernel's timers fire, by its clock."""
        self.is_up = False
        self.boots = 0
        self._away: Counter[str] = Counter({"power": 1})
        """Why something does not run: "power", "pulse", "agent"; "pulse frozen", "agent frozen"."""
        self._wanted: dict[str, int] = {}
        """By resource: the run that was asked for, and not asked to stop since."""
        self.lag_us = 0
        self.is_watch_silent = False
        self.slowest_stop_us = SLOWEST_STOP_US
        self.starts_fail = False
        self.fencing_takes_us: int | None = 200 * MS
        self.configured: tuple[str, ...] = ()
        self.configured_revision = 0

    # --- Power ----------------------------------------------------------------------------------

    def _boot_clock(self) -> Clock:
        """It counts from the boot, and after each it is a little different."""
        drift_ppm = self._random.randint(-100, 100)
        rate_ppm = min(max(self._rate_ppm + drift_ppm, SLOWEST_PPM), FASTEST_PPM)
        uptime_us = self._random.choice([0, 100 * SECOND, 10_000_000 * SECOND])
        offset_us = uptime_us - self._queue.now_us * rate_ppm // 1_000_000
        return Clock(self._queue, rate_ppm, offset_us)

    def power_off(self, why: str) -> None:
        """Until `power_on` has been called as often."""
        self._away["power"] += 1
        if not self.is_up:
            return
        self._tell(self.name, f"is off: {why}")
        self.is_up = False
        self._end_pulse()
        for resource in list(self.runs):
            self._end(resource, "no power")
        self.entitled_us = self.kill_us = 0
        self._changed()

    def power_on(self) -> None:
        self._away["power"] -= 1
        if self._away["power"] > 0 or self.is_up:
            return
        self._tell(self.name, "boots")
        self.is_up = True
        self.boots += 1
        self.clock = self._boot_clock()
        self._oracle.rebooted(self.name)
        self._changed()
        self._begin_pulse()

    def reset(self, why: str) -> None:
        """Off, and on again some time later."""
        if self.is_up:
            self.power_off(why)
            self._queue.after(self._random.randint(100 * MS, 3 * SECOND), self.power_on)

    # --- The pulse's life -----------------------------------------------------------------------

    @property
    def speaks(self) -> bool:
        return self.pulse is not None and not self.is_pulse_frozen

    @property
    def is_pulse_frozen(self) -> bool:
        return self._away["pulse frozen"] > 0

    def _begin_pulse(self) -> None:
        if self._begin and self.is_up and not self._away["pulse"] and self.pulse is None:
            self.pulse = self._begin(self)
            self._changed()
            self.pulse.begin()

    def _end_pulse(self) -> None:
        if self.pulse:
            self.pulse.close()
            self.pulse = None
            self._changed()

    def crash_pulse(self) -> None:
        self._away["pulse"] += 1
        if self.pulse is not None:
            self._tell(self.name, "the pulse crashes")
            self._end_pulse()
            self._queue.after(NOTICES_US, self._agent_stops_all)

    def start_pulse(self) -> None:
        self._away["pulse"] -= 1
        self._begin_pulse()

    def configure(self, nodes: tuple[str, ...], revision: int) -> None:
        """Its agent is told who is a node, as of that revision, and keeps it on its disk."""
        self.configured, self.configured_revision = nodes, revision

    def was_removed(self) -> None:
        """Its agent has seen that it is no node any more: no pulse begins here again."""
        self.crash_pulse()

    def leave(self) -> None:
        """The pulse is asked to end in good order."""
        if self.pulse is not None:
            self.pulse.leave()

    def freeze_pulse(self) -> None:
        self._away["pulse frozen"] += 1
        self._changed()

    def thaw_pulse(self) -> None:
        self._away["pulse frozen"] -= 1
        if self.pulse and not self._away["pulse frozen"]:
            self.pulse.thawed()
        self._changed()

    def look_again(self) -> None:
        if self.pulse:
            self.pulse.look_again()

    # --- The agent ------------------------------------------------------------------------------

    @property
    def _agent_works(self) -> bool:
        return self.is_up and not self._away["agent"] and not self._away["agent frozen"]

    def crash_agent(self) -> None:
        self._away["agent"] += 1

    def start_agent(self) -> None:
        self._away["agent"] -= 1
        self._agent_returns()

    def freeze_agent(self) -> None:
        self._away["agent frozen"] += 1

    def thaw_agent(self) -> None:
        self._away["agent frozen"] -= 1
        self._agent_returns()

    def _agent_returns(self) -> None:
        if self.pulse is None and self._agent_works:
            self._agent_stops_all()

    def _agent_stops_all(self) -> None:
        """The pulse has ended: nobody renews any more."""
        if self.pulse is None and self._agent_works:
            for resource in list(self.runs):
                self._kill(resource, "the agent, since there is no pulse")

    # --- What the pulse has done ----------------------------------------------------------------

    def start(self, resource: str, number: int, token: Token | None) -> None:
        """Asks the agent, which takes its time."""
        pulse = self.pulse
        self._wanted[resource] = number
        delay_us = self._random.randint(2 * MS, SLOWEST_START_US)
        self._queue.after(delay_us, lambda: self._start(resource, number, token, pulse))

    def _start(self, resource: str, number: int, token: Token | None, pulse: Pulse | None) -> None:
        if pulse is None or pulse.is_closed or self._wanted.get(resource) != number:
            return
        if self._away["agent frozen"]:
            self._queue.after(50 * MS, lambda: self._start(resource, number, token, pulse))
            return
        is_late = self.kill_us <= self.clock.now_us
        if not self._agent_works or self.starts_fail or resource in self.runs or is_late:
            pulse.start_failed(resource, number)
            return
        self.runs[resource] = Run(number, self.kill_us)
        self._oracle.started(self.name, resource, token)
        self._guard(resource)
        pulse.started(resource, number)

    def stop(self, resource: str, number: int, by_us: int | None) -> None:
        """Asks, and kills at `by_us`; then says what came of it. A start that waits is off."""
        if self._wanted.get(resource) == number:
            del self._wanted[resource]
        by_us = self.clock.now_us + PATIENCE_US if by_us is None else by_us
        pulse = self.pulse
        if self._agent_works:
            delay_us = self._random.randint(1 * MS, self.slowest_stop_us)
            self._queue.after(delay_us, lambda: self._stop(resource, number, pulse))
        kill_us = max(self.clock.true_us(by_us), self._queue.now_us)
        self._queue.at(kill_us, lambda: self._stop_now(resource, number, pulse))

    def _stop(self, resource: str, number: int, pulse: Pulse | None) -> None:
        if pulse is None or pulse.is_closed or not self._agent_works:
            return
        if self._ended(resource, number, "asked to stop"):
            pulse.stopped(resource, number)

    def _stop_now(self, resource: str, number: int, pulse: Pulse | None) -> None:
        if pulse is None or pulse.is_closed:
            return
        if self.is_pulse_frozen:
            self._queue.after(50 * MS, lambda: self._stop_now(resource, number, pulse))
        elif self._ended(resource, number, "killed by the pulse"):
            pulse.stopped(resource, number)
        else:
            pulse.stop_failed(resource, number)

    def _ended(self, resource: str, number: int, who: str) -> bool:
        """Whether that run of it is proven to be over."""
        run = self.runs.get(resource)
        return run is None or run.number != number or self._kill(resource, who)

    def entitle(self, until_us: int, kill_us: int) -> None:
        """Push the kernel's timers forward, and the watchdog's."""
        self.entitled_us = max(self.entitled_us, until_us)
        self.kill_us = max(self.kill_us, kill_us)
        for run in self.runs.values():
            run.deadline_us = self.kill_us

    def is_clean(self) -> bool:
        """A probe, which kills what it finds."""
        self._wanted.clear()
        for resource in list(self.runs):
            self._kill(resource, "nobody has started it")
        return not self.runs

    # --- The kernel -----------------------------------------------------------------------------

    def _guard(self, resource: str) -> None:
        run = self.runs[resource]
        self._queue.at(
            self.clock.true_us(run.deadline_us), lambda: self._timer_fires(resource, run)
        )

    def _timer_fires(self, resource: str, run: Run) -> None:
        if self.runs.get(resource) is not run:
            return
        if run.deadline_us > self.clock.now_us:
            self._guard(resource)
        else:
            self.die(resource, "its kernel timer")

    def die(self, resource: str, why: str) -> None:
        """It ends without having been asked to."""
        if resource not in self.runs:
            return
        number = self.runs[resource].number
        if not self._kill(resource, why):
            # Nothing pushes the watchdog any more while something is left over.
            boots = self.boots
            ends_us = self.clock.true_us(self.entitled_us)
            self._queue.at(ends_us, lambda: self._bark(boots))
        elif self.pulse:
            self.pulse.start_failed(resource, number)

    def _bark(self, boots: int) -> None:
        if self.boots == boots:
            self.reset("the watchdog")

    def is_stuck(self, resource: str) -> bool:
        return resource in self.runs and self.runs[resource].is_stuck

    def stick(self, resource: str) -> None:
        if self.has_watchdog and resource in self.runs:
            self.runs[resource].is_stuck = True
            self._tell(self.name, f"{resource} can no longer be killed")

    def _kill(self, resource: str, who: str) -> bool:
        """Whether it is proven not to run."""
        if self.is_stuck(resource):
            return False
        self._end(resource, who)
        return True

    def _end(self, resource: str, who: str) -> None:
        if self.runs.pop(resource, None) is not None:
            self._oracle.stopped(self.name, resource, who)
