"""Where a resource should run, and who follows: what the planner writes and each node reads.

Stored as JSON under `orders/<resource>` (docs/design/cluster.md, "Keys").
"""

import enum
from dataclasses import asdict, dataclass
from typing import Self

from tandem.cluster.document import Document, StoredValueError, encode


class Mode(enum.StrEnum):
    """On how many nodes a resource may run at once."""

    STRICT = "strict"
    """Never on two: that does harm."""
    SOFT = "soft"
    """Never on two for longer than the store needs to confirm its owner: such as an address in
    front of something that any node serves as well."""
    SHARED = "shared"
    """Harmless on two."""

    @property
    def is_exclusive(self) -> bool:
        """Whether it has one owner."""
        return self is not Mode.SHARED


@dataclass(frozen=True, slots=True)
class Order:
    """Where a resource should run.

    Attributes:
        nodes: the first is where it should run; the others follow, in this order, when those before
            them are gone. None twice; none at all: it is to run nowhere.
        generation: grows with each change of `nodes` or `mode`. Who took the resource under an
            earlier one hands it over to the first; who took it under this one, as a successor,
            keeps it.
        mode: of the resource.
        moved_us: when it last moved without an operator's word, UTC, the oldest first; see
            `plan.brake`.
    """

    nodes: tuple[str, ...]
    generation: int
    mode: Mode = Mode.STRICT
    moved_us: tuple[int, ...] = ()

    @property
    def head(self) -> str | None:
        """Where it should run."""
        return self.nodes[0] if self.nodes else None

    def encode(self) -> bytes:
        """As stored under `orders/<resource>`."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, resource: str, data: bytes) -> Self:
        """Read a stored order.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls.of(Document.read(f"the order of resource '{resource}'", data))

    @classmethod
    def of(cls, stored: Document) -> Self:
        """Read an order out of a document.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        nodes = stored.texts("nodes")
        if len(set(nodes)) < len(nodes):
            raise StoredValueError(
                f"{stored.what[0].upper()}{stored.what[1:]} names a node twice: {', '.join(nodes)}."
                " Remove its key; it will be planned anew."
            )
        return cls(
            nodes=nodes,
            generation=stored.whole("generation"),
            mode=stored.choice("mode", Mode),
            moved_us=stored.whole_list("moved_us"),
        )
