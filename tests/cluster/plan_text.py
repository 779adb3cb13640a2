"""Plans as text: a scenario that reads as prose, and what the planner makes of it.

    node n1 zone=a mbps=100 streams=10 disk=50 down    numbers have defaults; `down` or `draining`
    camera gate hot 8                                  protection, Mbit/s
    cameras gate 1..3 hot 8                            gate1, gate2 and gate3
    committed gate: n1 n2 n3                           what is written already, generation 1

A line that begins with # is a comment.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby

from tandem.cluster.model import Camera, Node, Placement, Protection
from tandem.cluster.placement import Plan, View


@dataclass
class Scenario:
    nodes: list[Node] = field(default_factory=list)
    cameras: list[Camera] = field(default_factory=list)
    committed: dict[str, Placement] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    draining: set[str] = field(default_factory=set)

    def view(self) -> View:
        return View(tuple(self.nodes), self.committed, self.down, self.draining)


def parse(text: str) -> Scenario:
    scenario = Scenario()
    for line in text.splitlines():
        match line.partition("#")[0].split():
            case []:
                pass
            case ["node", name, *words]:
                add_node(scenario, name, words)
            case ["camera", name, protection, rate]:
                scenario.cameras.append(camera(name, protection, rate))
            case ["cameras", name, span, protection, rate]:
                first, last = map(int, span.split(".."))
                scenario.cameras += [
                    camera(f"{name}{i}", protection, rate) for i in range(first, last + 1)
                ]
            case ["committed", name, *nodes]:
                identity = name.rstrip(":")
                scenario.committed[identity] = Placement(identity, tuple(nodes), 1)
            case words:
                raise ValueError(f"cannot be read: {' '.join(words)}")
    return scenario


def add_node(scenario: Scenario, name: str, words: list[str]) -> None:
    settings = dict(word.split("=") for word in words if "=" in word)
    scenario.down |= {name} if "down" in words else set()
    scenario.draining |= {name} if "draining" in words else set()
    scenario.nodes.append(
        Node(
            node_id=name,
            links=(),
            capacity_mbps=float(settings.get("mbps", 1000)),
            disk_mb_s=float(settings.get("disk", 1000)),
            streams=int(settings.get("streams", 1000)),
            zone=settings.get("zone", ""),
        )
    )


def camera(name: str, protection: str, rate: str) -> Camera:
    return Camera(name, name, (), Protection(protection), float(rate))


def render(plan: Plan) -> str:
    """What the planner made of it; cameras placed alike for the same reasons share lines."""
    lines: list[str] = []

    def alike(name: str) -> tuple[object, ...]:
        return plan.placements[name].nodes, plan.placements[name].generation, plan.why[name]

    for _, group in groupby(plan.placements, key=alike):
        names = list(group)
        placement = plan.placements[names[0]]
        mark = "" if placement not in plan.changed else f"    (generation {placement.generation})"
        lines.append(f"{' '.join(names)}: {' '.join(placement.nodes)}{mark}")
        lines += [f"    {choice}" for choice in plan.why[names[0]]]
    lines += [f"{name}: no longer wanted" for name in plan.removed]
    lines += [f"! {concern}" for concern in plan.concerns]
    return "\n".join(lines) + "\n"


def recordings(plan: Plan, cameras: list[Camera]) -> Counter[str]:
    """How many copies each node records."""
    return Counter(
        node
        for wanted in cameras
        for node in plan.placements[wanted.camera_id].nodes[: wanted.protection.copies]
    )
