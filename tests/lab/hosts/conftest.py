"""A lab for each test, and nothing of it afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.lab.hosts import Lab, Plan

SMALL = Plan(nodes=2, cameras=3, volume_mib=64)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.up(tmp_path / "lab", SMALL) as lab:
        yield lab
