"""The pulse as a process: orders in on standard input, reports out on standard output.

Run by the node's agent as `python -m tandem.node.pulse`. It ends when its orders do, or when they
have not come for `health.Patience.lost_us`: whoever cannot be told anything any more holds nothing.
"""

import asyncio
import gc
import logging
import signal
from random import Random
from typing import Final

from tandem.clock import Clock, SystemClock
from tandem.cluster.exclusive.timing import PRESETS
from tandem.node.children import health
from tandem.node.children.health import Condition, Patience
from tandem.node.fencing.fencer import Fencer
from tandem.node.fencing.sealing import SecretBox
from tandem.node.home import Home
from tandem.node.pulse.messages import MessageError, Orders, parse_orders
from tandem.node.pulse.pipes import LineInput, LineOutput, LogOutput
from tandem.node.pulse.privileges import take_privileges
from tandem.node.pulse.pulse import Means, Pulse
from tandem.node.store.etcd import Deadlines, EtcdStore, open_store
from tandem.node.tls import client_context
from tandem.recording.orphan import end_soon, end_without_parent

log = logging.getLogger(__name__)

PATIENCE: Final = Patience(hung_us=5_000_000, lost_us=10_000_000, start_us=30_000_000)
"""With an agent, and an agent's with its pulse. Nothing exclusive needs the agent to be quick: its
silence only means that nobody can be told anything through it any more."""

LEAVE_S: Final = 6.0
"""For what runs here to end by itself, when the agent ends or is gone; then it is killed."""

PROOF_S: Final = 3.0
"""And for the proof, and for the store to take it. All of it is less than `orphan.LAST_S`."""

_INPUT: Final = 0
_OUTPUT: Final = 1


class _Told:
    """The newest orders, and whether there will be more."""

    def __init__(self, clock: Clock) -> None:
        self.orders: Orders | None = None
        self.problem = ""
        self.changed, self.ended, self.gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._clock = clock
        now_us = clock.boot_us()
        self._signs = health.Signs(now_us, now_us)
        LineInput(_INPUT, self._take, self.ended.set)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.ended.set)

    async def run(self) -> None:
        """Wait until the orders have ended, or the agent hangs."""
        while not self.ended.is_set():
            self._signs = health.looked(self._signs, self._clock.boot_us())
            if health.condition(self._signs, self._clock.boot_us(), PATIENCE) is Condition.LOST:
                log.error("The agent hangs: whatever exclusive runs here is stopped.")
                return
            try:
                async with asyncio.timeout(health.TICK_US / 1e6):
                    await self.ended.wait()
            except TimeoutError:
                continue

    def _take(self, line: bytes) -> None:
        self._signs = health.heard(self._signs, self._clock.boot_us())
        if not line:
            return
        try:
            self.orders = parse_orders(line)
        except MessageError as problem:
            log.error("%s", problem)
            return
        self.changed.set()


async def run(clock: Clock, random: Random) -> None:
    """Be the pulse until the agent is gone."""
    told = _Told(clock)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(told.run(), name="the agent")
        working = tasks.create_task(_work(told, clock, random), name="pulse")
        await asyncio.wait([watching, working], return_when=asyncio.FIRST_COMPLETED)
        end_soon()
        told.gone.set()
        if told.orders is None:
            working.cancel()
        watching.cancel()


async def _work(told: _Told, clock: Clock, random: Random) -> None:
    await told.changed.wait()
    orders = told.orders
    if orders is None:
        raise RuntimeError("changed orders are orders")
    home = Home(orders.data)
    is_encrypted = orders.endpoints[0].url.startswith("https://")
    tls = client_context(home.authority, home.credentials) if is_encrypted else None
    rpc_s = PRESETS[orders.timing].rpc_us / 1e6
    deadlines = Deadlines(attempt_s=rpc_s, call_s=rpc_s)
    key = home.cluster_key.read_bytes()
    gc.freeze()
    async with open_store(orders.endpoints, random, tls=tls, deadlines=deadlines) as store:
        means = Means(key, store, clock, random, Fencer(SecretBox(key), clock), take_privileges())
        output = LineOutput(_OUTPUT)
        pulse = Pulse(orders, means, lambda report: output.write(report.encode()))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(pulse.run(), name="running")
            passing = tasks.create_task(_pass_on(told, pulse, store), name="orders")
            await told.gone.wait()
            try:
                async with asyncio.timeout(LEAVE_S + PROOF_S):
                    await pulse.leave(clock.boot_us() + round(LEAVE_S * 1e6))
            except TimeoutError:
                log.error("This node could not give back in time what it held; others wait for it.")
            running.cancel()
            passing.cancel()


async def _pass_on(told: _Told, pulse: Pulse, store: EtcdStore) -> None:
    while True:
        await told.changed.wait()
        told.changed.clear()
        if told.orders is not None:
            pulse.order(told.orders)
            await store.set_endpoints(told.orders.endpoints)


def main() -> int:
    """Run until standard input ends, in good order."""
    logging.raiseExceptions = False
    handler = LogOutput()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which closes our input
    end_without_parent()
    asyncio.run(run(SystemClock(), Random()))  # noqa: S311 - jitter, no secret
    return 0
