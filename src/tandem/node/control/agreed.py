"""What the cluster has agreed on, as the node that is asked has read it from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.cluster.model import Camera, Node, Placement
from tandem.cluster.plan.view import Service


@dataclass(frozen=True, slots=True)
class Agreed:
    """What stands in the store.

    Attributes:
        cameras: all, those removed among them or not.
        placements: as committed, by camera.
        nodes: all that belong to the cluster.
        services: by node, what an operator has said of it; nothing where it is as usual.
    """

    cameras: Sequence[Camera] = ()
    placements: Mapping[str, Placement] = field(default_factory=dict)
    nodes: Sequence[Node] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
