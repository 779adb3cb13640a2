"""Where an operator wants a resource for a while, as stored under `wishes/<resource>`."""

from tandem.cluster.document import Document, encode
from tandem.cluster.plan.view import Wish


def encode_wish(wish: Wish) -> bytes:
    """As stored."""
    return encode({"node": wish.node_id, "made_us": wish.made_us, "until_us": wish.until_us})


def decode_wish(resource_id: str, data: bytes) -> Wish:
    """Read a stored wish.

    Raises:
        StoredValueError: it is not one that this release understands.
    """
    stored = Document.read(f"the move of resource '{resource_id}'", data)
    return Wish(resource_id, stored.text("node"), stored.whole("made_us"), stored.whole("until_us"))
