"""Writes a line with its token every 10 ms, and checks nothing: run as a program.

`writer.py FILE`, or `writer.py FILE UNTIL_US`: then a process beside it watches, and kills it when
that time (CLOCK_BOOTTIME) is over, as an agent without a keeper would.
"""

import os
import signal
import sys
import time

PAUSE_S = 0.01


def write() -> None:
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    line = os.environ.get("TANDEM_TOKEN", "none").encode() + b"\n"
    while True:
        os.write(file, line)
        time.sleep(PAUSE_S)


if len(sys.argv) > 2 and (writer := os.fork()):
    while time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 < int(sys.argv[2]):
        time.sleep(PAUSE_S)
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
else:
    write()
