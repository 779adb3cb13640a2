"""What a cluster in a lab is to be."""

from dataclasses import dataclass

from tandem.cluster.model import Protection
from tandem.lab.hosts import LabError

CLUSTER_NUMBER = 1


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What a cluster in a lab is to be.

    Attributes:
        nodes: how many.
        cameras: how many, each on an address of its own.
        volumes: how many each node has.
        volume_mib: the size of each. An image takes no more than what is written to it.
        protection: of every camera.
        window_s: how long a second keeps its copy.
        fencing: whether the lab has a power switch, and each node is fenced by it.
        session_timeout_s: for how long a camera counts a session of which it hears nothing.
    """

    nodes: int = 3
    cameras: int = 12
    volumes: int = 1
    volume_mib: int = 4096
    protection: Protection = Protection.HOT
    window_s: int = 60
    session_timeout_s: float = 60.0
    fencing: bool = False

    def __post_init__(self) -> None:
        if self.cameras < 1:
            raise LabError("A cluster needs a camera at least.")
        if self.window_s < 1:
            raise LabError("The window has to be 1 s at least.")

    @property
    def copies(self) -> int:
        """How many nodes are to record each camera."""
        return min(self.protection.copies, self.nodes)
