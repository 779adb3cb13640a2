"""Ctrl-C and its like: heard while something is built, and not while it is taken down.

For the main thread alone, as signals are in Python.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a service manager's or a closing terminal's signal act like Ctrl-C in the `with`.

    Raises:
        KeyboardInterrupt: there was one.
    """
    with _handled(_interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal that asks for the end interrupt the `with` statement: it is the end."""
    with _handled(_ignore):
        yield


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    # A function, and not SIG_IGN, which programs started meanwhile would inherit.
    before = {number: signal.signal(number, handler) for number in _ENDING}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """It is being ended already."""
