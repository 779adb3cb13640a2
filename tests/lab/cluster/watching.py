"""What runs where, seen by eyes that share no code with what runs it.

An address: the kernel's own table of each host, and echoes to a user. A process: the lines it adds
to a file that all hosts share. All instants are CLOCK_BOOTTIME of the one kernel below all hosts.
"""

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from tandem.lab.hosts import Host, Lab
from tandem.lab.hosts.networks import USER_HOST
from tandem.lab.hosts.rootfs import MANAGEMENT

EACH_S: Final = 0.004

JOB: Final = """
import os, socket, time
out = os.open(%r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
here = socket.gethostname() + " " + os.environ["TANDEM_TOKEN"]
while True:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    os.write(out, f"{now:.6f} {here}\\n".encode())
    time.sleep(0.01)
"""

ECHO: Final = """
import os, socket, struct, sys, time
def total(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s >> 16) + (s & 0xFFFF)
    return ~(s + (s >> 16)) & 0xFFFF
out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
wire.settimeout(0.005)
due = time.monotonic()
while True:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    for ip in sys.argv[2:]:
        body = struct.pack("!d", now)
        empty = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + body
        echo = struct.pack("!BBHHH", 8, 0, total(empty), 7, 1) + body
        try: wire.sendto(echo, (ip, 0))
        except OSError: pass
    due = max(due + 0.005, time.monotonic())
    while (left := due - time.monotonic()) > 0:
        wire.settimeout(left)
        try: got, (ip, _) = wire.recvfrom(200)
        except OSError: break
        if got[20] == 0 and ip in sys.argv[2:]:
            os.write(out, b"%.6f %s\\n" % (struct.unpack("!d", got[28:36])[0], ip.encode()))
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A process was at work.

    Attributes:
        at_s: when.
        node: where.
        token: with which.
    """

    at_s: float
    node: str
    token: str


class Witnesses:
    """The files that a job and an asking user write."""

    def __init__(self, lab: Lab, addresses: Mapping[str, str]) -> None:
        self._directory = lab.book.management
        self._addresses = addresses
        (self._directory / "job.py").write_text(JOB % str(MANAGEMENT / "lines"), "utf-8")
        (self._directory / "echo.py").write_text(ECHO, "utf-8")

    @property
    def job(self) -> list[str]:
        """The command that writes the lines."""
        return [sys.executable, "-I", "-S", str(MANAGEMENT / "job.py")]

    def ask(self, user: Host) -> None:
        """Let a user ask all addresses, each 5 ms, from now on."""
        asked = [str(MANAGEMENT / "answers"), *self._addresses.values()]
        program = [sys.executable, "-I", "-S", str(MANAGEMENT / "echo.py"), *asked]
        user.spawn(program, "/var/lib/tandem/echo.log")

    def lines(self, since_s: float = 0.0) -> list[Line]:
        """What the job wrote, in the order in which the kernel took it."""
        found = (Line(float(at), node, token) for at, node, token in self._read("lines"))
        return [it for it in found if it.at_s >= since_s]

    def answers_s(self, name: str, since_s: float = 0.0) -> list[float]:
        """When a question to an address was sent that was answered."""
        ip = self._addresses[name]
        return sorted(at for at, to in self._answers() if to == ip and at >= since_s)

    def _answers(self) -> Iterator[tuple[float, str]]:
        for at, to in self._read("answers"):
            yield float(at), to

    def _read(self, name: str) -> Iterator[list[str]]:
        file = self._directory / name
        whole = file.read_text("utf-8").rpartition("\n")[0] if file.exists() else ""
        return (line.split() for line in whole.splitlines())


def outage_s(instants_s: list[float]) -> float:
    """The longest time between two of them."""
    return max((b - a for a, b in pairwise(instants_s)), default=0.0)


def doubled(lines: list[Line]) -> str:
    """What was written under a token after another one had begun; empty: nothing."""
    ended: set[str] = set()
    token = ""
    for line in lines:
        if line.token in ended:
            return f"{line.node} wrote with {line.token} after {token} had begun"
        if line.token != token:
            ended.add(token)
            token = line.token
    return ""


@dataclass(slots=True)
class Seen:
    """Which addresses each host has, sampled.

    Attributes:
        ips: those looked for.
        twice: addresses seen on two hosts: one was seen on the first both before and after it was
            seen on the second.
        blind_s: the longest time between two looks.
    """

    ips: frozenset[str]
    twice: set[str] = field(default_factory=set)
    blind_s: float = 0.0
    _tables: dict[str, Path] = field(default_factory=dict)
    _now: dict[str, frozenset[str]] = field(default_factory=dict)
    _doubted: set[tuple[str, str]] = field(default_factory=set)

    def add(self, lab: Lab, host: str) -> None:
        """Look at a host that was just switched on as well."""
        pid = lab.book.load().running(host).pid
        self._now[host] = frozenset()
        self._tables[host] = Path(f"/proc/{pid}/net/fib_trie")

    def look(self) -> None:
        """Once at each host, one after the other."""
        for host, table in list(self._tables.items()):
            try:
                has = local_addresses(table.read_text("utf-8")) & self.ips
            except OSError:
                has = frozenset()
            self.twice |= {ip for name, ip in self._doubted if name == host and ip in has}
            self._doubted = {it for it in self._doubted if it[0] != host}
            self._now[host] = has
            others = [name for name in self._tables if name != host]
            self._doubted |= {(name, ip) for name in others for ip in self._now[name] & has}

    def on(self, ip: str) -> list[str]:
        """The hosts that had it when they were looked at last."""
        return [host for host, has in self._now.items() if ip in has]


def local_addresses(trie: str) -> frozenset[str]:
    """The host's own addresses, of the kernel's `fib_trie`."""
    found, last = set(), ""
    for line in trie.splitlines():
        word = line.strip()
        if word.startswith("|-- "):
            last = word[4:]
        elif word.startswith("/32 host LOCAL"):
            found.add(last)
    return frozenset(found)


@contextmanager
def watched(lab: Lab, hosts: list[str], ips: frozenset[str]) -> Iterator[Seen]:
    """Look at hosts all the while."""
    seen, ended = Seen(ips), threading.Event()
    for host in hosts:
        seen.add(lab, host)

    def work() -> None:
        before_s = time.monotonic()
        while not ended.wait(EACH_S):
            seen.look()
            now_s = time.monotonic()
            seen.blind_s, before_s = max(seen.blind_s, now_s - before_s), now_s

    thread = threading.Thread(target=work, name="watching")
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def user_of(lab: Lab) -> Host:
    return lab.host(USER_HOST)
