"""Changing one key: who changes it knows what he changes, whatever becomes of an answer."""

from typing import Final

from tandem.node.store.errors import UnknownOutcomeError
from tandem.node.store.model import Compare, Delete, Entry, Operation, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

MOST_ATTEMPTS: Final = 3
"""Of a change whose outcome is unknown; each is read back first."""


class OvertakenError(Exception):
    """Something else stands there than what was to be changed.

    Attributes:
        entry: what stands there; None: nothing.
    """

    def __init__(self, entry: Entry | None) -> None:
        super().__init__("somebody else was faster")
        self.entry = entry


async def write(store: Store, name: str, value: bytes | None, revision: int, *more: Compare) -> int:
    """Write a key, or remove it.

    Args:
        store: of the cluster.
        name: of the key.
        value: what is to stand there; None: nothing.
        revision: what stands there now; 0: nothing.
        more: what has to be so besides.

    Returns:
        The revision of the key as it stands then; 0 where it was removed.

    Raises:
        OvertakenError: something else stands there, or `more` is not so.
        StoreError: the store cannot be asked; whether it was written is not known then.
    """
    operation: Operation = Delete(name) if value is None else Put(name, value)
    wanted = Transaction((unchanged(name, revision), *more), (operation,))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            outcome = await store.transact(wanted)
        except UnknownOutcomeError:
            if attempt == MOST_ATTEMPTS:
                raise
            if (done := await _standing(store, name, value, revision)) is not None:
                return done
            continue
        if outcome.succeeded:
            return 0 if value is None else outcome.revision
        break
    # An earlier attempt may have arrived at last.
    if attempt > 1 and (done := await _standing(store, name, value, revision)) is not None:
        return done
    raise OvertakenError(await store.get(name))


async def _standing(store: Store, name: str, value: bytes | None, revision: int) -> int | None:
    """The revision of what stands there if it is what was wanted; None if nothing moved."""
    found = await store.get(name)
    standing = found.mod_revision if found else 0
    if standing == revision:
        return None
    if (found.value if found else None) == value:
        return standing
    raise OvertakenError(found)
