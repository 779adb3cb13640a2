"""What the store holds under one prefix, read into values. Pure.

A value that cannot be read (written by a later release, or by hand) is told, and the last good one
stays: a camera must not stop being recorded for a slip of the pen.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from tandem.cluster import keys
from tandem.cluster.document import StoredValueError
from tandem.cluster.keys import IdError
from tandem.node.store.model import Entry

Value = TypeVar("Value")


class Shelf(Generic[Value]):
    """The newest values under one prefix.

    Args:
        prefix: such as `keys.CAMERAS`.
        decode: reads a value, given its id; raises `StoredValueError`.

    Attributes:
        values: by id.
        revisions: the `mod_revision` of each key, by id; of those that cannot be read as well.
        problems: what cannot be read, and why, by key.
    """

    def __init__(self, prefix: str, decode: Callable[[str, bytes], Value]) -> None:
        self.prefix = prefix
        self.values: dict[str, Value] = {}
        self.revisions: dict[str, int] = {}
        self.problems: dict[str, str] = {}
        self._decode = decode

    @property
    def unread(self) -> frozenset[str]:
        """What stands there and could never be read: of a later release, or damaged."""
        return frozenset(self.revisions.keys() - self.values.keys())

    def take(self, entries: Mapping[str, Entry]) -> bool:
        """Take what stands there now; only what has changed is read.

        Returns:
            Whether anything has changed.
        """
        self.problems = {key: why for key, why in self.problems.items() if key in entries}
        found = dict(self._named(entries))
        gone = self.revisions.keys() - found.keys()
        for identity in gone:
            self.values.pop(identity, None)
            del self.revisions[identity]
        changed = [
            (identity, entry)
            for identity, entry in found.items()
            if self.revisions.get(identity) != entry.mod_revision
        ]
        for identity, entry in changed:
            self._read(identity, entry)
        return bool(gone or changed)

    def _named(self, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
        for key, entry in entries.items():
            try:
                yield keys.identity(self.prefix, key), entry
            except IdError as problem:
                self.problems[key] = str(problem)

    def _read(self, identity: str, entry: Entry) -> None:
        self.revisions[identity] = entry.mod_revision
        self.problems.pop(entry.key, None)
        try:
            self.values[identity] = self._decode(identity, entry.value)
        except StoredValueError as problem:
            self.problems[entry.key] = str(problem)
