"""Lines out of a process that may write anything: whole ones, of bounded length. Pure."""

import logging
import re
from typing import Final

_LEVEL: Final = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)", re.DOTALL)


class LineSplitter:
    """Cuts a stream of bytes into lines; a line that is too long is left out.

    Args:
        most_bytes: longest line, and about as much as is held in memory.

    Attributes:
        left_out: how many lines were too long.
    """

    def __init__(self, most_bytes: int) -> None:
        self.left_out = 0
        self._most_bytes = most_bytes
        self._rest = bytearray()
        self._skips = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        *ends, rest = data.split(b"\n")
        lines = []
        for part in ends:
            self._take(part)
            if not self._skips:
                lines.append(bytes(self._rest))
            self._rest.clear()
            self._skips = False
        self._take(rest)
        return lines

    def _take(self, part: bytes) -> None:
        if self._skips:
            return
        if len(self._rest) + len(part) > self._most_bytes:
            self.left_out += 1
            self._skips = True
            self._rest.clear()
        else:
            self._rest += part


def log_entry(line: bytes, level_before: int) -> tuple[int, str]:
    """The level and the text of a line of a child's log.

    Args:
        line: "LEVEL name: message", or what else its libraries write.
        level_before: of the line before; one without a level, as of a traceback, belongs to it.
    """
    text = line.decode(errors="replace").rstrip()
    if found := _LEVEL.match(text):
        return logging.getLevelNamesMapping()[found[1]], found[2]
    return level_before, text
