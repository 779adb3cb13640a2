"""What may go from one volume."""

from pathlib import Path

from tests.archive.material import create, mounted_at, record

from tandem.archive.deletion import Policy, Reason, plan_deletion
from tandem.archive.mount import Mounted
from tandem.archive.planning import take_stock
from tandem.archive.space import Limits

MIB = 1 << 20


def plan(mounted: Mounted, wanted_bytes: int = 0) -> list[Reason]:
    stock = take_stock(mounted.volume, mounted.reader, wanted_bytes)
    (found,) = plan_deletion([stock], None, Policy({}))
    return [one.reason for one in found]


def test_a_full_volume_makes_room_for_itself(tmp_path: Path) -> None:
    create(tmp_path)
    with mounted_at(tmp_path, limits=Limits(MIB, 0)) as mounted:
        for number in range(2):
            record(mounted, number, fragments=8, frame_bytes=2000)
        assert plan(mounted) == []
        record(mounted, 2, fragments=8, frame_bytes=2000)
        assert plan(mounted) == [Reason.SPACE]


def test_room_that_is_wished_for_costs_a_small_volume_little(tmp_path: Path) -> None:
    create(tmp_path)
    with mounted_at(tmp_path, limits=Limits(2 * MIB, 0)) as mounted:
        for number in range(3):
            record(mounted, number, fragments=8, frame_bytes=2000)
        short = mounted.space().room_bytes - mounted.space().capacity_bytes // 20
        assert len(plan(mounted, wanted_bytes=1 << 40)) == (1 if short < 0 else 0)
