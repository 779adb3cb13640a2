"""What the store holds of exclusive resources: who took each, and where each is to run.

Stored as JSON under `owners/<resource>` and `orders/<resource>` (docs/design/cluster.md, "Keys").
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


class ResourceKind(enum.StrEnum):
    """What happens if an exclusive resource runs twice."""

    STRICT = "strict"
    """Harm: it never does."""
    SOFT = "soft"
    """Nothing for a second: an address in front of something that any node serves as well."""


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


@dataclass(frozen=True, slots=True)
class Order:
    """Where an exclusive resource is to run.

    Attributes:
        nodes: first where it should be, then the successors. None twice; nowhere if empty.
        generation: grows with each change: whoever took the resource under an earlier one moves it.
        kind: what happens if it runs twice.
    """

    nodes: tuple[str, ...]
    generation: int
    kind: ResourceKind = ResourceKind.STRICT

    def encode(self) -> bytes:
        """As stored under `orders/<resource>`."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, resource: str, data: bytes) -> Self:
        """Read a stored order.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"the order for resource '{resource}'", data)
        return cls(
            stored.texts("nodes"),
            stored.whole("generation"),
            stored.choice("kind", ResourceKind),
        )
