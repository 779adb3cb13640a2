"""The place of one child process: there is one in it, or the next is about to be started."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.children import health, restarts
from tandem.node.children.child import Child, launch
from tandem.node.children.health import PATIENCE, Condition, Patience
from tandem.node.children.lines import log_entry

Orders = TypeVar("Orders")
Status = TypeVar("Status")


class StatusError(ValueError):
    """What a child wrote is no status."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Orders, Status]):
    """What a child is, as far as whoever keeps it running must know.

    Attributes:
        name: for messages: "Recorder 1".
        log: the logger that its log goes to.
        command: its program and arguments; no secrets.
        encode: orders as one line.
        needs_another: whether a process that began with the first orders cannot carry out the
            second, and another one has to.
        parse: a line of its standard output; raises `StatusError`.
        patience: with a process that is silent.
    """

    name: str
    log: str
    command: Sequence[str]
    encode: Callable[[Orders], bytes]
    needs_another: Callable[[Orders, Orders], bool]
    parse: Callable[[bytes], Status]
    patience: Patience = PATIENCE


@dataclass(frozen=True)
class ChildReport(Generic[Status]):
    """One child process.

    Attributes:
        condition: how it is.
        pid: while there is a process.
        restarts: how often it ended unasked, or was replaced since it hung.
        problem: why it ended last, or what is wrong now; None: nothing.
        status: what it said last; None: nothing yet.
    """

    condition: Condition
    pid: int | None = None
    restarts: int = 0
    problem: str | None = None
    status: Status | None = None


class Slot(Generic[Orders, Status]):
    """Keeps one child running on the newest orders.

    Args:
        kind: what it is.
        clock: of the node.
        random: jitters the restarts.
    """

    def __init__(self, kind: Kind[Orders, Status], clock: Clock, random: Random) -> None:
        self._kind = kind
        self._log = logging.getLogger(kind.log)
        self._clock = clock
        self._random = random
        self._orders: Orders | None = None
        self._ordered = asyncio.Event()
        self._child: Child | None = None
        self._begun_with: Orders | None = None
        self._signs = health.Signs(0, 0)
        self._status: Status | None = None
        self._level = logging.WARNING
        self._restarts = 0
        self._ends_us: tuple[int, ...] = ()
        self._problem: str | None = None

    def order(self, orders: Orders) -> None:
        """What is to be done from now on."""
        if orders == self._orders:
            return
        self._orders = orders
        self._ordered.set()
        if self._child and not self._is_outdated:
            self._child.order(self._kind.encode(orders))

    def report(self) -> ChildReport[Status]:
        """How it is now."""
        now_us = self._clock.boot_us()
        found = Condition.WAITING
        if self._child is not None:
            found = health.condition(self._signs, now_us, self._kind.patience)
        return ChildReport(
            condition=found,
            pid=self._child.pid if self._child else None,
            restarts=self._restarts,
            problem=None if found is Condition.RUNNING else self._problem,
            status=self._status,
        )

    async def run(self) -> None:
        """Keep a process running until cancelled, which ends it in good order."""
        while True:
            await self._ordered.wait()
            problem = None
            try:
                problem = await self._run_one()
            except OSError as error:
                problem = (
                    f"cannot be started: {words_of(error)}. Is the machine out of memory or"
                    " processes?"
                )
            if problem is not None:
                await self._wait_to_restart(problem)

    async def _run_one(self) -> str | None:
        """Start a process and attend to it until it is over.

        Returns:
            What was wrong; None where it only made way for another one.
        """
        process = await launch(self._kind.command)
        async with asyncio.TaskGroup() as tasks:
            child = Child(process, tasks)
            try:
                self._begin(child)
                problem = await self._attend(child)
            finally:
                is_hung = self.report().condition is Condition.LOST
                if not await child.end(0 if is_hung else self._kind.patience.end_us / 1_000_000):
                    self._log.error(
                        "%s (process %d) cannot be killed, since it waits for a disk: see `dmesg`.",
                        self._kind.name,
                        child.pid,
                    )
                self._child = self._status = None
        return problem

    @property
    def _is_outdated(self) -> bool:
        if self._begun_with is None or self._orders is None:
            return False
        return self._kind.needs_another(self._begun_with, self._orders)

    def _begin(self, child: Child) -> None:
        now_us = self._clock.boot_us()
        self._signs = health.Signs(last_us=now_us, looked_us=now_us)
        self._level = logging.WARNING
        self._begun_with = self._orders
        self._child = child
        child.read(self._take_status, self._take_log)
        if self._orders is not None:
            child.order(self._kind.encode(self._orders))

    async def _attend(self, child: Child) -> str | None:
        """Wait until a process ends, hangs for too long, or cannot do what is wanted."""
        while not child.ended.done():
            was = self.report().condition
            await asyncio.wait([child.ended], timeout=health.TICK_US / 1_000_000)
            self._signs = health.looked(self._signs, self._clock.boot_us())
            if self._is_outdated:
                self._log.info("%s is started anew, on other volumes or links.", self._kind.name)
                return None
            condition = self.report().condition
            if condition is Condition.HUNG and was is not Condition.HUNG:
                self._log.error("%s (process %d) hangs.", self._kind.name, child.pid)
            if condition is Condition.LOST:
                return "hung, and was killed"
        return _explain(child.ended.result())

    async def _wait_to_restart(self, problem: str) -> None:
        now_us = self._clock.boot_us()
        self._restarts += 1
        self._ends_us = restarts.recent((*self._ends_us, now_us), now_us)
        delay_ms = restarts.delay_ms(len(self._ends_us), self._random.random())
        self._problem = f"{self._kind.name} {problem}"
        self._log.error("%s It is started again in %.1f s.", self._problem, delay_ms / 1000)
        await asyncio.sleep(delay_ms / 1000)

    def _take_status(self, line: bytes) -> None:
        try:
            self._status = self._kind.parse(line)
        except StatusError as problem:  # and so it is silent
            self._log.error("%s: %s", self._kind.name, problem)
            return
        self._signs = health.heard(self._signs, self._clock.boot_us())

    def _take_log(self, line: bytes) -> None:
        self._level, text = log_entry(line, self._level)
        self._log.log(self._level, "%s", text)


def _explain(exit_status: int) -> str:
    if exit_status == -signal.SIGKILL:
        return "was killed. Was it the kernel, out of memory? See `journalctl -k`."
    if exit_status < 0:
        return f"crashed ({signal.Signals(-exit_status).name}). See `coredumpctl`."
    if exit_status == 2:
        return "could not carry out its orders. The log says why, just before this."
    return f"ended with status {exit_status}, unasked. The log may say why."
