"""What is asked of the store and what it answers: plain values, with etcd's semantics.

Every change has a revision of the whole store, which only grows. A key carries the revision that
created it, the one that changed it last, and how often it was changed since its creation.
Keys are text, values bytes. Sorting keys as text is sorting their UTF-8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it stood at some revision."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys with one prefix, as they stood at one revision of the store.

    Attributes:
        revision: of the store, not of the newest of these keys.
        entries: by key, in the order of the keys.
    """

    revision: int
    entries: Mapping[str, Entry]


class Target(Enum):
    """What of a key is compared; of a key that is not there, the three numbers are 0."""

    VALUE = "value"
    VERSION = "version"
    CREATE_REVISION = "create_revision"
    MOD_REVISION = "mod_revision"


class Relation(Enum):
    """How it has to stand to the operand."""

    EQUAL = "="
    NOT_EQUAL = "!="
    GREATER = ">"
    LESS = "<"


@dataclass(frozen=True, slots=True)
class Compare:
    """One condition of a transaction.

    The value of a key that is not there compares as false in every relation, NOT_EQUAL included.

    Attributes:
        operand: bytes for a value, else a number.
    """

    key: str
    target: Target
    operand: int | bytes
    relation: Relation = Relation.EQUAL

    def __post_init__(self) -> None:
        if isinstance(self.operand, bytes) != (self.target is Target.VALUE):
            raise TypeError(f"{self.target.name} cannot be compared with {self.operand!r}")


def value_is(key: str, value: bytes) -> Compare:
    """The key is there, with this value."""
    return Compare(key, Target.VALUE, value)


def unchanged(key: str, mod_revision: int) -> Compare:
    """The key was last changed by this revision; 0 says that it is not there."""
    return Compare(key, Target.MOD_REVISION, mod_revision)


def absent(key: str) -> Compare:
    """The key is not there."""
    return unchanged(key, 0)


@dataclass(frozen=True, slots=True)
class Get:
    """Read a key, as it stands after the operations before it."""

    key: str


@dataclass(frozen=True, slots=True)
class List:
    """Read all keys with a prefix, as they stand after the operations before it."""

    prefix: str

    @property
    def key(self) -> str:
        """What must not be empty, as a key must not."""
        return self.prefix


@dataclass(frozen=True, slots=True)
class Put:
    """Write a key."""

    key: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key; nothing happens where it is not there."""

    key: str


Operation = Get | List | Put | Delete


@dataclass(frozen=True, slots=True)
class Transaction:
    """If all conditions hold then one list of operations, else the other, in one revision.

    No branch may change the same key twice.
    """

    compares: tuple[Compare, ...] = ()
    success: tuple[Operation, ...] = ()
    failure: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did.

    Attributes:
        succeeded: whether the conditions held.
        revision: of the store after it; that of its own changes, if it made any.
        gets: what the branch's `Get`s found, in their order.
        lists: what its `List`s found, in their order, by key; as of that moment.
    """

    succeeded: bool
    revision: int
    gets: tuple[Entry | None, ...] = ()
    lists: tuple[Mapping[str, Entry], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one revision did to one key; without an entry, it was deleted."""

    key: str
    revision: int
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """One of those that hold the store, as the others know it.

    Attributes:
        member_id: etcd's number for it.
        name: of its node; "" until it has begun.
        peer_urls: where the others reach it.
        client_urls: where it is asked; none until it has begun.
        is_learner: it does not vote yet, and answers no questions.
    """

    member_id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one member says of itself; it is not asked whether the others agree.

    Attributes:
        name: as the configuration calls the endpoint.
        leader: the member that it follows, 0 for none.
        alarms: what the member complains of: "alarm:NOSPACE".
        problem: why there is no answer, in a sentence; all numbers are 0 then.
        size_bytes: of its database file.
        in_use_bytes: of that, what is not free.
        raft_index: how many changes the log has had.
    """

    name: str
    member: int = 0
    leader: int = 0
    revision: int = 0
    raft_term: int = 0
    size_bytes: int = 0
    version: str = ""
    alarms: tuple[str, ...] = ()
    problem: str = ""
    in_use_bytes: int = 0
    raft_index: int = 0
