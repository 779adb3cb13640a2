"""How the demonstration judges: what it must not let pass."""

from typing import Any

import pytest

from tandem.lab.counting.compare import Comparison
from tandem.lab.demo.copies import lacking
from tandem.lab.demo.verdict import Verdict, table


def at(second: float) -> str:
    return f"2026-11-22T12:00:{second:09.6f}Z"


def told(**copies: list[tuple[float, float]]) -> dict[str, Any]:
    """What `tandem coverage --json` says of the seconds 10 to 50."""
    return {
        "from": at(10),
        "to": at(50),
        "copies": [
            {"node_id": node, "intervals": [{"from": at(a), "to": at(b)} for a, b in spans]}
            for node, spans in copies.items()
        ],
    }


def test_a_copy_without_a_hole_lacks_nothing() -> None:
    assert lacking(told(n1=[(10, 50)], n2=[(10.05, 49.95)])) == {"n1": [], "n2": []}


@pytest.mark.parametrize(
    ("spans", "holes"),
    [
        ([], ["12:00:10.000 - 12:00:50.000"]),
        ([(10, 30), (31, 50)], ["12:00:30.000 - 12:00:31.000"]),
        ([(12, 50)], ["12:00:10.000 - 12:00:12.000"]),
        ([(10, 40)], ["12:00:40.000 - 12:00:50.000"]),
        (
            [(11, 20), (22, 49)],
            [
                "12:00:10.000 - 12:00:11.000",
                "12:00:20.000 - 12:00:22.000",
                "12:00:49.000 - 12:00:50.000",
            ],
        ),
    ],
)
def test_a_hole_is_told_wherever_it_is(spans: list[tuple[float, float]], holes: list[str]) -> None:
    assert lacking(told(n1=spans)) == {"n1": holes}


def verdict(camera: int, **wrong: Any) -> Verdict:
    fields: dict[str, Any] = {
        "camera": camera,
        "captured": 100,
        "sent": 100,
        "found": 100,
        "lost": (),
        "doubled": (),
        "out_of_order": (),
        "wrong_camera": 0,
        "unmarked": 0,
        "unknown": (),
    }
    found = Comparison(**(fields | wrong))
    when = [(1_800_000_000_000_000, 1_800_000_001_000_000) for _ in found.lost]
    return Verdict(found, when, ["some time: node_down"])


def test_the_table_adds_up_and_says_nothing_more_where_all_is_well() -> None:
    lines = list(table([verdict(1), verdict(2)]))
    assert len(lines) == 4
    assert lines[1].split()[-4:] == ["100", "100", "0", "0"]
    assert lines[-1].split() == ["all", "200", "200", "0", "0"]


def test_what_is_wrong_stands_below_its_camera() -> None:
    wrong = verdict(2, found=97, lost=((5, 7),), doubled=(9,), unmarked=4)
    lines = list(table([verdict(1), wrong]))
    assert lines[2].split()[-4:] == ["100", "97", "3", "1"]
    assert "lost: pictures 5-7, taken 08:00:00.000 - 08:00:01.000" in lines[3]
    assert "doubled: pictures 9-9" in lines[4]
    assert "4 pictures without a number" in lines[5]
    assert "tandem says that it misses some time: node_down" in lines[6]
    assert lines[-1].split() == ["all", "200", "197", "3", "1"]
