"""Blocking work in a thread that nobody ever has to wait for.

The event loop's own pool is shared, so that one disk that hangs would starve all who use it, and
the interpreter waits for its threads at the end. A thread of its own costs a hung disk nothing but
itself.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from tandem.archive.errors import ArchiveError

T = TypeVar("T")


async def in_own_thread(name: str, work: Callable[[], T], discard: Callable[[T], None]) -> T:
    """Do blocking work in a fresh thread; when cancelled, it is left to itself.

    Args:
        name: of the thread.
        work: what to do.
        discard: gets the result if nobody waits for it any more; blocking, never on the loop.

    Returns:
        What `work` returns; what it raises is raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def throw_away(result: T) -> None:
        threading.Thread(target=discard, args=(result,), name=name, daemon=True).start()

    def deliver(result: T) -> None:
        if future.cancelled():
            throw_away(result)
        else:
            future.set_result(result)

    def fail(failure: BaseException) -> None:
        if not future.cancelled():
            future.set_exception(failure)

    def run() -> None:
        try:
            result = work()
        except ArchiveError as failure:
            post(loop, fail, failure)
        except BaseException as defect:
            post(loop, fail, defect)
            raise
        else:
            post(loop, deliver, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await future
    except asyncio.CancelledError:
        if future.done() and not future.cancelled() and future.exception() is None:
            throw_away(future.result())
        raise


def post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call something on an event loop from another thread, if the loop still runs."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
