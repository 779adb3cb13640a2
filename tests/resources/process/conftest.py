"""Where a test keeps processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.resources.process.bench import cleared, new_place

from tandem.resources.kind import (
    Place,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = new_place(tmp_path)
    try:
        yield place
    finally:
        cleared(place)
