"""What one node records, by the committed placements and by whom it suspects itself.

Nobody is asked and nothing is agreed: every node works this out alone, and where nodes suspect
different ones, too many record rather than too few. Whoever is really dead is suspected by all
before long; the first of the living in the list then sees nobody before itself but the dead, and
records, whatever the others believe.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tandem.cluster.model import Camera, Placement, Protection, Role

RECORDERS: Final[Mapping[Protection, int]] = {
    Protection.FAILOVER: 1,
    Protection.RELAYED: 1,
    Protection.HOT: 2,
    Protection.MIRROR: 2,
}
"""How many of the list record, suspected ones passed over. `cold` is not here: it never moves."""


@dataclass(frozen=True, slots=True)
class Duty:
    """One camera that a node is to record.

    Attributes:
        camera: which.
        role: which copy this is, by the committed placement alone.
        generation: of the placement that says so.
        stands_in: it records only since a node before it in the list is suspected.
    """

    camera: Camera
    role: Role
    generation: int
    stands_in: bool


def duties(
    node_id: str,
    cameras: Iterable[Camera],
    placements: Mapping[str, Placement],
    suspected: Collection[str],
) -> list[Duty]:
    """Work out what a node records.

    Args:
        node_id: the node that asks; whether it is itself among the suspected changes nothing.
        cameras: all that the cluster has.
        placements: as committed, by camera; a camera without one is not recorded yet.
        suspected: the nodes that this node suspects.

    Returns:
        In the order of the cameras.
    """
    found = (
        _duty(node_id, camera, placements[camera.camera_id], suspected)
        for camera in cameras
        if camera.camera_id in placements
    )
    return [duty for duty in found if duty is not None]


def _duty(
    node_id: str, camera: Camera, placement: Placement, suspected: Collection[str]
) -> Duty | None:
    wanted = RECORDERS.get(camera.protection, 1)
    if camera.protection is Protection.COLD:
        records = node_id == placement.primary
    else:
        believed = [node for node in placement.nodes if node == node_id or node not in suspected]
        records = node_id in believed[:wanted]
    if not records:
        return None
    return Duty(
        camera=camera,
        role=placement.role_of(node_id),
        generation=placement.generation,
        stands_in=node_id not in placement.nodes[:wanted],
    )
