"""The kind `unit`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tandem.resources.kind import Grip, Place, Resource
from tandem.resources.options import Options
from tandem.resources.unit.grip import Names, UnitGrip, names
from tandem.resources.unit.resource import UnitResource
from tandem.resources.unit.systemctl import Systemctl

SYSTEMCTL: Final = ("systemctl",)
DROP_INS: Final = Path("/run/systemd/system")

_SERVICE: Final = re.compile(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.service")


class UnitKind:
    """Reads definitions of services.

    Args:
        systemctl: the program, and what makes it speak to the right systemd.
        drop_ins: the directory from which that systemd reads what is set until the next boot.

    Attributes:
        name: as definitions say it.
    """

    name = "unit"

    def __init__(self, systemctl: Sequence[str] = SYSTEMCTL, drop_ins: Path = DROP_INS) -> None:
        self._systemctl = systemctl
        self._drop_ins = drop_ins

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> Resource:
        """Make the agent's hold of a service.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        mine = self._names(resource_id, options, place)
        return UnitResource(resource_id, mine, Systemctl(self._systemctl, place.clock), place.clock)

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> Grip:
        """Make the pulse's hold of a service.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        mine = self._names(resource_id, options, place)
        return UnitGrip(mine, Systemctl(self._systemctl, place.clock), place.clock)

    def _names(self, resource_id: str, options: Mapping[str, object], place: Place) -> Names:
        read = Options(f"Resource {resource_id}", options, {"unit"})
        unit = read.text("unit")
        if not _SERVICE.fullmatch(unit):
            raise read.error("unit", "name a service, as in postgresql.service.")
        return names(resource_id, unit, self._drop_ins, place)
