"""What checks say, together and between nodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.node.preflight.finding import (
    Finding,
    Level,
    failed,
    passed,
    unchecked,
    verdict,
    warned,
)

texts = st.text(max_size=30)
findings = st.builds(Finding, texts, st.sampled_from(Level), texts, texts, texts)


@given(findings)
def test_a_finding_is_read_as_it_was_sent(finding: Finding) -> None:
    assert Finding.read(finding.document()) == finding


@pytest.mark.parametrize("wrong", [{}, {"check": "a", "level": "bad"}, {"level": "pass"}])
def test_what_is_no_finding_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"no finding|Level"):
        Finding.read(wrong)


def test_one_failure_fails_all_and_what_was_not_checked_is_none() -> None:
    well, not_made = passed("a", "."), unchecked("b", ".")
    odd, bad = warned("c", ".", "."), failed("d", ".", ".")
    assert verdict([well, not_made]) is Level.PASS
    assert verdict([well, odd, not_made]) is Level.WARN
    assert verdict([bad, well, odd]) is Level.FAIL
