"""Why a node cannot run a resource (rule P2), and what failures make of it (rule P6)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tandem.cluster.model import SECOND_US
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Failure, FailureKind, Member, Service, View


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a node cannot run a resource.

    Attributes:
        node_id: which node.
        clause: why, to go behind the node's name: "is down".
    """

    node_id: str
    clause: str

    def __str__(self) -> str:
        return f"{self.node_id} {self.clause}"


def lack(resource: Resource, member: Member) -> Obstacle | None:
    """What keeps a resource from a node for as long as neither of them changes."""
    missing = [it for it in resource.requires if it not in member.provides]
    clause = ""
    if member.is_witness:
        clause = "is a witness"
    elif resource.nodes and member.node_id not in resource.nodes:
        clause = f"is not among the nodes that {resource.resource_id} may run on"
    elif resource.zones and member.node.zone not in resource.zones:
        clause = f"is not in zone {' or '.join(resource.zones)}"
    elif missing:
        clause = f"lacks {', '.join(missing)}"
    return Obstacle(member.node_id, clause) if clause else None


def away(member: Member) -> Obstacle | None:
    """What keeps everything from a node at the moment."""
    if member.is_down:
        return Obstacle(member.node_id, "is down")
    if member.service is Service.DRAINING:
        return Obstacle(member.node_id, "is being drained")
    if member.service is Service.MAINTENANCE:
        return Obstacle(member.node_id, "is in maintenance")
    return None


class Failures:
    """The failures that are not forgiven.

    Args:
        view: tells what failed, and the time.
        resources: by id.

    Attributes:
        until_us: when those end that end by themselves.
    """

    def __init__(self, view: View, resources: Mapping[str, Resource]) -> None:
        self.until_us: list[int] = []
        self._by_resource: dict[str, list[Failure]] = {}
        for failure in view.failures:
            resource = resources.get(failure.resource_id)
            if resource is None:
                continue
            timeout_us = resource.failure_timeout_s * SECOND_US
            is_for_good = failure.kind is FailureKind.STOP or not timeout_us
            if is_for_good or view.is_recent(failure.at_us, timeout_us):
                self._by_resource.setdefault(failure.resource_id, []).append(failure)
                self.until_us += [] if is_for_good else [failure.at_us + timeout_us]

    def obstacle(self, resource: Resource, node_id: str) -> Obstacle | None:
        """What failed on a node, if that keeps the resource from it."""
        if resource.resource_id not in self._by_resource:
            return None
        kinds = Counter(it.kind for it in self._of(resource) if it.node_id == node_id)
        name, clause = resource.resource_id, ""
        if kinds[FailureKind.STOP]:
            clause = f"could not prove that {name} has stopped there"
        elif kinds[FailureKind.START]:
            clause = f"could not start {name}"
        elif kinds[FailureKind.RUN] >= resource.migration_threshold:
            clause = f"saw {name} fail {times(kinds[FailureKind.RUN])}"
        return Obstacle(node_id, clause) if clause else None

    def spent(self, resource: Resource) -> int:
        """How many failures a resource has had, if that is more than its budget; else 0."""
        count = sum(it.kind is not FailureKind.STOP for it in self._of(resource))
        return count if count > resource.restart_budget else 0

    def unproven(self) -> Iterable[Failure]:
        """The stops that are not proven."""
        found = (it for failures in self._by_resource.values() for it in failures)
        return (it for it in found if it.kind is FailureKind.STOP)

    def _of(self, resource: Resource) -> list[Failure]:
        return self._by_resource.get(resource.resource_id, [])


def times(count: int) -> str:
    """A number of times: "once", "3 times"."""
    return "once" if count == 1 else f"{count} times"
