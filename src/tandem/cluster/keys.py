"""The names of the keys in the store (docs/design/cluster.md, "Keys")."""

import re
from typing import Final

ROOT: Final = "/tandem/v1/"

CLUSTER: Final = ROOT + "cluster"
NODES: Final = ROOT + "nodes/"
SESSIONS: Final = ROOT + "sessions/"
OWNERS: Final = ROOT + "owners/"
ORDERS: Final = ROOT + "orders/"
CAMERAS: Final = ROOT + "cameras/"
PLACEMENTS: Final = ROOT + "placements/"
WISHES: Final = ROOT + "wishes/"
REPORTS: Final = ROOT + "reports/"
INTENTS: Final = ROOT + "intents/"
FENCING: Final = ROOT + "fencing/"
STORE_CARE: Final = ROOT + "store-care"
RESOURCES: Final = ROOT + "resources/"
REMOVED: Final = ROOT + "removed/"
INVITATIONS: Final = ROOT + "invitations/"
AUTHORITY: Final = ROOT + "authority"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class IdError(ValueError):
    """A name that cannot be part of a key."""


def key(prefix: str, identity: str) -> str:
    """The key of one thing.

    Args:
        prefix: such as `CAMERAS`.
        identity: letters, digits, `.`, `_` and `-`, beginning with a letter or digit, 63 at most:
            what is also safe in a path, a host name and a URL.

    Raises:
        IdError: it is not such a name.
    """
    if not _ID.fullmatch(identity):
        raise IdError(
            f"'{identity}' cannot name a node, camera or resource: use up to 63 letters, digits,"
            " '.', '_' and '-', with a letter or digit first."
        )
    return prefix + identity


def identity(prefix: str, found: str) -> str:
    """Whose key it is: the part after the prefix, as it comes back from a range read.

    Raises:
        IdError: the key does not stand under the prefix, or names nothing.
    """
    name = found.removeprefix(prefix)
    if key(prefix, name) != found:
        raise IdError(f"'{found}' is not a key under '{prefix}'.")
    return name
