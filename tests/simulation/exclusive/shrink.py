"""Makes a plan that breaks a rule smaller: fewer faults first, then shorter ones."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.exclusive.schedule import Plan

MOST_TRIES = 200


def shrink(plan: Plan, still_breaks: Callable[[Plan], bool]) -> Plan:
    """The smallest that was found by leaving out one fault after the other.

    Args:
        plan: one that breaks a rule.
        still_breaks: runs a plan; whether it breaks the same rule.
    """
    tries = 0
    place = 0
    while place < len(plan.faults) and tries < MOST_TRIES:
        tries += 1
        smaller = plan._replace(faults=plan.faults[:place] + plan.faults[place + 1 :])
        if still_breaks(smaller):
            plan = smaller
        else:
            place += 1
    for place in range(len(plan.faults)):
        while plan.faults[place].lasts_us > 100_000 and tries < MOST_TRIES:
            tries += 1
            smaller = _with_half(plan, place)
            if not still_breaks(smaller):
                break
            plan = smaller
    return plan


def _with_half(plan: Plan, place: int) -> Plan:
    fault = plan.faults[place]
    shorter = replace(fault, lasts_us=fault.lasts_us // 2)
    return plan._replace(faults=(*plan.faults[:place], shorter, *plan.faults[place + 1 :]))
