"""The kinds there are, by the names that definitions use."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tandem.resources.address.kind import AddressKind
from tandem.resources.kind import Kind, OptionError
from tandem.resources.process.kind import ProcessKind
from tandem.resources.unit.kind import UnitKind

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (AddressKind(), ProcessKind(), UnitKind())}
)


def kind_called(name: object) -> Kind:
    """The kind that a definition names.

    Raises:
        OptionError: there is none of this name; says which there are.
    """
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    raise OptionError(f"There is no kind of resource {name!r}. There are: {', '.join(KINDS)}.")
