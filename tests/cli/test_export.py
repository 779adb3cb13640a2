"""`tandem export`: what it says, what it writes, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.archive.export.material import packets
from tests.archive.material import BASE_US, FRAMES
from tests.node.retrieval.cluster import Node, cluster

from tandem.archive.export.result import rfc3339
from tandem.cli.main import main

SECOND_US = 1_000_000


def run(node: Node, *arguments: str | Path, camera: str = "gate") -> Result:
    command = ["export", camera, "--settings", node.settings_path, *arguments]
    return CliRunner().invoke(main, [str(argument) for argument in command])


def over(first_s: float = 0, last_s: float = 10) -> list[str]:
    times = [BASE_US + round(at_s * SECOND_US) for at_s in (first_s, last_s)]
    return ["--from", rfc3339(times[0]), "--to", rfc3339(times[1])]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    with cluster(tmp_path, "n1", "n2") as running:
        yield running


def test_two_nodes_that_lack_a_part_each_give_all_of_it(nodes: list[Node], tmp_path: Path) -> None:
    nodes[0].film(fragments=10, without=frozenset({2, 3}))
    nodes[1].film(fragments=10, without=frozenset({6}))
    target = tmp_path / "gate.mp4"
    done = run(nodes[0], *over(), "-o", target, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["version"], told["frames"], told["missing"]) == (1, 10 * FRAMES, [])
    assert len(packets(target)) == 10 * FRAMES
