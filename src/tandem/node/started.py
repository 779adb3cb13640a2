"""When this process of the node began, for its heartbeats: later than any process before it."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.node.secret_file import write_secret

log = logging.getLogger(__name__)

_LATEST_US: Final = 1 << 62
"""Beyond this a number is damage, and no time."""


def note_start(path: Path, clock: Clock) -> int:
    """Say when this process begins, and remember it. Blocks.

    Peers take a beat of an earlier process for a recording of the past. So a clock that was set
    back must not make this process seem earlier than the last one.

    Args:
        path: of the file that remembers it; one for all processes of the node, one after another.
        clock: of the node.

    Returns:
        UTC, microseconds; or one more than last time, where the clock says less.

    Raises:
        OSError: it cannot be remembered.
    """
    started_us = max(clock.utc_us(), _last_us(path) + 1)
    write_secret(path, str(started_us).encode())
    return started_us


def _last_us(path: Path) -> int:
    with suppress(FileNotFoundError):
        try:
            last_us = int(path.read_bytes())
        except ValueError:
            last_us = -1
        if 0 <= last_us < _LATEST_US:
            return last_us
        log.error(
            "%s is damaged, and begins anew. If the other nodes do not hear this one, its clock was"
            " set back: see `timedatectl`.",
            path,
        )
    return 0
