"""What a check says. Pure."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

Json = dict[str, Any]


class Level(enum.StrEnum):
    """How it is, from well to worst."""

    PASS = "pass"  # noqa: S105 - no password
    UNCHECKED = "unchecked"
    """It could not be judged; the evidence says why."""
    WARN = "warn"
    """It works; some fault would cost more than it has to."""
    FAIL = "fail"
    """It does not work, or will not work when it matters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: which check: a heading of docs/reference/check.md.
        level: how it is.
        evidence: what was seen, a sentence.
        remedy: what to do, in sentences; empty where nothing is to be done.
        node: whose machine; empty: of the cluster as a whole.
    """

    check: str
    level: Level
    evidence: str
    remedy: str = ""
    node: str = ""

    def document(self) -> Json:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Of JSON that another node has sent.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls(
                str(document["check"]),
                Level(document["level"]),
                str(document["evidence"]),
                str(document["remedy"]),
                str(document["node"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is no finding: {error}") from error


def passed(check: str, evidence: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Level.PASS, evidence)


def warned(check: str, evidence: str, remedy: str) -> Finding:
    """It works, and some fault would cost more than it has to."""
    return Finding(check, Level.WARN, evidence, remedy)


def failed(check: str, evidence: str, remedy: str) -> Finding:
    """It does not work, or will not when it matters."""
    return Finding(check, Level.FAIL, evidence, remedy)


def unchecked(check: str, why: str, remedy: str = "") -> Finding:
    """It could not be judged."""
    return Finding(check, Level.UNCHECKED, why, remedy)


def verdict(findings: Iterable[Finding]) -> Level:
    """How all is together: what could not be judged is no fault."""
    levels = {finding.level for finding in findings}
    return next((it for it in (Level.FAIL, Level.WARN) if it in levels), Level.PASS)
