"""Recorders that start at once bring a volume into service one after the other."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.archive.material import CLUSTER, VOLUME, create

from tandem.archive import turn
from tandem.archive.errors import VolumeBusyError
from tandem.archive.mount import mount
from tandem.archive.turn import turn_at
from tandem.archive.volume import Volume

PROCESSES = 4
ROUNDS = 4
TIMEOUT_S = 60

CHILD = """
import sys
from pathlib import Path
from uuid import UUID
from tandem.archive.mount import mount
roots = sys.argv[3:]
for root in roots:
    print("ready", flush=True)
    sys.stdin.readline()
    mounted = mount(Path(root), UUID(sys.argv[1]), int(sys.argv[2]))
    print("mounted", flush=True)
    sys.stdin.readline()
    mounted.close()
"""


def test_recorders_that_mount_a_fresh_volume_at_once_all_succeed(tmp_path: Path) -> None:
    roots = [tmp_path / str(number) for number in range(ROUNDS)]
    for root in roots:
        create(root)
    command = [sys.executable, "-c", CHILD, str(VOLUME), str(CLUSTER), *map(str, roots)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for _ in roots:
            for expected in ("ready", "mounted"):
                assert [said(child) for child in children] == [expected] * PROCESSES
                for child in children:
                    tell(child)
        assert [child.wait(TIMEOUT_S) for child in children] == [0] * PROCESSES
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_a_volume_that_is_never_brought_into_service_by_another_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path)
    monkeypatch.setattr(turn, "_PATIENCE_S", 0.1)
    volume = Volume.open(tmp_path, VOLUME, CLUSTER)
    with turn_at(volume), pytest.raises(VolumeBusyError, match="into service"):
        mount(tmp_path, VOLUME, CLUSTER)
    volume.close()
    mount(tmp_path, VOLUME, CLUSTER).close()


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
