"""What a node says of itself to whoever plans resources: what it provides, and what failed on it.

Stored as JSON under `reports/<node>`, written by that node alone and only when it changes. So it
outlives agents, and the next coordinator knows as much as the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from tandem.cluster.document import Document, encode
from tandem.cluster.plan.view import Failure, FailureKind

MOST_FAILURES: Final = 64
"""Kept of one node; a restart budget is spent long before."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's word.

    Attributes:
        node_id: the node.
        provides: what is there, in order: `interface:eth0`, `unit:nginx.service`.
        failures: on this node, the oldest first.
    """

    node_id: str
    provides: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    def failed(self, failures: Sequence[Failure]) -> Self:
        """With more failures; of too many, the newest."""
        return replace(self, failures=(*self.failures, *failures)[-MOST_FAILURES:])

    def forgiven(self, resource_id: str) -> Self:
        """Without the failures of a resource."""
        kept = tuple(it for it in self.failures if it.resource_id != resource_id)
        return replace(self, failures=kept)

    def encode(self) -> bytes:
        """As stored under `reports/<node>`."""
        failures = [
            {"resource": it.resource_id, "kind": it.kind, "at_us": it.at_us} for it in self.failures
        ]
        return encode({"provides": self.provides, "failures": failures})

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored report.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"what node '{node_id}' reports", data)
        return cls(
            node_id,
            stored.texts("provides"),
            tuple(
                Failure(
                    it.text("resource"), node_id, it.choice("kind", FailureKind), it.whole("at_us")
                )
                for it in stored.parts("failures")
            ),
        )
