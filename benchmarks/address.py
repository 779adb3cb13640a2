"""How long a virtual address is away: when its holder dies, and when it moves.

    python -m benchmarks.address [EXPIRY_TRIALS [MOVE_TRIALS]]

Hosts are network namespaces on a bridge. Nothing here is a limit that a test holds: see
`docs/design/address.md` for figures and what follows from them.
"""

import json
import os
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from tests.resources.address.conftest import CallFailedError, RemoteNode
from tests.resources.address.hosts import Lan, Namespace

from tandem.clock import SystemClock
from tandem.resources.address.rtnetlink import Rtnetlink

CLOCK = SystemClock()
Running = subprocess.Popen[str]
FAMILIES = {"IPv4": "10.7.0.100", "IPv6": "fd07::100"}
ENTITLED_S = 600
PORT = 7007

_ECHO = f"""
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as server:
    server.setsockopt(*((41, 78) if ":" in sys.argv[1] else (0, 15)), 1)  # FREEBIND
    server.bind((sys.argv[1], {PORT}))
    print("ready", flush=True)
    while True:
        asked, client = server.recvfrom(64)
        try:
            server.sendto(asked + sys.argv[2].encode(), client)
        except OSError:
            pass
"""


def expire(ip_text: str, trials: int, disturb: bool) -> None:
    """On a host: add, refresh, stop refreshing, and print when the address is gone."""
    ip, other = ip_address(ip_text), ip_address(ip_text) + 1
    with Rtnetlink() as kernel:
        index = next(link.index for link in kernel.links() if link.name == "eth0")
        for _ in range(trials):
            time.sleep(random.random())
            for _ in range(3):
                kernel.add(index, ip, 1)
                last_us = CLOCK.boot_us()
                time.sleep(0.1)
            if disturb:
                time.sleep(0.4)
                kernel.add(index, other, 60)
            while kernel.holding(ip):
                time.sleep(0.001)
            print(CLOCK.boot_us() - last_us, flush=True)


def expiries(ip: str, trials: int, *, disturb: bool = False) -> list[float]:
    """Times from the last refresh to the end, in ms; hosts side by side, as they do not wait."""
    hosts_count = 5
    lan = Lan()
    try:
        hosts = [lan.host() for _ in range(hosts_count)]
        arguments = ("expire", ip, str(-(-trials // hosts_count)), str(int(disturb)))
        running = [host.python("-m", "benchmarks.address", *arguments) for host in hosts]
        said = "".join(process.communicate()[0] for process in running)
    finally:
        lan.close()
    return [int(line) / 1000 for line in said.splitlines()]


def probe_on(ip: str) -> None:
    """On the client: ask each 5 ms; print the time of each answer, and who gave it."""
    import socket  # noqa: PLC0415

    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        next_us = CLOCK.boot_us()
        while True:
            rest_s = (next_us - CLOCK.boot_us()) / 1e6
            readable, _, _ = select.select([client], [], [], max(0, rest_s))
            if readable:
                try:
                    who = client.recv(64)[-1:].decode()
                    print(CLOCK.boot_us(), who, flush=True)
                except OSError:
                    continue
            if CLOCK.boot_us() >= next_us:
                next_us = CLOCK.boot_us() + 5_000
                try:
                    client.sendto(b"?", (ip, PORT))
                except OSError:
                    continue


class Trial:
    """Two nodes, an echo on both, and a client; outages as the client sees them."""

    def __init__(self, ip: str) -> None:
        self.lan = Lan()
        self.hosts = [self.lan.host(), self.lan.host()]
        self.client = self.lan.host()
        directory = Path(tempfile.mkdtemp())
        self.nodes = [
            RemoteNode(host, directory / str(number), address=ip)
            for number, host in enumerate(self.hosts)
        ]
        self.echoes = [_echo(host, ip, str(number)) for number, host in enumerate(self.hosts)]
        self.last_us = 0
        self.prober = self.client.python("-m", "benchmarks.address", "probe", ip)

    def gap_us(self, by: int, after_us: int = 0) -> int:
        """Read answers until one is by that node and no older; since when there was none."""
        assert self.prober.stdout
        while True:
            before_us = self.last_us
            at, who = self.prober.stdout.readline().split()
            self.last_us = int(at)
            if who == str(by) and self.last_us >= after_us:
                return self.last_us - before_us

    def close(self) -> None:
        for process in (*self.echoes, self.prober):
            process.kill()
            process.communicate()
        for node in self.nodes:
            try:
                node.do("kill")
            except CallFailedError as error:
                print(error, file=sys.stderr)
            node.close()
        self.lan.close()


def _echo(host: Namespace, ip: str, name: str) -> Running:
    echo = host.python("-c", _ECHO, ip, name)
    assert echo.stdout
    echo.stdout.readline()
    return echo


def outages(ip: str, trials: int, take_away: Callable[[Trial, int], None]) -> list[float]:
    """Gaps between the last answer of the old node and the first of the new one, in ms."""
    found = []
    trial = Trial(ip)
    try:
        for node in trial.nodes:
            node.do("probe")
        trial.nodes[0].do("start", 1, ENTITLED_S)
        for number in range(trials):
            old, new = number % 2, 1 - number % 2
            time.sleep(0.3 + random.random())
            trial.gap_us(old, CLOCK.boot_us())
            take_away(trial, old)
            while True:
                try:
                    trial.nodes[new].do("start", number + 2, ENTITLED_S)
                    break
                except CallFailedError:
                    time.sleep(0.002)
            found.append(trial.gap_us(new) / 1000)
            trial.nodes[old].do("stop")
            trial.lan.plug(old + 1)
            trial.nodes[old].do("probe")  # a holder stands ready again
    finally:
        trial.close()
    return found


def _moved(trial: Trial, old: int) -> None:
    trial.nodes[old].do("stop")


def _holder_killed(trial: Trial, old: int) -> None:
    os.kill(trial.nodes[old].holder(), signal.SIGKILL)


def _power_lost(trial: Trial, old: int) -> None:
    trial.lan.unplug(old + 1)


def shown(name: str, values: list[float]) -> str:
    cuts = [min(values), statistics.median(values), max(values)]
    if len(values) >= 20:
        cuts.insert(2, statistics.quantiles(values, n=10)[-1])
    return f"| {name} | {len(values)} | " + " / ".join(f"{cut:.0f}" for cut in cuts) + " |"


def main(expiry_trials: int, move_trials: int) -> None:
    print(json.dumps({"kernel": os.uname().release, "load": os.getloadavg()}))
    print("| ms | trials | least / median / (90 %) / most |\n|---|---|---|")
    for family, ip in FAMILIES.items():
        print(shown(f"{family}: last refresh to gone", expiries(ip, expiry_trials)), flush=True)
        late = expiries(ip, max(5, expiry_trials // 5), disturb=True)
        print(shown(f"{family}: same, another address added meanwhile", late), flush=True)
    for family, ip in FAMILIES.items():
        for name, how in (
            ("planned move", _moved),
            ("holder killed, new node tries until the kernel let go", _holder_killed),
            ("cable cut, new node starts at once", _power_lost),
        ):
            print(shown(f"{family}: outage, {name}", outages(ip, move_trials, how)), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["expire", ip, trials, disturb]:
            expire(ip, int(trials), bool(int(disturb)))
        case ["probe", ip]:
            probe_on(ip)
        case counts:
            given = [int(count) for count in counts]
            main(*[*given, *(50, 20)[len(given) :]])
