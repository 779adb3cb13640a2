"""The demonstration, with fewer cameras; and that it would not hide a loss."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.lab("loop"), pytest.mark.real, pytest.mark.timeout(480)]

_TANDEM = str(Path(sys.executable).with_name("tandem"))


def test_two_nodes_lose_their_power_and_no_picture_is_lost(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    ended = subprocess.run(
        [_TANDEM, "lab", "demo", "--cameras", "2", "--directory", str(lab)],
        capture_output=True,
        text=True,
        timeout=460,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    tables = [line.split() for line in ended.stdout.splitlines() if line.startswith("  all")]
    assert len(tables) == 2
    for _, delivered, exported, lost, doubled in tables:
        assert int(delivered) == int(exported) > 500
        assert (lost, doubled) == ("0", "0")
    assert not lab.exists()
