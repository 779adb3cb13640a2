"""What the store said last is there after a restart, or is told to be of no use."""

import logging
from pathlib import Path

import pytest
from tests.node.agent.material import camera, entry

from tandem.node.agent.memory import recall, remember


def test_what_was_remembered_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    remember(path, {"/k": entry("/k", camera().encode())})
    assert {key: it.value for key, it in recall(path).items()} == {"/k": camera().encode()}


def test_a_node_that_never_ran_remembers_nothing(tmp_path: Path) -> None:
    assert recall(tmp_path / "memory") == {}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}', b"\xff"])
def test_damage_is_told_and_costs_nothing_else(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "memory"
    path.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        assert recall(path) == {}
    assert str(path) in caplog.text


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    remember(path, {})
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_that_is_no_text_does_not_keep_the_others_from_being_remembered(
    tmp_path: Path,
) -> None:
    path = tmp_path / "memory"
    remember(path, {"/a": entry("/a", b"\xff"), "/k": entry("/k", camera().encode())})
    assert recall(path)["/k"].value == camera().encode()
