"""What is stored of a plan: for each resource where it should run, and who follows."""

from dataclasses import dataclass
from typing import Self

from tandem.cluster.document import Document, StoredValueError, encode
from tandem.cluster.plan.resource import Mode


@dataclass(frozen=True, slots=True)
class Order:
    """Where a resource should run.

    Attributes:
        resource_id: the resource.
        nodes: the first is where it should run; the others follow, in this order, when those before
            them are gone. None twice; none at all: it is to run nowhere.
        generation: grows with each change of `nodes` or `mode`. Who took the resource under an
            earlier one hands it over to the first; who took it under this one, as a successor,
            keeps it.
        mode: of the resource; stored as `kind`.
        moved_us: when it last moved without an operator's word, UTC, the oldest first; see `brake`.
    """

    resource_id: str
    nodes: tuple[str, ...]
    generation: int
    mode: Mode = Mode.STRICT
    moved_us: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.nodes)) < len(self.nodes):
            raise StoredValueError(
                f"The order of resource '{self.resource_id}' names a node twice:"
                f" {', '.join(self.nodes)}. Remove its key; it will be planned anew."
            )

    @property
    def head(self) -> str | None:
        """Where it should run."""
        return self.nodes[0] if self.nodes else None

    def encode(self) -> bytes:
        """As stored under `orders/<resource id>`."""
        return encode(
            {
                "nodes": self.nodes,
                "generation": self.generation,
                "kind": self.mode,
                "moved_us": self.moved_us,
            }
        )

    @classmethod
    def decode(cls, resource_id: str, data: bytes) -> Self:
        """Read a stored order.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls.of(resource_id, Document.read(f"the order of resource '{resource_id}'", data))

    @classmethod
    def of(cls, resource_id: str, stored: Document) -> Self:
        """Read an order out of a document.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls(
            resource_id=resource_id,
            nodes=stored.texts("nodes"),
            generation=stored.whole("generation"),
            mode=stored.choice("kind", Mode),
            moved_us=stored.whole_list("moved_us"),
        )
