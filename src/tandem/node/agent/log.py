"""Where the agent's log goes: to standard error, as a terminal or systemd's journal wants it."""

import logging
import os
import sys
from typing import Final

_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))
_INFO: Final = 6
_DEBUG: Final = 7


class JournalFormatter(logging.Formatter):
    """A line for the journal, which knows the time itself, and takes the priority from a prefix.

    Every line of a message of several has it: see sd-daemon(3).
    """

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        otherwise = _INFO if record.levelno >= logging.INFO else _DEBUG
        least = (priority for level, priority in _PRIORITIES if record.levelno >= level)
        prefix = f"<{next(least, otherwise)}>"
        return "\n".join(f"{prefix}{line}" for line in super().format(record).splitlines())


def begin_log() -> None:
    """Write the log of this process to its standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if _is_journal():
        handler.setFormatter(JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _is_journal() -> bool:
    """Whether standard error is the journal's: systemd names the socket's device and inode."""
    named = os.environ.get("JOURNAL_STREAM")
    if not named:
        return False
    found = os.fstat(sys.stderr.fileno())
    return named == f"{found.st_dev}:{found.st_ino}"
