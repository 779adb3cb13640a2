"""`tandem fence` and `tandem node confirm-off`: what is entered, tried, and refused."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.material import PASSWORD, Desk, desk_with_agent
from tests.node.control.material import node
from tests.node.fencing.agents import METADATA, Agents

from tandem.cli import confirm_off, fence_material
from tandem.cli.status_text import status_lines
from tandem.cluster.keys import FENCING, SESSIONS
from tandem.cluster.model import Session, SessionState
from tandem.node.control.merge import Answer
from tandem.node.store.model import Put, Transaction

LOOKED_FOR = 'echo "$0 $*" >>$log.arguments; env >>$log.arguments\n'


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agents:
    (tmp_path / "agents").mkdir()
    agents = Agents(tmp_path / "agents")
    monkeypatch.setattr(fence_material, "DIRECTORIES", agents.places)
    monkeypatch.setattr(confirm_off, "WATCHED_S", 0.0)
    agents.write()
    return agents


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_agent(tmp_path) as desk:
        desk.agent.others = {"node2": Answer(None, "node2 does not answer.", None)}
        yield desk


def add(desk: Desk, *more: str, **given: str) -> None:
    result = desk.run("fence", "add", "node2", "--agent", "fence_test", *OPTION, *more, **given)
    assert result.exit_code == 0, result.output


OPTION = ("--option", "ip=192.0.2.9")


def stored(desk: Desk) -> str:
    entry = desk.agent.fake.keys.get(FENCING + "node2")
    assert entry is not None
    return entry.value.decode()


def session(desk: Desk, state: SessionState = SessionState.EVICTED, node_id: str = "node2") -> None:
    one = Session(7, 42, "n", state, began=3, seen=5)
    put = Put(SESSIONS + node_id, one.encode())
    desk.agent.fake.keys.transact(Transaction(success=(put,)))


def session_now(desk: Desk) -> Session:
    entry = desk.agent.fake.keys.get(SESSIONS + "node2")
    assert entry is not None
    return Session.decode("node2", entry.value)


def hearing(desk: Desk, *, suspected: bool) -> None:
    desk.agent.own = node(peers=[{"node_id": "node2", "suspected": suspected, "links": []}])


# --- add, list, remove --------------------------------------------------------------------------


def test_a_device_is_entered_listed_and_removed(desk: Desk, agents: Agents) -> None:
    add(desk, "--password-file", desk.file("pw", f"{PASSWORD}\nmore\n"), "--reboot")
    assert "fence_test" in desk.run("fence", "list").stdout
    (level,) = json.loads(desk.run("fence", "list", "--json").stdout)["nodes"]["node2"]["levels"]
    (device,) = level["devices"]
    assert device["options"] == {"ip": "192.0.2.9"}
    assert device["action"] == "reboot"
    assert desk.run("fence", "remove", "node2").exit_code == 0
    assert json.loads(desk.run("fence", "list", "--json").stdout)["nodes"] == {}


def test_nodes_without_a_device_are_listed_as_such(desk: Desk, agents: Agents) -> None:
    lines = desk.run("fence", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["node1", "-", "none"],
        ["node2", "-", "none"],
    ]


def test_devices_stand_side_by_side_or_one_after_the_other(desk: Desk, agents: Agents) -> None:
    add(desk)
    add(desk, "--level", "1")
    add(desk)
    levels = json.loads(stored(desk))["levels"]
    assert [len(level["devices"]) for level in levels] == [2, 1]
    assert desk.run("fence", "remove", "node2", "--level", "1").exit_code == 0
    assert [len(level["devices"]) for level in json.loads(stored(desk))["levels"]] == [1]
    hole = desk.run("fence", "add", "node2", "--agent", "fence_test", *OPTION, "--level", "5")
    assert hole.exit_code == 1
    assert "would leave a hole" in hole.output


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (["--agent", "fence_test", "--option", "host=x"], "has no option 'host'", 1),
        (["--agent", "fence_test"], "needs the option 'ip'", 1),
        (["--agent", "fence_lost", *OPTION], "fence_lost is not installed", 1),
        (["--agent", "rm", *OPTION], "not the name of a fence agent", 2),
        (["--agent", "fence_test", "--option", "ip"], "NAME=VALUE", 2),
        (["--agent", "fence_test", "--option", "action=on"], "set by Tandem", 2),
        (["--agent", "fence_test", *OPTION, "--option", "lanplus=so"], "is 1 or 0", 1),
    ],
)
def test_what_would_fail_in_the_night_is_refused_when_it_is_entered(
    desk: Desk, agents: Agents, arguments: list[str], said: str, status: int
) -> None:
    result = desk.run("fence", "add", "node2", *arguments)
    assert result.exit_code == status
    assert said in " ".join(result.output.split())
    assert desk.agent.fake.keys.get(FENCING + "node2") is None


def test_a_node_that_is_none_gets_no_device(desk: Desk, agents: Agents) -> None:
    result = desk.run("fence", "add", "node9", "--agent", "fence_test", *OPTION)
    assert result.exit_code == 1
    assert "There is no node 'node9'" in result.output


def test_the_status_tells_by_what_each_node_is_fenced_once_there_is_any() -> None:
    own: dict[str, object] = {"asked_node": "node1", "links": [], "cameras": [], "problems": []}
    nodes = {it: {"status": None, "problem": "It is off."} for it in ("node1", "node2")}
    own |= {"nodes": nodes, "cluster_number": 1, "at_us": 0, "concerns": []}
    assert "Fenced" not in "".join(status_lines({**own, "fencing": {}}))
    assert "Fenced" not in "".join(status_lines({**own, "fencing": None}))
    said = list(status_lines({**own, "fencing": {"node2": ["fence_apc", "fence_apc"]}}))
    assert "  Fenced: node1 by nothing; node2 by fence_apc." in said


def test_a_node_that_asks_tells_the_agents_by_node(desk: Desk, agents: Agents) -> None:
    add(desk)
    assert asyncio.run(desk.agent.fencing.by_node()) == {"node2": ["fence_test"]}


# --- secrets ------------------------------------------------------------------------------------


def test_a_password_is_taken_from_no_argument_and_not_repeated(desk: Desk, agents: Agents) -> None:
    result = desk.run(
        "fence", "add", "node2", "--agent", "fence_test", "--option", f"password={PASSWORD}"
    )
    assert result.exit_code == 2
    assert "--password-file" in result.output
    assert PASSWORD not in result.output


def test_a_password_is_in_the_agents_input_and_nowhere_else(
    desk: Desk, agents: Agents, caplog: pytest.LogCaptureFixture
) -> None:
    agents.write(body=LOOKED_FOR + f"echo denied: {PASSWORD}; exit 1\n")
    typed = desk.run(
        "fence",
        "add",
        "node2",
        "--agent",
        "fence_test",
        *OPTION,
        "--ask-password",
        given=f"{PASSWORD}\n",
    )
    assert typed.exit_code == 0
    said = [
        typed.output,
        *(desk.run("fence", *it).output for it in (["list"], ["list", "--json"])),
        *(desk.run("fence", "test", "node2", *it).output for it in ([], ["--json"])),
        desk.run("fence", "test", "node2", "--really-off", "--yes").output,
        stored(desk),
        caplog.text,
        (agents.directory / "fence_test.log.arguments").read_text(),
    ]
    assert f"password={PASSWORD}" in agents.told()
    assert not [text for text in said if PASSWORD in text]


def test_another_secret_comes_from_a_file(desk: Desk, agents: Agents) -> None:
    xml = METADATA.replace('"password"', '"snmp_priv_passwd"')
    (agents.directory / "fence_test.xml").write_text(xml)
    add(desk, "--secret", f"snmp_priv_passwd={desk.file('key', 'k3y')}")
    assert desk.run("fence", "test", "node2").exit_code == 0
    assert "snmp_priv_passwd=k3y" in agents.told()


# --- test ---------------------------------------------------------------------------------------


def test_a_trial_asks_and_switches_nothing(desk: Desk, agents: Agents) -> None:
    add(desk)
    result = desk.run("fence", "test", "node2")
    assert result.exit_code == 0
    assert "level 1: ok: fence_test at 192.0.2.9 answers: the node is on." in result.output
    assert "Asked from node1" in result.output
    assert agents.asked() == ["status"]


def test_a_device_that_calls_a_node_off_that_is_heard_fails_its_trial(
    desk: Desk, agents: Agents
) -> None:
    agents.write(body="exit 2\n")
    add(desk)
    assert desk.run("fence", "test", "node2").exit_code == 0
    hearing(desk, suspected=False)
    result = desk.run("fence", "test", "node2", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["trials"][0]["finding"] == "wrong_node"


def test_a_node_is_really_switched_off_only_after_asking(desk: Desk, agents: Agents) -> None:
    add(desk)
    assert desk.run("fence", "test", "node2", "--really-off", given="n\n").exit_code == 1
    assert agents.asked() == []
    result = desk.run("fence", "test", "node2", "--really-off", given="y\n")
    assert "is confirmed off" in result.output
    assert agents.asked() == ["off", "status"]


def test_a_device_that_does_not_switch_is_told(desk: Desk, agents: Agents) -> None:
    agents.write(body="exit 0\n")
    add(desk, "--timeout", "1")
    result = desk.run("fence", "test", "node2", "--really-off", "--yes")
    assert result.exit_code == 1
    assert "the node is on" in result.output


def test_a_node_does_not_switch_itself_off(desk: Desk, agents: Agents) -> None:
    added = desk.run("fence", "add", "node1", "--agent", "fence_test", *OPTION)
    assert added.exit_code == 0
    result = desk.run("fence", "test", "node1", "--really-off", "--yes")
    assert result.exit_code == 2
    assert agents.asked() == []


# --- confirm-off --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "epoch"),
    [(SessionState.EVICTED, 7), (SessionState.LIVE, 8), (SessionState.OFF, 7)],
)
def test_the_operators_word_makes_a_node_count_as_off(
    desk: Desk, agents: Agents, state: SessionState, epoch: int
) -> None:
    session(desk, state)
    result = desk.run("node", "confirm-off", "node2", given="node2\n")
    assert result.exit_code == 0, result.output
    now = session_now(desk)
    assert (now.state, now.epoch, now.counter) == (SessionState.OFF, epoch, 42)


def test_the_name_has_to_be_typed_as_it_is(desk: Desk, agents: Agents) -> None:
    session(desk)
    assert desk.run("node", "confirm-off", "node2", given="node1\n").exit_code == 1
    assert session_now(desk).state is SessionState.EVICTED


def test_a_node_that_is_heard_is_not_off_whatever_is_said(desk: Desk, agents: Agents) -> None:
    session(desk)
    hearing(desk, suspected=False)
    result = desk.run("node", "confirm-off", "node2", "--yes-it-is-off")
    assert result.exit_code == 1
    assert "is heard: it is on" in result.output
    assert session_now(desk).state is SessionState.EVICTED


def test_a_node_that_another_one_hears_is_not_off(desk: Desk, agents: Agents) -> None:
    session(desk)
    peers = [{"node_id": "node2", "suspected": False, "links": []}]
    desk.agent.others["node3"] = Answer(node("node3", peers=peers), None, 0)
    assert desk.run("node", "confirm-off", "node2", "--yes-it-is-off").exit_code == 1
    assert session_now(desk).state is SessionState.EVICTED


def test_a_node_that_renews_its_session_meanwhile_is_not_off(
    desk: Desk, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(desk, SessionState.LIVE)
    monkeypatch.setattr(confirm_off, "pause", lambda: session(desk, SessionState.LIVE))
    result = desk.run("node", "confirm-off", "node2", "--yes-it-is-off")
    assert result.exit_code == 1
    assert "changed while you were asked" in " ".join(result.output.split())
    assert session_now(desk).state is SessionState.LIVE


def test_a_node_cannot_give_its_own_end_as_its_word(desk: Desk, agents: Agents) -> None:
    session(desk, node_id="node1")
    result = desk.run("node", "confirm-off", "node1", "--yes-it-is-off")
    assert result.exit_code == 1
    assert "is heard: it is on" in result.output
