"""A cluster that runs on the hosts of a lab: nodes, cameras, and what starts them again.

`LabCluster` is what others use: a `Lab` whose nodes run Tandem as it is, and record simulated
cameras. All that it knows is in the lab's directory: a command may act on what another one began.

plan        how many nodes and cameras, how they are protected
mix         the cameras: codecs and groups of pictures, as a site would have them
nodes       a node's settings, keys and volumes, from outside of its host
services    what runs on a host, so that it is started again with it: the lab plays init
record      all that is remembered, in `cluster.json`
agents      asking the nodes' control sockets from outside
waiting     waiting for a condition that takes seconds, and saying what is missing
steps       telling what is done, and how long it took
interrupts  Ctrl-C and its like, at the right moment
cluster     all of it together

May import `lab.hosts` and the product, which it runs as programs; never `lab.camera`'s or
`lab.counting`'s inside.
"""

from tandem.lab.cluster.cluster import LabCluster
from tandem.lab.cluster.plan import ClusterPlan
from tandem.lab.cluster.steps import Steps

__all__ = ["ClusterPlan", "LabCluster", "Steps"]
