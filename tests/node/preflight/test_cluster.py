"""What is judged of all nodes together."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.control.material import NOW_US, PlayedAgent, node
from tests.node.test_tls import Files

from tandem.clock import SystemClock
from tandem.node.archivist.view import Address
from tandem.node.control.agreed import Agreed
from tandem.node.control.composed import Known
from tandem.node.control.merge import Answer
from tandem.node.control.service import serve_links
from tandem.node.preflight import checking, cluster
from tandem.node.preflight.checking import Checking, samples
from tandem.node.preflight.clocks import Sample
from tandem.node.preflight.finding import Finding, Level, failed, passed
from tandem.node.settings import NodeSettings, parse_settings
from tandem.node.tls import client_context, server_context

Json = dict[str, Any]


def end(**changes: Any) -> Json:
    measured = {"round_trip_us": 400, "usual_round_trip_us": 400, "loss": 0.0, "loss_there": 0.0}
    return {"link": "a", "inbound": True, "outbound": True, **measured, **changes}


def status(peer: str, **changes: Any) -> Json:
    return {"release": "1.0", "peers": [{"node_id": peer, "links": [end(**changes)]}]}


@pytest.mark.parametrize(
    ("changes", "level", "why"),
    [
        ({}, Level.PASS, "is up, 0.4 ms there and back, 0.0% lost on the way to n1, 0.0% lost"),
        ({"loss": 0.2}, Level.WARN, "Link a loses 20.0% of what n2 sends to n1."),
        ({"inbound": False}, Level.FAIL, "n1 hears nothing of n2 on link a"),
        ({"inbound": False, "outbound": False}, Level.FAIL, "between n1 and n2 is down."),
    ],
)
def test_a_link_is_judged_by_its_heartbeats(changes: Json, level: Level, why: str) -> None:
    statuses = {"n1": status("n2", **changes), "n2": status("n1")}
    (found,) = cluster.judge_links(statuses)
    assert found.level is level
    assert why in found.evidence
    assert bool(found.remedy) is (level is not Level.PASS)


def test_a_node_that_does_not_answer_fails() -> None:
    (found,) = cluster.judge_nodes({"n1": None, "n2": "n2 does not answer: no route."})
    assert (found.level, found.evidence) == (Level.FAIL, "n2 does not answer: no route.")
    (found,) = cluster.judge_nodes({"n1": None, "n2": None})
    assert (found.level, found.evidence) == (Level.PASS, "All 2 nodes answer.")


MEMBER = {"name": "n1", "leader": True, "version": "3.4.23", "alarms": [], "problem": None}


@pytest.mark.parametrize(
    ("store", "level", "why"),
    [
        ({"members": [MEMBER]}, Level.PASS, "1 members, led by n1: etcd 3.4.23."),
        ({"members": [MEMBER | {"leader": False}]}, Level.FAIL, "no leader"),
        ({"members": [MEMBER | {"alarms": ["NOSPACE"]}]}, Level.FAIL, "raises an alarm: NOSPACE"),
        ({"members": [MEMBER | {"problem": "no answer"}]}, Level.FAIL, "Member n1: no answer."),
        ({"members": [MEMBER, MEMBER | {"version": "3.5.1"}]}, Level.WARN, "different releases"),
        ({"members": [], "problem": "Nobody leads."}, Level.FAIL, "Nobody leads."),
    ],
)
def test_the_store(store: Json, level: Level, why: str) -> None:
    found = list(cluster.judge_store(store))
    assert [it for it in found if it.level is level and why in it.evidence], found


def test_releases_of_nodes_that_answer_are_compared() -> None:
    (found,) = cluster.judge_releases(
        {"n1": {"release": "1.0"}, "n2": {"release": "2"}, "n3": None}
    )
    assert "n1 1.0, n2 2." in found.evidence


def test_each_answer_that_tells_the_time_is_a_sample() -> None:
    first = (10, {"n2": Answer({}, None, 500, 20), "n3": Answer(None, "silent", None)})
    last = (90, {"n2": Answer({}, None, 700, 30)})
    assert samples(first, last) == {"n2": [Sample(10, 500, 20), Sample(90, 700, 30)]}


# --- An agent's part -----------------------------------------------------------------------------

SETTINGS = parse_settings(
    'node = "node1"\ncluster = 4711\n[[links]]\nname = "a"\naddress = "127.0.0.1"\n'
)
OWN = passed("clock", "The clock of node1 is kept right.")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose machine was looked at."""
    found = []

    def check_machine(settings: NodeSettings, clock: object, *, agent_runs: bool) -> list[Finding]:
        assert agent_runs
        found.append(settings.node_id)
        return [OWN]

    monkeypatch.setattr(checking, "check_machine", check_machine)
    return found


async def fences() -> Json:
    return {"nodes": {"node2": {}}}


@in_a_loop
async def test_all_nodes_are_asked_and_each_finding_names_its_node(
    tmp_path: Path, looks: list[str]
) -> None:
    files, other, strange = Files(tmp_path, "ca"), PlayedAgent(), PlayedAgent()
    full = failed("volumes", "The disk is full.", "Empty it.")
    other.own = node("node2", at_us=SystemClock().utc_us())
    other.findings = [full.document() | {"node": "node2"}]
    strange.own, strange.findings = node("node3"), [{"check": "of another release"}]
    asks = client_context(files.authority, files.node("node1"))
    here = Address("127.0.0.1", 0)
    async with (
        serve_links(other, [here], server_context(files.authority, files.node("node2"))) as second,
        serve_links(strange, [here], server_context(files.authority, files.node("node3"))) as third,
    ):
        known = Known(
            status=lambda: node("node1"),
            word=dict,
            agreed=Agreed,
            others=lambda: {"node2": second, "node3": third, "node4": []},
        )
        checks = Checking(SETTINGS, known, asks, SystemClock(), fences)
        document = await checks.whole()
    found = [Finding.read(it) for it in document["findings"]]
    assert (document["verdict"], document["node_id"], looks) == ("fail", "node1", ["node1"])
    assert found[0] == OWN
    assert {(it.node, it.level) for it in found if it.node} == {
        ("node2", Level.FAIL),
        ("node3", Level.UNCHECKED),
        ("node4", Level.UNCHECKED),
    }
    assert [it for it in found if it.evidence.startswith("node4 does not answer")]
    assert [it for it in found if it.check == "clock" and "node2" in it.evidence]
    assert "There is no fence device for node1, node3, node4." in [it.evidence for it in found]
    assert json.dumps(document)


@in_a_loop
async def test_two_who_ask_at_once_get_one_look(tmp_path: Path, looks: list[str]) -> None:
    """Other nodes ask on every link; the disk is measured once."""
    files = Files(tmp_path, "ca")
    asks = client_context(files.authority, files.node("node1"))
    known = Known(lambda: {"at_us": NOW_US}, dict, Agreed, dict)
    checks = Checking(SETTINGS, known, asks, SystemClock(), fences)
    first, second = checks.machine(), checks.machine()
    documents = await asyncio.gather(first, second)
    assert documents[0]["findings"] == documents[1]["findings"] == [OWN.document()]
    assert looks == ["node1"]
    await checks.machine()
    assert looks == ["node1", "node1"]  # who asks later wants to know how it is now
