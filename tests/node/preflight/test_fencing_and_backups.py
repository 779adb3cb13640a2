"""Whether nodes can be switched off, and the store be restored."""

from dataclasses import replace
from pathlib import Path

from tests.node.preflight.material import PASS, WARN, only

from tandem.clock import SystemClock
from tandem.node.preflight import backups, fencing


def test_nodes_that_nobody_can_switch_off_are_told_with_what_that_costs() -> None:
    nodes = ["n1", "n2", "n3"]
    only(PASS, "Each of 3 nodes has a fence device", fencing.judge(nodes, nodes))
    only(WARN, "No fencing is configured.", fencing.judge(nodes, []))
    only(WARN, "no fence device for n1, n3.", fencing.judge(nodes, ["n2"]))
    assert fencing.judge(["n1"], []) == []


HOUR_US = 3_600_000_000


def test_a_backup_of_the_store_is_to_be_recent(tmp_path: Path) -> None:
    well = backups.Facts(tmp_path, "store-i0-r7-20261123T120000Z.backup", 3 * HOUR_US)
    only(PASS, "is 3.0 h old", [backups.judge(well)])
    only(WARN, "is 3.1 h old", [backups.judge(replace(well, age_us=HOUR_US * 31 // 10))])
    only(WARN, "There is no backup", backups.look(tmp_path / "none", SystemClock()))
    (tmp_path / well.newest).write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    only(PASS, f"{well.newest}, is 0.0 h old", backups.look(tmp_path, SystemClock()))
