"""`tandem check`, as an administrator types it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.material import desk_at, desk_with_agent

from tandem.cli import check as command
from tandem.cli.check_text import check_lines, summary
from tandem.cli.main import main
from tandem.clock import Clock
from tandem.node.preflight import ways
from tandem.node.preflight.finding import Finding, failed, passed, unchecked, warned
from tandem.node.settings import NodeSettings

ALL = [
    passed("clock", "The clock is kept right."),
    warned("watchdog", "This machine has no watchdog.", "Load its driver."),
    failed("volumes", "/srv/video1 is not there.", "Mount the disk."),
    unchecked("links", "This machine is no node yet."),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[NodeSettings | None, bool]]:
    """How the machine was looked at; what is found is `ALL`."""
    calls = []

    def check_machine(
        settings: NodeSettings | None, clock: Clock, *, agent_runs: bool
    ) -> Sequence[Finding]:
        calls.append((settings, agent_runs))
        return ALL

    monkeypatch.setattr(command, "check_machine", check_machine)
    return calls


def test_the_worst_comes_first_each_with_what_to_do() -> None:
    assert summary(ALL) == "1 check failed, 1 warning, 1 check passed, 1 could not be made."
    assert list(check_lines(ALL)) == [
        "",
        "Fails",
        "  - volumes: /srv/video1 is not there.",
        "    Mount the disk.",
        "",
        "Warnings",
        "  - watchdog: This machine has no watchdog.",
        "    Load its driver.",
        "",
        "Not checked",
        "  - links: This machine is no node yet.",
        "",
        "Passes",
        "  - clock: The clock is kept right.",
    ]


def test_before_installation_the_machine_alone_is_checked(
    tmp_path: Path, asked: list[tuple[NodeSettings | None, bool]]
) -> None:
    result = CliRunner().invoke(main, ["check", "--settings", str(tmp_path / "node.toml")])
    assert result.exit_code == 1, result.output
    assert asked == [(None, False)]


def test_warnings_alone_are_exit_status_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "check_machine", lambda *_, **__: ALL[:2])
    result = CliRunner().invoke(main, ["check", "--settings", str(tmp_path / "node.toml")])
    assert result.exit_code == 0, result.output


def test_a_node_whose_agent_does_not_run_says_so(
    tmp_path: Path, asked: list[tuple[NodeSettings | None, bool]]
) -> None:
    result = desk_at(tmp_path).run("check", "--json")
    document = json.loads(result.output)
    assert (result.exit_code, document["verdict"]) == (1, "fail")
    assert document["findings"][-1]["evidence"].startswith("No node runs here.")
    assert [(it is not None, runs) for it, runs in asked] == [(True, False)]


def test_with_its_agent_running_that_one_checks_all_nodes(
    tmp_path: Path, asked: list[tuple[NodeSettings | None, bool]]
) -> None:
    with desk_with_agent(tmp_path) as desk:
        desk.agent.findings = [replace(ALL[2], node="node7").document()]
        result = desk.run("check")
    assert "  - node7, volumes: /srv/video1 is not there." in result.output.splitlines()
    assert (result.exit_code, asked) == (1, [])


def test_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text("node = 7")
    result = CliRunner().invoke(main, ["check", "--settings", str(tmp_path / "node.toml")])
    assert result.exit_code == 1
    assert "node.toml" in result.output


def test_a_wrong_option_is_exit_status_2() -> None:
    assert CliRunner().invoke(main, ["check", "--quick"]).exit_code == 2


def test_between_two_machines_only_the_way_is_measured(
    asked: list[tuple[NodeSettings | None, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def check_ways(machines: Sequence[str], clock: Clock) -> Sequence[Finding]:
        called.append(machines)
        return [passed("ways", "The way is well.")]

    monkeypatch.setattr(command, "check_ways", check_ways)
    result = CliRunner().invoke(main, ["check", "--peer", "10.0.1.2", "--peer", "fd00::2"])
    assert (result.exit_code, called, asked) == (0, [("10.0.1.2", "fd00::2")], [])


@pytest.mark.parametrize(
    "wrong", [["--peer", "server2"], ["--listen", "--peer", "10.0.1.2"]], ids=" ".join
)
def test_what_is_no_way_is_exit_status_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(main, ["check", *wrong]).exit_code == 2


def test_who_listens_says_what_to_do_on_the_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def listen(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ways, "listen", listen)
    result = CliRunner().invoke(main, ["check", "--listen"])
    assert result.exit_code == 0, result.output
    assert "tandem check --peer" in result.output
