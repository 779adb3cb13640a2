"""Running `tandem` on a host, several at a time."""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from tandem.archive.export.result import rfc3339
from tandem.lab.hosts import Host
from tandem.lab.hosts.commands import run

AT_ONCE: Final = 6
"""Most of their time they wait for a node that is off."""

_TANDEM: Final = str(Path(sys.executable).with_name("tandem"))
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def ask(host: Host, argv: Sequence[str], fine: Collection[int], deadline_s: float) -> Any:  # noqa: ANN401
    """Run a command of `tandem` with `--json` on a host.

    Args:
        host: where.
        argv: the command and its arguments.
        fine: exit statuses with which there is a document.
        deadline_s: when it is killed.

    Returns:
        Its document.

    Raises:
        LabError: the host is off, or the command failed or took too long.
    """
    called = f'"tandem {" ".join(argv)}" on {host.name}'
    command = host.command([_TANDEM, *argv, "--json"])
    return json.loads(run(command, fine=fine, deadline_s=deadline_s, called=called))


def at_once(work: Callable[[_Given], _Made], given: Iterable[_Given]) -> list[_Made]:
    """Do something to each, a few at a time; interrupted, it begins no more of them."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(work, given))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def span_options(from_us: int, to_us: int) -> list[str]:
    """How a command is told a time."""
    return ["--from", rfc3339(from_us), "--to", rfc3339(to_us)]
