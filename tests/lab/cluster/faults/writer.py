"""A process that checks nothing: each 10 ms a line with its token into a file that all hosts share.

It also writes to the node's volume, so that it is stuck where that disk is dead.
"""

import sys
from typing import Final

from tests.lab.cluster.watching import Line

from tandem.lab.hosts import Lab
from tandem.lab.hosts.rootfs import MANAGEMENT

VOLUME: Final = "v1"

PROGRAM: Final = f"""
import os, socket, time
out = os.open({str(MANAGEMENT / "lines")!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
try:
    disk = os.open("/mnt/{VOLUME}/writer", os.O_WRONLY | os.O_CREAT)
except OSError:
    disk = os.open("/dev/null", os.O_WRONLY)
here = socket.gethostname() + " " + os.environ["TANDEM_TOKEN"]
while True:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    line = f"{{now:.6f}} {{here}}\\n".encode()
    os.write(out, line)
    try:
        os.pwrite(disk, line, 0)
    except OSError:
        pass
    time.sleep(0.01)
"""


class Lines:
    """What was written, read on as it grows; in the order in which the kernel took it."""

    def __init__(self, lab: Lab) -> None:
        self._file = lab.book.management / "lines"
        (lab.book.management / "writer.py").write_text(PROGRAM, "utf-8")
        self._read_bytes = 0
        self._found: list[Line] = []

    @property
    def command(self) -> list[str]:
        """What writes them."""
        return [sys.executable, "-I", "-S", str(MANAGEMENT / "writer.py")]

    def all(self) -> list[Line]:
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._read_bytes)
                whole = file.read().rpartition(b"\n")[0]
            self._read_bytes += len(whole) + 1 if whole else 0
            words = (line.split() for line in whole.decode().splitlines())
            self._found += [Line(float(at), node, token) for at, node, token in words]
        return self._found

    def since(self, at_s: float) -> list[Line]:
        found = self.all()
        first = len(found)
        while first and found[first - 1].at_s >= at_s:
            first -= 1
        return found[first:]
