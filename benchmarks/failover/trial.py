"""One fault, from a settled site to a settled site."""

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from benchmarks.failover.faults import Fault
from benchmarks.failover.site import STEADY_S, Site, boot_s

LONGEST_S: Final = 15.0
"""What is not there again by then is counted as never."""

WATCHED_S: Final = 6.0
"""After a fault that need not move anything. keepalived takes over after 3.6 s."""

BEFORE_S: Final = 0.2


@dataclass(slots=True)
class Trial:
    """What became of it.

    Attributes:
        engine: key of the engine.
        title: what tables call it: with its version, which may be another one next time.
        fault: key of the fault.
        commit: what was checked out.
        at: when, RFC 3339, UTC.
        load: of the machine, when it began: how many processes wanted to run, in the last minute.
        about: what was so of the owner just before, such as that it had the leader.
        doing_ms: how long the lab took to do it: fencing by the same lab may have to wait for that.
        outage_ms: of each page, its longest time without an answer, from fault to repair.
        back: of each page, whether it was answered again before the repair.
        mending_ms: of each page, the longest time without an answer, from the repair until all was
            settled.
        twice_ms: of each address, by its first page: for how long two nodes answered for it, until
            all was settled.
    """

    engine: str
    title: str
    fault: str
    commit: str
    at: str
    load: float
    about: dict[str, bool] = field(default_factory=dict)
    doing_ms: float = 0
    outage_ms: dict[str, float] = field(default_factory=dict)
    back: dict[str, bool] = field(default_factory=dict)
    mending_ms: dict[str, float] = field(default_factory=dict)
    twice_ms: dict[str, float] = field(default_factory=dict)


def run(site: Site, keys: tuple[str, str], fault: Fault, number: int, commit: str) -> Trial:
    """Do it once.

    Args:
        site: settled.
        keys: of the engine and of the fault.
        fault: what is done.
        number: of this trial, for choosing the owner.
        commit: what is checked out.

    Raises:
        LabError: the site did not settle.
    """
    owner = site.settle()
    site.place(site.engine.next_owner(owner, number))
    owner = site.settle()
    time.sleep(random.random())  # timers of engines have phases
    told = Trial(
        keys[0],
        site.engine.title,
        keys[1],
        commit,
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        round(os.getloadavg()[0], 1),
        site.engine.about(owner),
    )
    began_s = boot_s()
    fault.hurt(site.engine, owner)
    told.doing_ms = round((boot_s() - began_s) * 1000)
    _watch(site, fault, owner, began_s)
    mended_s = boot_s()
    site.mend()
    site.settle()
    settled_s = boot_s()
    for name in site.engine.pages:
        outage_s = site.answers.outage_s(name, began_s - BEFORE_S, mended_s)
        told.outage_ms[name] = round(outage_s * 1000)
        told.back[name] = bool(site.answers.pages(name, mended_s - STEADY_S / 2))
        told.mending_ms[name] = round(site.answers.outage_s(name, mended_s, settled_s) * 1000)
    for name in {ip: name for name, (ip, _) in reversed(site.engine.pages.items())}.values():
        told.twice_ms[name] = round(site.answers.twice_s(name, began_s) * 1000)
    return told


def _watch(site: Site, fault: Fault, owner: str, began_s: float) -> None:
    """Until every page is elsewhere, or for a while."""

    def missing() -> str:
        if boot_s() - began_s > LONGEST_S:
            return ""
        if not fault.moves:
            return "" if boot_s() - began_s > WATCHED_S and not site.unsteady() else "not yet"
        return site.unsteady(other_than=owner)

    site.wait(missing, "the fault is over", 2 * LONGEST_S)
