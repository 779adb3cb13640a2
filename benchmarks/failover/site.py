"""Three hosts with an engine and the service, and a user who asks: hurt, watched and mended."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.failover.answers import Answers
from benchmarks.failover.engines.engine import NODES, WEB_PORT, Engine
from tandem.clock import SystemClock
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import LabError
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.lifetime import take_down
from tandem.lab.hosts.networks import USER_HOST, USERS, cables
from tandem.lab.hosts.rootfs import MANAGEMENT

STEADY_S: Final = 1.5
GAP_S: Final = 0.25
"""A service that is steady has no longer ones: this machine does other work as well."""

MENDED_S: Final = 90.0
REAL_TIME: Final = ["chrt", "--rr", "1"]
"""For service and asker: what is measured is the engine, not who else wants the processor."""


class Site:
    """One engine, at work.

    Args:
        engine: that is up.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine, self.lab = engine, engine.lab
        shared = self.lab.book.management
        for program in ("web.py", "ask.py"):
            (shared / program).write_bytes(Path(__file__).with_name(program).read_bytes())
        self.answers = Answers(shared / "answers")
        for node in NODES:
            self._serve(node)
        engine.define()
        self._ask()

    def wait(self, missing: Callable[[], str], what: str, deadline_s: float = MENDED_S) -> None:
        wait_for(missing, what, deadline_s, SystemClock())

    def owner(self) -> str:
        """Who answered last for the first page."""
        return self._steady(next(iter(self.engine.pages)))

    def settle(self) -> str:
        """Until every page is answered steadily, and the engine is content; returns by whom."""

        until_s = boot_s() + self.engine.settling_s

        def missing() -> str:
            early = "it is too early to say" if boot_s() < until_s else ""
            if early or not (unsteady := self.unsteady()):
                return early or self.engine.troubles()
            return f"{unsteady} ({self.engine.troubles()})"

        self.wait(missing, "the service is settled")
        return self.owner()

    def place(self, owner: str) -> None:
        """Until everything is on that node, by an operator's word."""
        now = self.owner()
        if now == owner and self.engine.counts_moves:
            self._move(now, next(node for node in NODES if node != owner))
        if self.owner() != owner:
            self._move(self.owner(), owner)

    def _move(self, owner: str, target: str) -> None:
        self.engine.move(owner, target)
        self.wait(lambda: self.unsteady(only=target), f"the service is on {target}")
        self.settle()

    def unsteady(self, other_than: str = "", only: str = "") -> str:
        """Which pages are not answered steadily by one node (another one, that one)."""
        found = {name: self._steady(name) for name in self.engine.pages}
        bad = {
            name: node
            for name, node in found.items()
            if not node or node == other_than or (only and node != only)
        }
        return ", ".join(f"{name} by {node or 'nobody, or not yet'}" for name, node in bad.items())

    def mend(self) -> None:
        """Undo whatever was done, and start again what does not run."""
        self.lab.heal()
        for node in NODES:
            if self.engine.host(node).is_on:
                self.lab.thaw(node)
            else:
                self.engine.switch_on(node)
                self._serve(node)
            if not self.engine.pids(node):
                self.engine.start(node)

    def _steady(self, name: str) -> str:
        now_s = boot_s()
        seen = self.answers.pages(name, now_s - STEADY_S)
        nodes = {node for _, node in seen}
        if len(nodes) != 1 or self.answers.outage_s(name, now_s - STEADY_S, now_s) > GAP_S:
            return ""
        return nodes.pop()

    def _serve(self, node: str) -> None:
        program = [sys.executable, "-I", "-S", str(MANAGEMENT / "web.py"), str(WEB_PORT)]
        self.lab.host(node).spawn([*REAL_TIME, *program], "/tmp/web.log")

    def _ask(self) -> None:
        pages = [f"{name}={ip}:{port}" for name, (ip, port) in self.engine.pages.items()]
        macs = [f"{_mac(node)}={node}" for node in NODES]
        program = [sys.executable, "-I", "-S", str(MANAGEMENT / "ask.py")]
        asked = [str(MANAGEMENT / "answers"), *pages, "--", *macs]
        self.lab.host(USER_HOST).spawn([*REAL_TIME, *program, *asked], "/tmp/ask.log")


def boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _mac(node: str) -> str:
    return next(it.mac for it in cables(node, 0) if it.network == USERS)


@contextmanager
def site(engine: Engine, directory: Path) -> Iterator[Site]:
    """A site with this engine, taken down at the end."""
    try:
        engine.up(directory)
        one = Site(engine)
        one.settle()
        yield one
    except LabError as error:
        raise LabError(f"{engine.title}: {error}") from error
    finally:
        take_down(Book(directory, SystemClock()))
