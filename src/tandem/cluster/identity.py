"""Which cluster this is: written when it begins, and again when its store is restored."""

from dataclasses import asdict, dataclass
from typing import Self

from tandem.cluster.document import Document, encode


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """What stands under `cluster`.

    Attributes:
        number: of the cluster, unique among all that may ever meet.
        incarnation: how often its store was restored, counted from 1. Epochs and revisions of a
            restored store go backwards; only together with this they grow.
    """

    number: int
    incarnation: int = 1

    def encode(self) -> bytes:
        """As stored."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the stored value.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read("the cluster's identity", data)
        return cls(stored.whole("number"), stored.whole("incarnation"))
