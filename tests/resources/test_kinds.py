"""Definitions find their kind by its name."""

import pytest

from tandem.resources.kind import OptionError
from tandem.resources.kinds import KINDS, kind_called


def test_each_kind_is_found_by_its_own_name() -> None:
    assert set(KINDS) == {"address", "process", "unit"}
    assert all(kind_called(name).name == name for name in KINDS)


@pytest.mark.parametrize("name", ["proces", "", None, 3])
def test_an_unknown_kind_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(OptionError, match="address, process, unit"):
        kind_called(name)
