"""What root makes for the service belongs to the service."""

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from tandem.node.ownership import give_to_service, tree


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int, int, bool]]:
    """What was given, to whom, and whether links were followed."""
    calls: list[tuple[Path, int, int, bool]] = []

    def chown(path: Path, uid: int, gid: int, *, follow_symlinks: bool) -> None:
        calls.append((path, uid, gid, follow_symlinks))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(pwd, "getpwnam", lambda _: SimpleNamespace(pw_uid=990, pw_gid=980))
    return calls


def test_what_root_made_is_given_to_the_services_user(
    tmp_path: Path, given: list[tuple[Path, int, int, bool]]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "node.pem").touch()
    give_to_service(tree(tmp_path / "data"))
    assert [(path.name, uid, gid) for path, uid, gid, _ in given] == [
        ("data", 990, 980),
        ("node.pem", 990, 980),
    ]


def test_what_a_link_leads_to_keeps_its_owner(
    tmp_path: Path, given: list[tuple[Path, int, int, bool]]
) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    give_to_service(tree(tmp_path))
    assert not any(followed for *_, followed in given)


def test_who_is_not_root_gives_nothing_away(
    tmp_path: Path, given: list[tuple[Path, int, int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    give_to_service([tmp_path])
    assert not given


def test_without_the_service_root_keeps_what_it_made(
    tmp_path: Path, given: list[tuple[Path, int, int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", unknown)
    give_to_service([tmp_path])
    assert not given
