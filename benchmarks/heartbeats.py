"""Heartbeats: what one node among 3, 16 and 64 sends, and what that costs it.

    python -m benchmarks.heartbeats

One node's part of `cluster.suspicion` and `cluster.heartbeat`, as the pulse uses them, in simulated
time: it makes its beats, reads those of all others, each with ages of its own, and judges at each
tick. The limit is what the kernel takes for the same datagrams: sent and received on a socket, and
nothing done with them. Each has its turn in each round; a ratio is taken within a round. Processor
time of this process, which other work on the machine stretches less than the time of day.
"""

import argparse
import socket
import time
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median
from typing import Final

from tandem.cluster.exclusive.timing import STANDARD
from tandem.cluster.heartbeat import Heard, Heartbeat, decode, encode, encode_round
from tandem.cluster.link_state import PERIOD_US
from tandem.cluster.local_health import TICK_US
from tandem.cluster.suspicion import Beat, State, Tick, beats, start, step

ROUNDS: Final = 5
PERIODS: Final = 20
LINKS: Final = ("a", "b")
KEY: Final = b"k" * 32
SECOND_US: Final = 1_000_000


@dataclass
class Row:
    """Of one number of nodes, by round.

    Attributes:
        nodes: how many.
        packets: that a node sends in a second.
        sent_bytes: in these.
        share: of a core, for all of it.
        limit: of a core, for the kernel's part alone.
    """

    nodes: int
    packets: float = 0
    sent_bytes: float = 0
    share: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)


class Site:
    """One node, and what the others send it.

    Args:
        nodes: how many there are.
        random: for the ages that they tell of each other.
    """

    def __init__(self, nodes: int, random: Random) -> None:
        self.names = [f"recorder-{number:03}" for number in range(nodes)]
        self._random = random
        self.now_us = SECOND_US
        self.counter = 0
        self.state: State = start(self.names[0], LINKS, self.names, self.now_us)

    def others(self) -> list[bytes]:
        """What all others send to this node in one period."""
        found = []
        for name in self.names[1:]:
            heard = tuple(
                Heard(other, link, self._random.randrange(100))
                for other in self.names
                if other != name
                for link in LINKS
            )
            beat = Heartbeat(1, name, self.names[0], "", 1, self.counter, self.now_us, heard=heard)
            found += [encode(replace(beat, link=link), KEY) for link in LINKS]
        return found

    def period(self, arrived: list[bytes]) -> list[bytes]:
        """What this node does in one period; returns what it sends."""
        sent = encode_round(beats(self.state, 1, 1, self.counter, self.now_us), KEY)
        for data in arrived:
            self.state, _ = step(self.state, Beat(decode(data, KEY, 1)), self.now_us)
        for tick in range(PERIOD_US // TICK_US):
            self.state, _ = step(self.state, Tick(), self.now_us + tick * TICK_US)
        return sent


def measure(row: Row, random: Random) -> None:
    """One round: `PERIODS` of one node."""
    site = Site(row.nodes, random)
    site.period(site.others())
    took_s = limit_s = 0.0
    packets = sent_bytes = 0
    for _ in range(PERIODS):
        site.now_us += PERIOD_US
        site.counter += 1
        arrived = site.others()
        began_s = time.process_time()
        sent = site.period(arrived)
        made_s = time.process_time()
        _through_the_kernel(sent)
        took_s += made_s - began_s
        limit_s += time.process_time() - made_s
        packets += len(sent)
        sent_bytes += sum(map(len, sent))
    simulated_s = PERIODS * PERIOD_US / SECOND_US
    row.packets, row.sent_bytes = packets / simulated_s, sent_bytes / simulated_s
    row.share.append((took_s + limit_s) / simulated_s)
    row.limit.append(limit_s / simulated_s)


def _through_the_kernel(datagrams: list[bytes]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
    ):
        there.bind(("127.0.0.1", 0))
        place = there.getsockname()
        for data in datagrams:
            here.sendto(data, place)
            there.recv(2048)


def section(rounds: int = ROUNDS) -> str:
    """Measure, and write the section of the results."""
    rows, random = [Row(nodes) for nodes in (3, 16, 64)], Random(1)
    for _ in range(rounds):
        for row in rows:
            measure(row, random)
    lines = [
        "| nodes | packets/s sent | kB/s sent | CPU % | to limit | store writes/s |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        shares = [100 * share for share in row.share]
        ratio = median(one / limit for one, limit in zip(row.share, row.limit, strict=True))
        lines.append(
            f"| {row.nodes} | {row.packets:.0f} | {row.sent_bytes / 1000:.0f} |"
            f" {median(shares):.1f} ({min(shares):.1f} - {max(shares):.1f}) | {ratio:.1f} |"
            f" {SECOND_US / STANDARD.renew_us:.1f} |"
        )
    table = "\n".join(lines)
    return (
        "## Heartbeats\n\nOf one node, on two links, in simulated time: what it sends, and what"
        " sending, receiving and judging take of one core, the median with the least and the"
        f" greatest of {rounds} rounds; the limit is the kernel's part of that alone. Store writes"
        " are the renewals of its session, by the preset standard. Every node sends to every other"
        f" one, so a node's packets grow with the nodes, and the cluster's with their square."
        f"\n\n{table}\n"
    )


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heartbeats", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each (5)")
    print(section(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
