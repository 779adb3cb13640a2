"""`tandem node`: what a node is told, and what is waited for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.material import Desk, desk_with_agent
from tests.node.agent.material import node as stored_node
from tests.node.control.material import camera, node, stream

from tandem.cli import node as commands
from tandem.cli.emptying import left_on
from tandem.cluster.intent import Intent
from tandem.cluster.keys import INTENTS, NODES, ORDERS, RESOURCES
from tandem.cluster.model import Protection
from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Service
from tandem.node.control.client import ControlClient
from tandem.node.control.merge import Answer
from tandem.node.store.model import Put, Transaction


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name, value in (("LOOK_S", 0.01), ("SETTLED_S", 0.05), ("PATIENCE_S", 0.1)):
        monkeypatch.setattr(commands, name, value)
    with desk_with_agent(tmp_path) as desk:
        for name in ("node1", "node2", "node3"):
            put = Put(NODES + name, stored_node(name).encode())
            desk.agent.fake.keys.transact(Transaction(success=(put,)))
            desk.agent.others[name] = Answer(node(name), None, 0)
        del desk.agent.others["node1"]
        yield desk


def service(desk: Desk, name: str) -> Service | None:
    entry = desk.agent.fake.keys.get(INTENTS + name)
    return Intent.decode(name, entry.value).service if entry else None


def records(desk: Desk, *nodes: str) -> None:
    """Each of them records the camera, and no other does."""
    for name in ("node2", "node3"):
        streams = [stream()] if name in nodes else []
        desk.agent.others[name] = Answer(node(name, streams), None, 0)
    desk.agent.own = node("node1", [stream()] if "node1" in nodes else [])


def test_a_node_without_cameras_is_empty_at_once(desk: Desk) -> None:
    done = desk.run("node", "drain", "node2")
    assert (done.exit_code, service(desk, "node2")) == (0, Service.DRAINING)
    assert done.output == "Node node2 is drained, and empty: nothing runs or is recorded on it.\n"


def test_what_a_node_records_until_others_do_is_waited_for_and_told(desk: Desk) -> None:
    desk.agent.store(camera(), "node1", "node3")
    records(desk, "node1", "node2")
    done = desk.run("node", "drain", "node2")
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert "1 camera still recorded on node2 ..." in said
    assert "Node node2 is drained, and not empty." in said
    assert "Camera gate: recorded on node2 until another node is seen to record it." in said


def test_a_copy_that_is_not_whole_elsewhere_yet_is_waited_for(desk: Desk) -> None:
    desk.agent.store(camera(), "node1", "node3")
    records(desk, "node1", "node3")
    healing = node("node3", [stream()])
    healing["archivist"]["state"] = {"cameras": {"gate": {"problem": "node1 does not answer"}}}
    desk.agent.others["node3"] = Answer(healing, None, 0)
    document = ControlClient(desk.directory / "data" / "agent.sock").status()
    assert left_on(document, "node2", {"gate"}).copying == ("gate",)
    assert left_on(document, "node2", {"yard"}).is_nothing, "what it never had is no reason to wait"


def test_what_no_other_node_can_take_stays_and_is_told(desk: Desk) -> None:
    desk.agent.store(camera(), "node1", "node2")
    del desk.agent.others["node3"]
    records(desk, "node1", "node2")
    del desk.agent.others["node3"]
    done = desk.run("node", "drain", "node2", "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["staying"], document["copying"]) == (1, ["gate"], [])
    told = " ".join(desk.run("node", "drain", "node2").output.split())
    assert "no other node for this copy" in told


def test_in_maintenance_a_second_copy_that_stays_keeps_nobody_from_switching_off(
    desk: Desk,
) -> None:
    desk.agent.store(camera(), "node1", "node2")
    records(desk, "node1", "node2")
    del desk.agent.others["node3"]
    done = desk.run("node", "maintenance", "node2")
    assert (done.exit_code, service(desk, "node2")) == (0, Service.MAINTENANCE)
    assert "in maintenance, and may be switched off" in done.output
    assert "Without it, a failure loses pictures" in " ".join(done.output.split())


def test_the_only_copy_is_no_reason_to_say_that_a_node_may_be_switched_off(desk: Desk) -> None:
    desk.agent.store(camera(protection=Protection.FAILOVER), "node2")
    records(desk, "node2")
    desk.agent.others = {"node2": desk.agent.others["node2"]}
    done = desk.run("node", "maintenance", "node2")
    assert done.exit_code == 1, "node1 could record it, and does not yet"


def test_a_resource_that_still_runs_there_is_waited_for_and_named(desk: Desk) -> None:
    vip = Resource("vip", "address", Mode.SOFT, {"address": "10.0.0.5"})
    order = Order(("node2", "node1"), 1, Mode.SOFT)
    put = (Put(RESOURCES + "vip", vip.encode()), Put(ORDERS + "vip", order.encode()))
    desk.agent.fake.keys.transact(Transaction(success=put))
    runs = {"resource": "vip", "phase": "running", "token": "1.7", "problem": None}
    desk.agent.others["node2"] = Answer(node("node2", resources=[runs]), None, 0)
    done = desk.run("node", "drain", "node2")
    assert (done.exit_code, "vip still running there ..." in done.output) == (1, True)
    says = (
        "vip runs on node2; it is not moved: node2 is being drained, and no other node can run it."
    )
    plan = {"again_us": None, "resources": {"vip": {"says": says, "why": []}}}
    desk.agent.own = node("node1", plan=plan)
    document = json.loads(desk.run("node", "drain", "node2", "--json").stdout)
    assert document["pinned"] == ["vip"]
    told = desk.run("node", "drain", "node2").output
    assert "Resource vip runs on node2 still: no other node can run it." in told
    last = Order(("node1",), 2, Mode.SOFT)
    desk.agent.fake.keys.transact(Transaction(success=(Put(ORDERS + "vip", last.encode()),)))
    desk.agent.others["node2"] = Answer(node("node2"), None, 0)
    assert desk.run("node", "drain", "node2").exit_code == 0


def test_a_node_that_is_resumed_is_as_usual(desk: Desk) -> None:
    desk.run("node", "drain", "node2")
    assert desk.run("node", "resume", "node2").exit_code == 0
    assert service(desk, "node2") is None
    assert desk.run("node", "resume", "node2").exit_code == 0, "again"


def test_drained_and_silent_nodes_are_shown_as_that(desk: Desk) -> None:
    desk.agent.others["node3"] = Answer(None, "node3 does not answer: it is off.", None)
    desk.run("node", "drain", "node2")
    desk.run("node", "maintenance", "node3", "--no-wait")
    lines = desk.run("node", "list").output.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["NODE", "node1", "node2", "node3"]
    assert "drained; well" in lines[2]
    assert "in maintenance; does not answer" in lines[3]
    told = desk.run("node", "drain", "node3").output
    assert "node3 is drained, and does not answer" in told


def test_a_node_that_is_not_there_cannot_be_drained(desk: Desk) -> None:
    done = desk.run("node", "drain", "nodeX")
    assert done.exit_code == 1
    assert "There is no node 'nodeX'. `tandem node list` has them all." in done.output
