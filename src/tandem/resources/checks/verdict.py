"""Judging by several answers in a row. Pure."""

from dataclasses import dataclass

from tandem.resources.checks.options import Check
from tandem.resources.kind import Health


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says by now.

    Attributes:
        is_well: whether the resource passes.
        said: the last answer.
        failures: bad answers in a row.
        has_passed: whether there ever was a good one since the start.
    """

    is_well: bool = True
    said: str = "not asked yet"
    failures: int = 0
    has_passed: bool = False


def judged(verdict: Verdict, check: Check, health: Health, since_start_us: int) -> Verdict:
    """Take one answer.

    Args:
        verdict: as it was; a new one after each start of the resource.
        check: which was carried out.
        health: the answer.
        since_start_us: how long ago the resource was started.

    Returns:
        The new verdict.
    """
    if health.is_well:
        return Verdict(is_well=True, said=health.said, failures=0, has_passed=True)
    if not verdict.has_passed and since_start_us < check.start_us:
        return Verdict(is_well=True, said=f"starting: {health.said}")
    failures = verdict.failures + 1
    is_well = verdict.is_well and failures < check.failures
    return Verdict(is_well, health.said, failures, verdict.has_passed)
