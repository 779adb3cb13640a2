"""Which resources are open to what without fencing is said plainly, and no more than is so."""

from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource
from tandem.node.fencing.exposure import exposures

NODES = ("n1", "n2", "n3")


def test_a_strict_resource_is_open_on_each_node_that_no_device_switches_off() -> None:
    said = exposures([Resource("db", "process")], NODES, fenced={"n1"}, watched={"n2", "n3"})
    assert len(said) == 1
    assert "'db' may run twice if a machine is paused" in said[0]
    assert "n2 and n3 have no fence device" in said[0]


def test_without_a_watchdog_either_it_is_open_to_a_kernel_that_hangs() -> None:
    said = exposures([Resource("db", "process")], NODES, fenced={"n1", "n2"}, watched=())
    assert "n3 has neither a fence device nor a watchdog" in said[1]


def test_nothing_is_said_of_what_is_closed_or_does_no_harm() -> None:
    resources = [
        Resource("db", "process", nodes=("n1",)),
        Resource("ip", "address", mode=Mode.SOFT),
        Resource("old", "process", enabled=False),
    ]
    assert exposures(resources, NODES, fenced={"n1"}, watched=()) == []
