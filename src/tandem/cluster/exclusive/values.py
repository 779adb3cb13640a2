"""What the store holds of exclusive resources: who took each.

Stored as JSON under `owners/<resource>` (docs/design/cluster.md, "Keys"). Where each is to run is
a `cluster.order`.
"""

import enum
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

from tandem.cluster.document import Document, encode


class Token(NamedTuple):
    """The fencing token: which take entitles to run. Later takes have greater ones.

    Attributes:
        incarnation: how often the store was restored.
        revision: of the transaction that took the resource.
    """

    incarnation: int
    revision: int

    def __str__(self) -> str:
        return f"{self.incarnation}.{self.revision}"


class Hold(enum.StrEnum):
    """Whether whoever took a resource still has it."""

    HELD = "held"
    RELEASED = "released"
    """It was stopped there, and may be taken."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who took an exclusive resource last.

    Attributes:
        node_id: the node.
        epoch: of its session: ownership is by node and epoch, never by node alone.
        hold: whether it still has it.
        generation: of the order under which it took it.
        incarnation: of the store.
    """

    node_id: str
    epoch: int
    hold: Hold
    generation: int
    incarnation: int

    def encode(self) -> bytes:
        """As stored under `owners/<resource>`."""
        fields = asdict(self)
        return encode({"node": fields.pop("node_id"), **fields})

    @classmethod
    def decode(cls, resource: str, data: bytes) -> Self:
        """Read a stored owner.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"the owner of resource '{resource}'", data)
        return cls(
            node_id=stored.text("node"),
            epoch=stored.whole("epoch"),
            hold=stored.choice("hold", Hold),
            generation=stored.whole("generation"),
            incarnation=stored.whole("incarnation"),
        )
