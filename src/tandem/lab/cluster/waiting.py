"""Waiting for what takes a cluster seconds, and saying what was missing if it does not come."""

from collections.abc import Callable
from time import sleep

from tandem.clock import Clock
from tandem.lab.hosts import LabError

_PAUSE_S = 0.25
"""Whoever is asked works on the same two cores."""


def wait_for(
    missing: Callable[[], str], what: str, deadline_s: float, clock: Clock, *, hint: str = ""
) -> None:
    """Ask again and again until nothing is missing.

    Args:
        missing: a sentence that says what still is; empty: nothing.
        what: what is waited for, as in "... did not happen".
        deadline_s: when waiting ends.
        clock: tells how long it took.
        hint: what to do if it does not come.

    Raises:
        LabError: something was missing to the end.
    """
    end_us = clock.boot_us() + round(deadline_s * 1e6)
    while said := missing():
        if clock.boot_us() >= end_us:
            raise LabError(f"In {deadline_s:g} s it did not come about that {what}: {said} {hint}")
        sleep(_PAUSE_S)
