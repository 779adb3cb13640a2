"""A file in `situations/` holds what is there, and what is planned."""

from pathlib import Path

import pytest
from tests.cluster.plan.golden import read, situations


@pytest.mark.parametrize("path", situations(), ids=lambda path: path.stem)
def test_the_plan_is_the_one_written_down(path: Path) -> None:
    made_from, expected = read(path)
    assert "\n".join(made_from.outcome()) + "\n" == expected


def test_there_are_situations() -> None:
    assert len(situations()) >= 60
