"""`tandem decisions replay`: the same comes of the same, and what differs is shown."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cluster.plan.golden import NOW_US, SITUATIONS, read

from tandem.cli.main import main
from tandem.cluster.model import Camera, Node, Protection
from tandem.cluster.placement import View
from tandem.cluster.plan.saved import CameraInput, Decision

AT = "2001-09-09T01:46:40.000000Z"


def of_cameras() -> Decision:
    nodes = tuple(Node(name, (), 1000, 1000, 100) for name in ("n1", "n2", "n3"))
    gate = Camera("gate", "gate", (), Protection.HOT, 4.0)
    made_from = CameraInput(View(nodes, {}), (gate,))
    return Decision(made_from, tuple(made_from.outcome()), "0.1.0", "n1", NOW_US)


def of_resources() -> Decision:
    made_from, _ = read(SITUATIONS / "a_group_moves_as_one_and_stops_in_reverse.toml")
    return Decision(made_from, tuple(made_from.outcome()), "0.1.0", "n2", NOW_US)


def replay(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["decisions", "replay", str(path), *options])


def saved(path: Path, decision: Decision) -> Path:
    path.write_bytes(gzip.compress(decision.encode()))
    return path


def test_a_decision_that_is_repeated_says_so_and_shows_the_plan(tmp_path: Path) -> None:
    done = replay(saved(tmp_path / "d.json.gz", of_cameras()))
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "gate: n1 n2 n3 (generation 1)",
        "    n1 is primary: it has most room",
        "    n2 is second: it has most room",
        "    n3 is follower: it has most room",
        f"1 camera, planned by node n1 at {AT} with Tandem 0.1.0: the same is planned now.",
    ]


def test_a_decision_of_resources_is_repeated_as_well_and_need_not_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_bytes(of_resources().encode())
    done = replay(path)
    assert done.exit_code == 0
    assert "n1 > stop addr, once web has stopped on n1\n" in done.stdout
    assert "2 resources, planned by node n2 at" in done.stdout


def test_what_differs_is_shown_line_by_line(tmp_path: Path) -> None:
    decision = of_cameras()
    told = ("gate: n2 n1 n3 (generation 1)", *decision.outcome[1:])
    done = replay(saved(tmp_path / "d.json.gz", replace(decision, outcome=told)))
    assert done.exit_code == 1
    assert "-gate: n2 n1 n3 (generation 1)\n+gate: n1 n2 n3 (generation 1)\n" in done.stdout
    assert done.stdout.endswith("SOMETHING ELSE is planned now.\n")


def test_json_tells_both(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.json.gz", of_cameras())
    told = json.loads(replay(path, "--json").stdout)
    assert (told["version"], told["same"], told["difference"]) == (1, True, [])
    assert told["outcome"][0] == "gate: n1 n2 n3 (generation 1)"
    saved(path, replace(of_cameras(), outcome=("gate: n9",)))
    done = replay(path, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["same"] is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no JSON", "It is not JSON"),
        (b'{"version": 9}', 'It is no JSON object with "version": 1'),
        (b'{"version": 1, "input": {}}', "What the file holds of the input lacks 'of'"),
        (b'{"version": 1, "input": {"of": "weather"}}', "It is a decision of weather"),
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], "cannot be read"),  # a case has one name
    ],
)
def test_what_is_no_decision_is_refused_in_words(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_bytes(content)
    done = replay(path)
    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
