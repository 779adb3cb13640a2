"""What the operator has said of a node: that it is to be emptied, or will be switched off.

Stored as JSON under `intents/<node>` (docs/design/cluster.md, "Keys"). A node of which nothing was
said has no key.
"""

from dataclasses import asdict, dataclass
from typing import Self

from tandem.cluster.document import Document, encode
from tandem.cluster.plan.view import Service


@dataclass(frozen=True, slots=True)
class Intent:
    """The operator's word on a node.

    Attributes:
        service: what becomes of it.
        since_us: when that was said, UTC.
    """

    service: Service
    since_us: int

    def encode(self) -> bytes:
        """As stored under `intents/<node>`."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored intent.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"what is to become of node '{node_id}'", data)
        return cls(stored.choice("service", Service), stored.whole("since_us"))
