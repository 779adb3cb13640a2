"""Lending what may have to be let go of: it is closed as soon as nobody uses it any more."""

import threading
from collections.abc import Callable


class Loans:
    """Who uses something. From any thread.

    Args:
        close: called once, when it was let go of and is used no more; may block.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self._users = 0
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it was let go of: who uses it still should come to an end."""
        return self._is_over

    def take(self) -> bool:
        """Use it from now on, until `give_back`; returns whether it may be used."""
        with self._lock:
            if self._is_over:
                return False
            self._users += 1
            return True

    def give_back(self) -> None:
        """Use it no more; the last one who does so closes it if it was let go of."""
        with self._lock:
            self._users -= 1
            is_last = self._is_over and not self._users
        if is_last:
            self._close()

    def end(self) -> None:
        """Let go of it: now, or when the last one gives it back. Harmless when repeated."""
        with self._lock:
            is_idle = not self._is_over and not self._users
            self._is_over = True
        if is_idle:
            self._close()
