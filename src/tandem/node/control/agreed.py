"""What the cluster has agreed on, as the node that is asked has read it from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.cluster.exclusive.values import Owner
from tandem.cluster.model import Camera, Node, Placement
from tandem.cluster.order import Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Service, Wish


@dataclass(frozen=True, slots=True)
class Agreed:
    """What stands in the store.

    Attributes:
        cameras: all, those removed among them or not.
        placements: as committed, by camera.
        nodes: all that belong to the cluster.
        services: by node, what an operator has said of it; nothing where it is as usual.
        resources: by id, as they are defined.
        orders: by resource, where it is to run.
        owners: by resource, who took it last.
        wishes: by resource, where an operator wants it; those that are over may be among them.
    """

    cameras: Sequence[Camera] = ()
    placements: Mapping[str, Placement] = field(default_factory=dict)
    nodes: Sequence[Node] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    wishes: Mapping[str, Wish] = field(default_factory=dict)
