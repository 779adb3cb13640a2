"""Telling what is done, and how long each step took."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tandem.clock import Clock

_WIDTH = 62


class Steps:
    """Tells of steps, a line each, with the seconds they took.

    Args:
        write: takes text as it comes, newlines included.
        clock: tells how long a step took.
    """

    def __init__(self, write: Callable[[str], None], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._began_us = clock.boot_us()

    @property
    def elapsed_s(self) -> float:
        """Time since this was made."""
        return (self._clock.boot_us() - self._began_us) / 1e6

    def say(self, line: str = "") -> None:
        """Tell something that is no step."""
        self._write(f"{line}\n")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell that something is done in the `with` statement, and then how long it took."""
        self._write(f"  {what:<{_WIDTH}}")
        began_us = self._clock.boot_us()
        try:
            yield
        except BaseException:
            self._write("   stopped\n")
            raise
        self._write(f"{(self._clock.boot_us() - began_us) / 1e6:8.1f} s\n")


def counted(number: int, thing: str) -> str:
    """A number of things: "1 node", "2 nodes"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
