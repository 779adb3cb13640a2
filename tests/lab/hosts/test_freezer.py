"""Control groups of both versions, on whatever of them this machine has."""

import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.lab.hosts.freezer import HIERARCHIES, Group, groups_called, make_group

pytestmark = pytest.mark.lab("freezer")

_NAME = f"tandem-lab-test-{os.getpid()}"


@pytest.fixture(params=HIERARCHIES, ids=str)
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    group = make_group(_NAME, [request.param])
    if group is None:
        pytest.skip(f"{request.param} cannot freeze")
    try:
        yield group
    finally:
        if group.path.exists():
            group.remove()


def test_what_is_frozen_stands_still_and_goes_on_where_it_stood(group: Group) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as echo:
        group.add(echo.pid)
        assert group.processes() == [echo.pid]
        for _ in range(2):
            group.freeze()
        assert group.is_frozen()
        assert not _answers(echo, within_s=0.2)
        for _ in range(2):
            group.thaw()
        assert not group.is_frozen()
        assert _answers(echo, within_s=60)
        echo.kill()


def test_what_is_frozen_is_removed_with_all_that_is_below(group: Group) -> None:
    below = Group(group.path / "below")
    below.create()
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        below.add(sleeper.pid)
        below.freeze()
        group.remove()
        assert sleeper.wait(60) != 0
    assert not group.path.exists()


def test_a_hierarchy_that_cannot_freeze_is_passed_over(tmp_path: Path) -> None:
    hierarchies = [Path("/proc"), tmp_path, *HIERARCHIES]
    group = make_group(_NAME, hierarchies)
    assert group is not None
    assert group.path.parent in HIERARCHIES
    assert groups_called(_NAME, hierarchies) == [group]
    group.remove()
    assert make_group(_NAME, [tmp_path]) is None
    assert not any(tmp_path.iterdir())


def _answers(echo: "subprocess.Popen[bytes]", within_s: float) -> bool:
    assert echo.stdin is not None
    assert echo.stdout is not None
    echo.stdin.write(b"x")
    echo.stdin.flush()
    return bool(select.select([echo.stdout], [], [], within_s)[0])
