"""Scenarios of placement as text: a file in `plans/` holds what is there, and what is planned."""

from pathlib import Path

import pytest
from tests.cluster.plan_text import parse, render

from tandem.cluster.placement import plan

PLANS = sorted((Path(__file__).parent / "plans").glob("*.txt"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_plan_is_the_one_written_down(path: Path) -> None:
    text, _, expected = path.read_text(encoding="utf-8").partition("----\n")
    scenario = parse(text)
    assert render(plan(scenario.view(), scenario.cameras)) == expected


def test_there_are_plans() -> None:
    assert len(PLANS) >= 12
