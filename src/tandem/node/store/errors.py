"""What may go wrong between a node and the store, told apart by what may be concluded from it."""


class StoreError(Exception):
    """Anything the store refuses or fails to do; the message is for the administrator."""


class StoreUnavailableError(StoreError):
    """Nothing happened, and it may be tried again: no member answered, or none has a leader.

    Of a transaction it is said only where no member can have begun it.
    """


class UnknownOutcomeError(StoreError):
    """A transaction was sent and not answered: it happened, did not, or will in a moment.

    Never a failure. Sending it again could do it twice; `settle.settle` reads back what became of
    it.
    """


class CompactedError(StoreError):
    """The history that was asked for is gone: list afresh.

    Attributes:
        compact_revision: the oldest revision that can be asked for; 0 where the store did not say.
    """

    def __init__(self, message: str, compact_revision: int = 0) -> None:
        super().__init__(message)
        self.compact_revision = compact_revision


class QuotaExceededError(StoreError):
    """The store is full and takes no more writes; reading goes on. Nothing happened."""


class StoreRefusedError(StoreError):
    """The store would not have us, or we would not have it: certificate, login or permission.

    Nothing happened, and waiting does not help.
    """


class WrongClusterError(StoreRefusedError):
    """Another cluster's store answers at an address that was thought to be ours."""


class InvalidRequestError(StoreError):
    """The store can never do this: too large, too many operations, one key changed twice."""
