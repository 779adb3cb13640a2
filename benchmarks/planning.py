"""Planning: ten thousand cameras on a hundred nodes, beside reading the same input as JSON.

    python -m benchmarks.planning

Bit rates are drawn once from 2 to 12 Mbit/s, nodes are in ten racks and have room to spare. The
limit is `json.loads` of the saved input: what Python needs to take up that many objects in C, and
nothing done with them. Each way has its turn in each round; a ratio is taken within a round.
Processor time of this process, which other work on the machine stretches less than the time of day.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Any, Final

from tandem.cluster.model import Camera, Node, Protection
from tandem.cluster.placement import View, plan
from tandem.cluster.plan.planner import plan as plan_resources
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.saved import CameraInput, encode_input
from tandem.cluster.plan.view import Member, Running
from tandem.cluster.plan.view import View as ResourceView
from tandem.cluster.replanning import Replanning

ROUNDS: Final = 5
SEED: Final = 1
NOW_US: Final = 1_000_000_000_000


@dataclass
class Row:
    """One way, and what it took in each round."""

    way: str
    run: Callable[[], Any]
    took_s: list[float]


def nodes_of(count: int) -> tuple[Node, ...]:
    """Nodes in ten racks: 10 Gbit/s, 1,250 MB/s, 1,000 streams."""
    return tuple(Node(f"n{it:03}", (), 10_000, 1250, 1000, f"rack{it % 10}") for it in range(count))


def camera_rows(cameras: int, nodes: int) -> list[Row]:
    """The ways that have to do with cameras."""
    random = Random(SEED)
    wanted = tuple(
        Camera(f"c{it:05}", "camera", (), Protection.HOT, random.uniform(2, 12))
        for it in range(cameras)
    )
    empty = View(nodes_of(nodes), {})
    settled = replace(empty, placements=plan(empty, wanted).placements)
    saved = encode_input(CameraInput(settled, wanted))
    remembered = Replanning()
    remembered.plan(settled, wanted)
    victims = [replace(settled, down={node.node_id}) for node in settled.nodes]

    def lose_one() -> Any:
        return remembered.plan(random.choice(victims), wanted)

    return [
        Row("`json.loads` of the same input (the limit)", lambda: json.loads(saved), []),
        Row("all cameras, none of them placed", lambda: plan(empty, wanted), []),
        Row("all cameras, nothing to change", lambda: plan(settled, wanted), []),
        Row("a node is lost", lose_one, []),
        Row("the same, planned as a whole", lambda: plan(victims[0], wanted), []),
    ]


def resource_rows(count: int, nodes: int) -> list[Row]:
    """The ways that have to do with exclusive resources: groups of two, each on some node."""
    members = tuple(Member(node, provides=frozenset({"eth0"})) for node in nodes_of(nodes))
    wanted = [
        Resource(
            f"r{it:03}", "process", group=f"g{it // 2}", group_place=it % 2, requires=("eth0",)
        )
        for it in range(count)
    ]
    empty = ResourceView(NOW_US, members)
    orders = plan_resources(empty, wanted).orders
    running = {name: (Running(it.nodes[0], 1, (1, 1)),) for name, it in orders.items()}
    settled = replace(empty, orders=orders, running=running)
    lost = replace(settled, members=(replace(members[0], is_down=True), *members[1:]))
    return [
        Row(
            f"{count} exclusive resources, none of them placed",
            lambda: plan_resources(empty, wanted),
            [],
        ),
        Row(
            f"{count} exclusive resources, a node is lost", lambda: plan_resources(lost, wanted), []
        ),
    ]


def table(rows: list[Row]) -> str:
    """What was measured."""
    lines = ["| way | ms | to limit |", "|---|--:|--:|"]
    limits = rows[0].took_s
    for row in rows:
        ratios = [took / limit for took, limit in zip(row.took_s, limits, strict=True)]
        spread = f"{1000 * median(row.took_s):.0f}"
        spread += f" ({1000 * min(row.took_s):.0f} - {1000 * max(row.took_s):.0f})"
        lines.append(f"| {row.way} | {spread} | {median(ratios):.1f} |")
    return "\n".join(lines)


def section(cameras: int = 10_000, nodes: int = 100, rounds: int = ROUNDS) -> str:
    """Measure, and write the section of the results."""
    rows = camera_rows(cameras, nodes) + resource_rows(200, nodes)
    for _ in range(rounds):
        for row in rows:
            began_s = time.process_time()
            row.run()
            row.took_s.append(time.process_time() - began_s)
    return (
        f"## Planning\n\n{cameras:,} cameras that two nodes record each, and 200 exclusive"
        f" resources in groups of two, on {nodes} nodes in ten racks, with room to spare."
        f" {rounds} rounds; processor time of one process, the median with the least and the"
        " greatest. A lost node is another one each time.\n\n"
        f"{table(rows)}\n"
    )


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    parser.add_argument("--cameras", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--nodes", type=int, default=100, help="how many (100)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each way (5)")
    given = parser.parse_args()
    print(section(given.cameras, given.nodes, given.rounds))


if __name__ == "__main__":
    main()
