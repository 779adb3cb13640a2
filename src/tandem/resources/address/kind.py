"""The kind `address`."""

from collections.abc import Mapping

from tandem.resources.address.belongings import read
from tandem.resources.address.grip import AddressGrip
from tandem.resources.address.resource import AddressResource
from tandem.resources.kind import Grip, Place, Resource


class AddressKind:
    """Reads definitions of virtual addresses.

    Attributes:
        name: as definitions say it.
    """

    name = "address"

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> Resource:
        """Make the agent's hold of an address.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        return AddressResource(read(resource_id, options, place), place.clock)

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> Grip:
        """Make the pulse's hold of the same address.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        return AddressGrip(read(resource_id, options, place), place.clock)
