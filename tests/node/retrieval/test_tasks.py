"""What is a node's to keep, and what is not."""

from typing import Any

import pytest

from tandem.archive.coverage import Missing
from tandem.archive.rows import GapCause
from tandem.node.retrieval.tasks import Tasks, split, tasks_of

S = 1_000_000
NOW_US = 1_000 * S


def camera(protection: str, *nodes: str) -> dict[str, Any]:
    placement = {"nodes": list(nodes), "generation": 3}
    return {"placement": placement, "protection": protection, "window_s": 600}


def pieces(gap: Missing, node_id: str, tasks: Tasks | None) -> list[tuple[float, float, bool]]:
    return [(at.from_us / S, at.to_us / S, kept) for at, kept in split(gap, node_id, tasks)]


@pytest.mark.parametrize(
    ("protection", "since_us"),
    [
        ("hot", {"n1": None, "n2": 400 * S}),
        ("mirror", {"n1": None, "n2": None}),
        ("failover", {"n1": None}),
    ],
)
def test_a_second_keeps_its_window_and_a_mirror_all(
    protection: str, since_us: dict[str, int | None]
) -> None:
    found = tasks_of(camera(protection, "n1", "n2", "n3"), NOW_US)
    assert found is not None
    assert found.since_us == since_us


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"placement": None, "protection": "hot", "window_s": 600},
        {"placement": {"nodes": []}, "protection": "hot", "window_s": 600},
        camera("of a later release", "n1"),
    ],
)
def test_what_is_not_understood_tells_nothing(document: dict[str, Any] | None) -> None:
    assert tasks_of(document, NOW_US) is None


def test_what_lacks_is_cut_where_the_window_begins() -> None:
    tasks = tasks_of(camera("hot", "n1", "n2", "n3"), NOW_US)
    gap = Missing(300 * S, 500 * S, GapCause.UNKNOWN, "")
    assert pieces(gap, "n1", tasks) == [(300, 500, True)]
    assert pieces(gap, "n2", tasks) == [(300, 400, False), (400, 500, True)]
    assert pieces(gap, "n3", tasks) == [(300, 500, False)]
    assert pieces(gap, "n3", None) == [(300, 500, True)]


def test_what_a_node_says_why_it_lacks_is_told_as_it_says() -> None:
    tasks = tasks_of(camera("hot", "n1", "n2", "n3"), NOW_US)
    gap = Missing(300 * S, 500 * S, GapCause.DISK_FULL, "")
    assert pieces(gap, "n3", tasks) == [(300, 500, True)]
