"""What `tandem check` found, for people. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tandem.cli.common import WIDTH, clean, counted, wrapped
from tandem.node.preflight.finding import Finding, Level

_ORDER: Final = (Level.FAIL, Level.WARN, Level.UNCHECKED, Level.PASS)
_TITLES: Final = {
    Level.FAIL: "Fails",
    Level.WARN: "Warnings",
    Level.UNCHECKED: "Not checked",
    Level.PASS: "Passes",
}


def summary(findings: Sequence[Finding]) -> str:
    """How much is wrong, in a sentence."""
    number = Counter(finding.level for finding in findings)
    fails, warnings = number[Level.FAIL], number[Level.WARN]
    parts = [f"{counted(number[Level.PASS], 'check')} passed"]
    if warnings:
        parts.insert(0, counted(warnings, "warning"))
    if fails:
        parts.insert(0, f"{counted(fails, 'check')} failed")
    if number[Level.UNCHECKED]:
        parts.append(f"{number[Level.UNCHECKED]} could not be made")
    return f"{', '.join(parts)}."


def check_lines(findings: Sequence[Finding], width: int = WIDTH) -> Iterator[str]:
    """All findings, the worst first; under each what to do.

    Args:
        findings: in the order in which they were made.
        width: of a line.
    """
    for level in _ORDER:
        alike = [finding for finding in findings if finding.level is level]
        if not alike:
            continue
        yield ""
        yield _TITLES[level]
        for finding in alike:
            place = f"{finding.node}, {finding.check}" if finding.node else finding.check
            yield from wrapped(clean(f"{place}: {finding.evidence}"), "  - ", "    ", width).split(
                "\n"
            )
            if finding.remedy:
                yield from wrapped(clean(finding.remedy), "    ", "    ", width).split("\n")
