"""What a cluster in a lab is made of, without the lab."""

import json
from pathlib import Path

import pytest

from tandem.cluster.model import Protection
from tandem.lab.camera.config import Start, read_config
from tandem.lab.cluster import ClusterPlan, Steps
from tandem.lab.cluster import record as records
from tandem.lab.cluster.mix import KINDS, as_configured, as_entered
from tandem.lab.cluster.record import Record, Service
from tandem.lab.cluster.steps import counted
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.hosts import LabError
from tandem.node.control.checks import check_camera


class Clock:
    """Goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now_us = 0

    def boot_us(self) -> int:
        self.now_us += 1_000_000
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us


def test_the_cameras_are_as_the_server_and_the_cluster_want_them(tmp_path: Path) -> None:
    plan = ClusterPlan(cameras=12, protection=Protection.MIRROR, window_s=90)
    config = tmp_path / "cameras.json"
    config.write_text(json.dumps(as_configured(plan)))
    served = read_config(config)
    assert len(served) == 12
    assert {one.profile.codec for one in served} == {"h264", "h265"}
    assert {one.profile.gop for one in served} == {"fixed", "variable"}
    assert max(one.profile.gop_s for one in served) == 10
    assert any(one.profile.b_frames for one in served)
    assert any(one.start is Start.IMMEDIATELY for one in served)
    assert all(one.marked for one in served)
    for one in served:
        entered = as_entered(one.number, plan)
        check_camera(entered)
        assert entered.streams[0].url == f"rtsp://{one.address}:{one.port}{one.url_path}"
        assert (entered.protection, entered.window_s) == (Protection.MIRROR, 90)


def test_every_kind_of_camera_is_among_twelve() -> None:
    names = {as_entered(number, ClusterPlan()).name.split(" (")[0] for number in range(1, 13)}
    assert names == {kind.name for kind in KINDS}


@pytest.mark.parametrize("wrong", [{"cameras": 0}, {"window_s": 0}])
def test_a_plan_that_makes_no_cluster_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(LabError):
        ClusterPlan(**wrong)  # type: ignore[arg-type]


def test_one_node_keeps_one_copy() -> None:
    assert ClusterPlan(nodes=1).copies == 1
    assert ClusterPlan(protection=Protection.FAILOVER).copies == 1
    assert ClusterPlan().copies == 2


def test_what_is_remembered_is_read_again(tmp_path: Path) -> None:
    remembered = Record(
        ClusterPlan(nodes=2), {"node1": [Service("agent", ["run", "it"], "/log")]}, 17
    )
    records.save(remembered, tmp_path)
    assert records.load(tmp_path) == remembered


def test_a_lab_without_a_cluster_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="tandem lab up"):
        records.load(tmp_path)


def test_waiting_says_what_was_missing_to_the_end() -> None:
    said = iter(["this.", "that.", "that.", "that."])
    with pytest.raises(LabError, match=r"it is there: that\. Look\."):
        wait_for(lambda: next(said), "it is there", 2.5, Clock(), hint="Look.")


def test_waiting_ends_when_nothing_is_missing() -> None:
    said = iter(["this.", ""])
    wait_for(lambda: next(said), "it is there", 100, Clock())
    assert next(said, None) is None


def test_a_step_tells_how_long_it_took_and_one_that_fails_that_it_stopped() -> None:
    told: list[str] = []
    steps = Steps(told.append, Clock())
    with steps.step("first"):
        pass
    with pytest.raises(KeyError), steps.step("second"):
        raise KeyError
    first, second = "".join(told).splitlines()
    assert first.split() == ["first", "1.0", "s"]
    assert second.split() == ["second", "stopped"]


def test_one_is_no_plural() -> None:
    assert [counted(1, "node"), counted(2, "node")] == ["1 node", "2 nodes"]
