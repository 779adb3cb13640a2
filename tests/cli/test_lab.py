"""`tandem lab demo`: what its exit status says, and when the lab is taken down."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tandem.cli import lab as commands
from tandem.lab.cluster import LabCluster
from tandem.lab.hosts import LabError, LabStatus


class FakeLab:
    """Remembers whether it was taken down."""

    is_down = False

    def down(self) -> None:
        self.is_down = True

    def status(self) -> LabStatus:
        return LabStatus("lab", True, True, None, {})


class FakeCluster:
    """A cluster whose demonstration ends as the test says."""

    def __init__(self) -> None:
        self.lab = FakeLab()

    def last_words(self) -> str:
        return "agent on node1 said last: nothing"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster()
    monkeypatch.setattr(LabCluster, "up", lambda *_: made)
    return made


def demo(monkeypatch: pytest.MonkeyPatch, place: Path, outcome: Any, *options: str) -> Result:
    def run(*_: object) -> bool:
        if isinstance(outcome, BaseException):
            raise outcome
        return bool(outcome)

    monkeypatch.setattr(commands, "run_demo", run)
    arguments = ["demo", "--directory", str(place), *options]
    return CliRunner().invoke(commands.lab, arguments)


@pytest.mark.parametrize(("is_exact", "status"), [(True, 0), (False, 1)])
def test_a_lost_picture_is_a_failure(
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_exact: bool,
    status: int,
) -> None:
    result = demo(monkeypatch, tmp_path, is_exact)
    assert result.exit_code == status
    assert ("exactly once" in result.output) == is_exact
    assert cluster.lab.is_down


def test_a_lab_that_is_to_stay_stays(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = demo(monkeypatch, tmp_path, True, "--keep")
    assert result.exit_code == 0
    assert f"lab down --directory {tmp_path}" in result.output
    assert not cluster.lab.is_down


def test_ctrl_c_takes_even_a_lab_down_that_was_to_stay(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = demo(monkeypatch, tmp_path, KeyboardInterrupt(), "--keep")
    assert (result.exit_code, cluster.lab.is_down) == (130, True)


def test_what_did_not_come_about_is_told_with_the_ends_of_the_logs(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = demo(monkeypatch, tmp_path, LabError("It did not."))
    assert (result.exit_code, cluster.lab.is_down) == (1, True)
    assert "It did not." in result.output
    assert "agent on node1 said last" in result.output


@pytest.mark.parametrize("window", ["5x", "-1s", "soon"])
def test_a_window_that_is_no_duration_is_refused(window: str, tmp_path: Path) -> None:
    arguments = ["up", "--window", window, "--directory", str(tmp_path)]
    result = CliRunner().invoke(commands.lab, arguments)
    assert result.exit_code == 2
    assert "no duration" in result.output
