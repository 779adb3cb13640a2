"""What became of a transaction whose outcome is unknown: reading back by nonce.

Every attempt writes a value that no other attempt writes (it carries a nonce of its own) and
compares the key's mod_revision. So what stands there afterwards tells what happened: a revision
never comes back, and an attempt that compares one that is gone can never be carried out.
"""

from dataclasses import dataclass
from enum import Enum

from tandem.node.store.errors import StoreUnavailableError, UnknownOutcomeError
from tandem.node.store.model import Entry, Put, Relation, Target, Transaction
from tandem.node.store.protocol import Store


class Fate(Enum):
    """What is known of an attempt.

    APPLIED: it happened, and its value stands.
    REFUSED: its conditions did not hold; it did nothing.
    OVERTAKEN: another write has come after the compared revision. If the attempt happened, its
        value is gone again; if not, it never will.
    OPEN: nothing has happened so far, and it still may. A new attempt with a new nonce that
        compares the same revision settles it: one of the two will be carried out at most.
    """

    APPLIED = "applied"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt.

    Attributes:
        fate: what is known.
        revision: of the attempt's own write where it is APPLIED, else of the key as it was found.
        entry: the key as it was found, where it had to be read back.
    """

    fate: Fate
    revision: int
    entry: Entry | None = None


async def settle(store: Store, transaction: Transaction, put: Put) -> Settlement:
    """Carry out a transaction once, and if its outcome is unknown, read it back.

    Args:
        store: where.
        transaction: must compare the mod_revision of the key that `put` writes.
        put: one of the transaction's success branch; no other attempt may write its value.

    Raises:
        UnknownOutcomeError: the outcome is unknown, and could not be read back either.
        ValueError: the transaction cannot be read back by this put.
    """
    compared = _compared_revision(transaction, put)
    try:
        outcome = await store.transact(transaction)
    except UnknownOutcomeError as unknown:
        return await _read_back(store, put, compared, unknown)
    return Settlement(Fate.APPLIED if outcome.succeeded else Fate.REFUSED, outcome.revision)


async def _read_back(
    store: Store, put: Put, compared: int, unknown: UnknownOutcomeError
) -> Settlement:
    try:
        entry = await store.get(put.key)
    except StoreUnavailableError as error:
        raise UnknownOutcomeError(f"{unknown} It could not be read back either: {error}") from error
    found = entry.mod_revision if entry else 0
    if entry and entry.value == put.value and found > compared:
        return Settlement(Fate.APPLIED, found, entry)
    return Settlement(Fate.OPEN if found == compared else Fate.OVERTAKEN, found, entry)


def _compared_revision(transaction: Transaction, put: Put) -> int:
    if put not in transaction.success:
        raise ValueError(f"The transaction does not write {put.key} as it is to be read back.")
    for compare in transaction.compares:
        if (compare.key, compare.target, compare.relation) == (
            put.key,
            Target.MOD_REVISION,
            Relation.EQUAL,
        ):
            return int(compare.operand)
    raise ValueError(f"The transaction does not compare the mod_revision of {put.key}.")
