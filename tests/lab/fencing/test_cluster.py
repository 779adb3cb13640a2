"""Nodes of a lab are fenced by its power switch, by the commands that people use."""

import json
import sys
from pathlib import Path

import pytest

from tandem.clock import SystemClock
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps

pytestmark = [pytest.mark.lab("loop", "nftables"), pytest.mark.real, pytest.mark.timeout(300)]

TANDEM = str(Path(sys.executable).with_name("tandem"))


def test_a_node_is_tried_switched_off_and_declared_off(tmp_path: Path) -> None:
    steps = Steps(lambda _: None, SystemClock())
    plan = ClusterPlan(nodes=3, cameras=1, fencing=True)
    cluster = LabCluster.up(tmp_path / "lab", plan, steps)
    with cluster.lab as lab:
        node1 = lab.host("node1")
        for name in ("node2", "node3"):
            said = node1.run([TANDEM, "fence", "test", name], deadline_s=30)
            assert "answers: the node is on." in said
        off = [TANDEM, "fence", "test", "node3", "--really-off", "--yes", "--json"]
        assert json.loads(node1.run(off, deadline_s=60))["confirmed_off"]
        assert not lab.host("node3").is_on
        cluster.wait_until_recorded(2)
        said = node1.run([TANDEM, "node", "confirm-off", "node3", "--yes-it-is-off"], deadline_s=60)
        assert "counts as off" in said
        cluster.start("node3")
        cluster.wait_until_nodes_answer()
