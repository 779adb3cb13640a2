"""`tandem resource`: what is entered, what is refused, and what is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.material import Desk, desk_with_agent
from tests.node.agent.material import node as stored_node
from tests.node.control.material import NOW_US, node

from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.keys import NODES, ORDERS, OWNERS, RESOURCES, WISHES
from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.wish import decode_wish
from tandem.node.control.merge import Answer
from tandem.node.store.model import Put, Transaction

ADDRESS = ("--kind", "address", "--mode", "soft", "--option", "address=10.0.0.5")
PROCESS = ("--kind", "process", "--option", 'command=["/usr/bin/web", "-v"]')

TCP = ("--check", '{kind = "tcp", port = 80}')
SECRET_URL = "http://viewer:s3cr3t@127.0.0.1:80/h?key=s3cr3t"
HTTP = ("--check", f'{{kind = "http", url = "{SECRET_URL}", failures = 5}}')

BEGUN = "has not begun to run it"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_with_agent(tmp_path) as desk:
        for name in ("node1", "node2"):
            put(desk, NODES + name, stored_node(name).encode())
        desk.agent.others["node2"] = Answer(node("node2"), None, 0)
        yield desk


def put(desk: Desk, key: str, value: bytes) -> None:
    desk.agent.fake.keys.transact(Transaction(success=(Put(key, value),)))


def stored(desk: Desk, name: str) -> Resource:
    entry = desk.agent.fake.keys.get(RESOURCES + name)
    assert entry is not None
    return Resource.decode(name, entry.value)


def runs(desk: Desk, name: str, node_id: str, **changes: object) -> None:
    """A node says that it runs it, as it was ordered."""
    put(desk, ORDERS + name, Order(("node1", "node2"), 1, Mode.SOFT).encode())
    put(desk, OWNERS + name, Owner(node_id, 1, Hold.HELD, 1, 1).encode())
    word = {"resource": name, "phase": "running", "token": "1.7", "problem": None} | changes
    if node_id == "node1":
        desk.agent.own = node("node1", resources=[word])
    else:
        desk.agent.others[node_id] = Answer(node(node_id, resources=[word]), None, 0)


def said(text: str) -> str:
    return " ".join(text.split())


# --- Entering -----------------------------------------------------------------------------------


def test_a_resource_is_entered_with_what_was_typed(desk: Desk) -> None:
    done = desk.run(
        "resource", "add", "pages", *ADDRESS, "--option", "interface=eth0", "--prefer", "node2",
        "--failure-timeout", "5m", "--need", "kbps=2000", "--not-sticky", "--node", "node1",
        "--node", "node2",
    )  # fmt: skip
    assert (done.exit_code, done.output) == (
        0,
        "Resource 'pages' is entered, and will be started.\n",
    )
    assert stored(desk, "pages") == Resource(
        "pages",
        "address",
        Mode.SOFT,
        {"address": "10.0.0.5", "interface": "eth0"},
        nodes=("node1", "node2"),
        prefers=("node2",),
        sticky=False,
        needs={"kbps": 2000},
        failure_timeout_s=300,
    )


def test_a_mode_that_is_not_given_is_the_safe_one_and_lists_are_lists(desk: Desk) -> None:
    assert desk.run("resource", "add", "web", *PROCESS).exit_code == 0
    web = stored(desk, "web")
    assert (web.mode, web.options) == (Mode.STRICT, {"command": ["/usr/bin/web", "-v"]})


def test_a_file_enters_each_of_its_tables(desk: Desk) -> None:
    path = desk.file(
        "site.toml",
        '[vip]\nkind = "address"\nmode = "soft"\ngroup = "pages"\n'
        'options = { address = "10.0.0.5" }\n'
        '[web]\nkind = "process"\ngroup = "pages"\ngroup_place = 1\n'
        '[web.options]\ncommand = ["/usr/bin/web"]\n',
    )
    done = desk.run("resource", "add", "-f", path, "--json")
    assert sorted(json.loads(done.output)["resources"]) == ["vip", "web"]
    assert (stored(desk, "web").group_place, stored(desk, "vip").mode) == (1, Mode.SOFT)


def test_health_checks_are_entered_as_they_were_typed_or_stand_in_a_file(desk: Desk) -> None:
    assert desk.run("resource", "add", "web", *PROCESS, *TCP, *HTTP).exit_code == 0
    tcp = {"kind": "tcp", "port": 80}
    assert stored(desk, "web").checks == (tcp, {"kind": "http", "url": SECRET_URL, "failures": 5})
    path = desk.file(
        "site.toml",
        '[db]\nkind = "process"\noptions = { command = ["/usr/bin/db"] }\n'
        '[[db.checks]]\nkind = "tcp"\nport = 80\n'
        '[[db.checks]]\nkind = "command"\ncommand = ["/bin/ask", "-q"]\n',
    )
    assert desk.run("resource", "add", "-f", path).exit_code == 0
    asked = {"kind": "command", "command": ["/bin/ask", "-q"]}
    assert stored(desk, "db").checks == (tcp, asked)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ((*ADDRESS[:4], "--option", "address=10.0.0.5/24"), "address"),
        ((*ADDRESS, "--option", "adress=1"), "adress"),
        (("--kind", "adress"), "There is no kind of resource 'adress'. There are: address,"),
        ((*ADDRESS, "--node", "node7"), "nodes: there is no node 'node7'. There are: node1, node2"),
        ((*ADDRESS, "--zone", "east"), "zones: there is no zone 'east'."),
        (
            (*ADDRESS, "--node", "node1", "--prefer", "node2"),
            "prefers: 'node2' is not among its nodes (node1). Add it.",
        ),
        ((*ADDRESS, "--after", "db"), "after: there is no resource 'db'. Enter that one first."),
        ((*ADDRESS, "--apart", "new"), "apart: it names itself."),
        (
            ("--kind", "unit", "--option", "unit=db.service"),
            "Resource new would be strict, and nothing in the kernel ends it",
        ),
        (
            (*ADDRESS, *TCP, "--check", '{kind = "tcp"}'),
            "Resource new, check 2: port: write a whole number",
        ),
        ((*ADDRESS, "--check", "{}"), "Resource new, check 1: kind: write command, tcp or http."),
    ],
)
def test_what_could_not_run_is_refused_with_what_to_write(
    desk: Desk, typed: tuple[str, ...], why: str
) -> None:
    done = desk.run("resource", "add", "new", *typed)
    assert done.exit_code == 1
    assert why in said(done.output)
    assert desk.agent.fake.keys.get(RESOURCES + "new") is None


def test_an_operator_may_say_that_a_service_is_strict_without_a_last_line(desk: Desk) -> None:
    typed = ("--kind", "unit", "--option", "unit=db.service", "--unprotected")
    assert desk.run("resource", "add", "db", *typed).exit_code == 0
    assert stored(desk, "db").unprotected


def test_who_plans_is_no_resource_to_be_defined(desk: Desk) -> None:
    assert "Choose another name" in desk.run("resource", "add", "coordinator", *PROCESS).output


def test_one_address_is_one_resource_and_no_circle_is_entered(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    assert "'vip' is this address already" in desk.run("resource", "add", "two", *ADDRESS).output
    assert desk.run("resource", "add", "web", *PROCESS, "--after", "vip").exit_code == 0
    done = desk.run("resource", "edit", "vip", "--after", "web")
    assert done.exit_code == 1
    assert "waits for it" in said(done.output)


@pytest.mark.parametrize(
    "typed",
    [
        (),
        ("new",),
        ("new", *ADDRESS, "-f", "site.toml"),
        ("new", "--kind", "address", "--option", "address"),
        ("new", *ADDRESS, "--failure-timeout", "soon"),
        ("new", *ADDRESS, "--check", "tcp"),
        ("new", *ADDRESS, "--check", "{kind = tcp}"),
        ("-f", "missing.toml"),
    ],
)
def test_what_is_typed_wrongly_is_wrong_usage(desk: Desk, typed: tuple[str, ...]) -> None:
    assert desk.run("resource", "add", *typed).exit_code == 2


def test_what_is_there_is_not_entered_again(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    done = desk.run("resource", "add", "vip", *ADDRESS)
    assert done.exit_code == 1
    assert "is there already: tandem resource edit vip" in said(done.output)


# --- Changing -----------------------------------------------------------------------------------


def test_an_edit_changes_what_is_given_and_nothing_else(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS, "--prefer", "node1")
    assert desk.run("resource", "edit", "vip", "--option", "interface=eth1").exit_code == 0
    vip = stored(desk, "vip")
    assert vip.options == {"address": "10.0.0.5", "interface": "eth1"}
    assert vip.prefers == ("node1",)


def test_an_edit_gives_all_checks_anew_or_leaves_them_and_says_from_when_they_count(
    desk: Desk,
) -> None:
    desk.run("resource", "add", "vip", *ADDRESS, *HTTP)
    done = desk.run("resource", "edit", "vip", *TCP)
    assert "goes on as it was started: `disable` and `enable` start it anew" in said(done.output)
    desk.run("resource", "edit", "vip", "--prefer", "node1")
    assert stored(desk, "vip").checks == ({"kind": "tcp", "port": 80},)
    assert desk.run("resource", "edit", "vip", "--check", "tcp").exit_code == 2


def test_a_move_is_a_wish_with_an_end(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    assert desk.run("resource", "move", "vip", "node2", "--for", "2h").exit_code == 0
    entry = desk.agent.fake.keys.get(WISHES + "vip")
    assert entry is not None
    wish = decode_wish("vip", entry.value)
    assert (wish.node_id, wish.until_us - wish.made_us) == ("node2", 7200 * 1_000_000)
    assert desk.run("resource", "move", "vip", "node9").exit_code == 1
    assert desk.run("resource", "move", "none", "node2").exit_code == 1
    assert desk.run("resource", "move", "vip", "node2", "--for", "long").exit_code == 2


def test_what_is_disabled_is_kept_and_moves_nowhere(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    assert desk.run("resource", "disable", "vip").exit_code == 0
    assert not stored(desk, "vip").enabled
    assert "is disabled" in desk.run("resource", "move", "vip", "node2").output
    desk.run("resource", "enable", "vip")
    assert stored(desk, "vip").enabled


def test_what_others_need_is_not_removed(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    desk.run("resource", "add", "web", *PROCESS, "--after", "vip")
    done = desk.run("resource", "remove", "vip", "--yes")
    assert (done.exit_code, "web needs vip" in said(done.output)) == (1, True)
    assert desk.run("resource", "remove", "web", "--yes").exit_code == 0
    assert desk.run("resource", "remove", "vip", "--yes").exit_code == 0
    assert desk.agent.fake.keys.get(RESOURCES + "vip") is None


# --- What is told -------------------------------------------------------------------------------


def test_what_runs_is_listed_with_who_follows(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    runs(desk, "vip", "node1")
    lines = desk.run("resource", "list").output.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "MODE", "STATE", "ON", "NEXT", "MOVED"]
    assert lines[1].split() == ["vip", "address", "soft", "running", "node1", "node2", "-"]
    assert desk.run("status").exit_code == 0


def test_what_a_dead_node_held_is_not_called_running(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    runs(desk, "vip", "node2")
    desk.agent.others["node2"] = Answer(None, "node2 does not answer: it is off.", None)
    (it,) = json.loads(desk.run("resource", "list", "--json").output)["resources"]
    assert (it["state"], it["nodes"], it["held_by"]) == ("unknown", [], "node2")
    done = desk.run("status")
    assert done.exit_code == 3
    assert "Resource vip runs nowhere: node2 had it, and does not answer; node1 takes it over." in (
        said(done.output)
    )


def test_a_wanted_resource_that_runs_nowhere_is_a_problem_with_its_reason(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    assert "Resource vip runs nowhere: no node plans for it." in said(desk.run("status").output)
    says = "vip is stopped: node1 could not start vip; node2 lacks interface:eth0."
    plan = {"again_us": NOW_US, "resources": {"vip": {"says": says, "why": []}}}
    desk.agent.own = node("node1", plan=plan)
    told = said(desk.run("status").output)
    assert "Resource vip runs nowhere: node1 could not start vip; node2 lacks interface" in told
    desk.run("resource", "disable", "vip")
    assert desk.run("status").exit_code == 0, "what is not wanted is no problem"


def test_what_must_never_run_twice_and_could_is_named_in_plain_words(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    desk.run("resource", "add", "web", *PROCESS)
    unit = ("--kind", "unit", "--option", "unit=db.service", "--unprotected")
    desk.run("resource", "add", "db", *unit)
    told = said(desk.run("status").output)
    assert "Open to a paused machine: db, web. If the machine that runs it stands still" in told
    assert "Fence node1, node2 (`tandem fence add`), and never pause a node." in told
    assert "Unprotected: db. If its node hangs, nothing ends it there in time" in told
    for name in ("web", "db"):
        desk.run("resource", "disable", name)
    assert "paused machine" not in desk.run("status").output


def test_what_a_node_says_is_wrong_with_a_resource_is_told(desk: Desk) -> None:
    desk.run("resource", "add", "vip", *ADDRESS)
    runs(desk, "vip", "node1", problem="the kernel did not take the later deadline.")
    told = said(desk.run("resource", "show", "vip").output)
    assert "Resource vip on node1: the kernel did not take the later deadline." in told


def test_show_has_the_definition_and_no_value_of_its_environment(desk: Desk) -> None:
    typed = (*PROCESS, "--option", 'environment={PASSWORD="s3cr3t"}')
    desk.run("resource", "add", "web", *typed)
    runs(desk, "web", "node2")
    output = desk.run("resource", "show", "web").output
    assert "s3cr3t" not in output
    assert "environment=(PASSWORD)" in output
    assert "It is running on node2, with token 1.7." in output
    assert desk.run("resource", "show", "none").exit_code == 1


def test_show_has_the_checks_and_no_login_or_query_of_their_pages(desk: Desk) -> None:
    desk.run("resource", "add", "web", *PROCESS, *TCP, *HTTP)
    output = desk.run("resource", "show", "web").output
    assert "kind=tcp, port=80; kind=http, url=http://127.0.0.1:80/h, failures=5" in said(output)
    assert "s3cr3t" not in output
    assert "viewer" not in output


def test_show_says_which_check_failed_where_and_status_does_while_it_runs_nowhere(
    desk: Desk,
) -> None:
    desk.run("resource", "add", "web", *PROCESS, *TCP)
    reason = "its check 1 failed 3 times in a row: 127.0.0.1:80: Connection refused."
    runs(desk, "web", "node2", failure=reason)
    failed = f"The last time it failed on node2: {reason}"
    assert failed in said(desk.run("resource", "show", "web").output)
    assert failed not in said(desk.run("status").output), "it runs again"
    runs(desk, "web", "node2", phase="stopped", failure=reason)
    assert said(desk.run("resource", "show", "web").output).count(failed) == 1
    done = desk.run("status")
    assert done.exit_code == 3
    assert f"Resource web runs nowhere: it is to run on node1, which {BEGUN}. {failed}" in said(
        done.output
    )
