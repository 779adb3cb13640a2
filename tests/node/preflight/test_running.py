"""All looks at once; one that hangs or breaks keeps nobody from being told of the others."""

import threading

from tandem.clock import SystemClock
from tandem.node.preflight.finding import Finding, Level, passed
from tandem.node.preflight.running import Look, run_all

CLOCK = SystemClock()


def test_findings_come_in_the_order_of_the_looks_whoever_is_first() -> None:
    slow_may_end = threading.Event()

    def slow() -> list[Finding]:
        slow_may_end.wait(10)
        return [passed("slow", "a"), passed("slow", "b")]

    def quick() -> list[Finding]:
        slow_may_end.set()
        return [passed("quick", "c")]

    found = run_all([Look("slow", slow), Look("quick", quick)], CLOCK)
    assert [it.evidence for it in found] == ["a", "b", "c"]


def test_a_look_that_hangs_fails_and_hides_no_other() -> None:
    never = threading.Event()

    def hangs() -> list[Finding]:
        never.wait(60)
        return []

    found = run_all([Look("disk", hangs), Look("well", lambda: [passed("well", "is")])], CLOCK, 0.2)
    never.set()
    assert [(it.check, it.level) for it in found] == [("disk", Level.FAIL), ("well", Level.PASS)]
    assert "no answer" in found[0].evidence


def test_a_look_that_the_system_refuses_is_not_judged() -> None:
    def refused() -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/dev/x")

    (found,) = run_all([Look("x", refused)], CLOCK)
    assert found.level is Level.UNCHECKED
    assert "/dev/x: Permission denied" in found.evidence
