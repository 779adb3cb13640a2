"""What the store keeps of servers that come and go: invitations, and nodes that were removed."""

from dataclasses import asdict, dataclass
from typing import Self

from tandem.cluster.document import Document, encode


@dataclass(frozen=True, slots=True)
class Invitation:
    """Leave for one server to join.

    Attributes:
        secret_sha256: of what the token carries, in hexadecimal; the secret itself is nowhere.
        expires_utc_us: until when it can be used.
        node_id: who has used it; "" for nobody yet.
        key_sha256: of that server's public key, in hexadecimal. The same one may come back with it
            after it was interrupted, and nobody else.
    """

    secret_sha256: str
    expires_utc_us: int
    node_id: str = ""
    key_sha256: str = ""

    def encode(self) -> bytes:
        """As stored under `invitations/<id>`."""
        return encode(asdict(self))

    @classmethod
    def decode(cls, invitation_id: str, data: bytes) -> Self:
        """Read a stored invitation.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        stored = Document.read(f"invitation '{invitation_id}'", data)
        return cls(
            stored.text("secret_sha256"),
            stored.whole("expires_utc_us"),
            stored.text("node_id", ""),
            stored.text("key_sha256", ""),
        )


@dataclass(frozen=True, slots=True)
class Removal:
    """A node that was taken out of the cluster for good. Its id is not used again.

    Attributes:
        node_id: it.
        at_utc_us: when.
    """

    node_id: str
    at_utc_us: int

    def encode(self) -> bytes:
        """As stored under `removed/<node id>`."""
        return encode({"at_utc_us": self.at_utc_us})

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored removal.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls(node_id, Document.read(f"removed node '{node_id}'", data).whole("at_utc_us"))
