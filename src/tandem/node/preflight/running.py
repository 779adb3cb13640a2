"""Many looks at a machine at once, each in a thread of its own, each with a deadline."""

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.archive.errors import words_of
from tandem.clock import Clock
from tandem.node.preflight.finding import Finding, failed, unchecked

DEADLINE_S: Final = 5.0
"""Of all looks together; the agent that waits for them answers within ten seconds."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        check: its name.
        at: does it; may block, and may raise OSError.
    """

    check: str
    at: Callable[[], Iterable[Finding]]


def run_all(looks: Sequence[Look], clock: Clock, deadline_s: float = DEADLINE_S) -> list[Finding]:
    """Look at everything at once. Blocks, until the deadline at the latest.

    A thread that hangs is left behind: its process should end soon.

    Args:
        looks: what is looked at.
        clock: of this machine.
        deadline_s: for all of it.

    Returns:
        The findings, in the order of the looks.
    """
    ends_us = clock.boot_us() + round(deadline_s * 1e6)
    answers: queue.SimpleQueue[tuple[int, list[Finding]]] = queue.SimpleQueue()
    for place, look in enumerate(looks):
        threading.Thread(
            target=lambda place=place, look=look: answers.put((place, _findings(look))),
            name=look.check,
            daemon=True,
        ).start()
    found: dict[int, list[Finding]] = {}
    while len(found) < len(looks):
        try:
            place, findings = answers.get(timeout=max(0.0, (ends_us - clock.boot_us()) / 1e6))
        except queue.Empty:
            break
        found[place] = findings
    return [
        finding
        for place, look in enumerate(looks)
        for finding in found.get(place, [_hangs(look.check, deadline_s)])
    ]


def _findings(look: Look) -> list[Finding]:
    try:
        return list(look.at())
    except OSError as problem:
        return [unchecked(look.check, f"It could not be looked at: {words_of(problem)}.")]


def _hangs(check: str, deadline_s: float) -> Finding:
    return failed(
        check,
        f"There was no answer within {deadline_s:.0f} s.",
        "A disk or a network file system may hang: see `dmesg`, and which processes are in state D"
        " (`ps -eo pid,stat,comm`).",
    )
