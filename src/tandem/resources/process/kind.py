"""The kind `process`."""

from collections.abc import Mapping

from tandem.resources.kind import Grip, Place, Resource
from tandem.resources.process.grip import ProcessGrip
from tandem.resources.process.options import belongings, read_options
from tandem.resources.process.resource import ProcessResource


class ProcessKind:
    """Reads definitions of processes.

    Attributes:
        name: as definitions say it.
    """

    name = "process"

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> Resource:
        """Make the agent's hold of a process.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        mine = belongings(resource_id, place)
        return ProcessResource(resource_id, read_options(mine.owner, options), mine, place.clock)

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> Grip:
        """Make the pulse's hold of a process.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        mine = belongings(resource_id, place)
        read_options(mine.owner, options)
        return ProcessGrip(mine, place.clock)
