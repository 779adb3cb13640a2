"""What is expected of findings."""

from typing import Any

from tandem.node.preflight.finding import Finding, Level

PASS, WARN, FAIL = Level.PASS, Level.WARN, Level.FAIL


def only(level: Level, why: str, found: Any) -> None:
    """One finding of this level says why, none is worse, and each trouble has a remedy."""
    findings: list[Finding] = list(found)
    worst = max((it.level for it in findings), key=[PASS, Level.UNCHECKED, WARN, FAIL].index)
    assert worst is level, findings
    assert [it for it in findings if it.level is level and why in it.evidence], findings
    assert all(bool(it.remedy) is (it.level in {WARN, FAIL}) for it in findings), findings
