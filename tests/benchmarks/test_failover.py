"""What is made of a user's answers: outages, two that answer at once, and the table."""

from pathlib import Path

import pytest
from benchmarks.failover.answers import Answers
from benchmarks.failover.table import section
from benchmarks.failover.trial import Trial

from benchmarks import sections


def answers(place: Path, *lines: str) -> Answers:
    file = place / "answers"
    file.write_text("".join(f"{line}\n" for line in lines))
    return Answers(file)


def each(name: str, how: str, node: str, *instants_ms: int) -> list[str]:
    return [f"{name} {how} {at / 1000:.6f} {node}" for at in instants_ms]


def test_an_outage_is_the_longest_time_without_an_answer(tmp_path: Path) -> None:
    seen = answers(tmp_path, *each("address", "page", "node1", 1000, 1005, 1700, 1705))
    assert seen.outage_s("address", 1.0, 1.71) == pytest.approx(0.695)


def test_an_outage_that_has_not_ended_counts_until_now(tmp_path: Path) -> None:
    seen = answers(tmp_path, *each("address", "page", "node1", 1000, 1005))
    assert seen.outage_s("address", 1.0, 3.0) == pytest.approx(1.995)


def test_two_nodes_that_answer_by_turns_are_not_two_at_once(tmp_path: Path) -> None:
    first = each("address", "arp", "node1", *range(1000, 2000, 10))
    then = each("address", "arp", "node2", *range(2000, 3000, 10))
    assert answers(tmp_path, *first, *then).twice_s("address", 0.0) == 0


def test_two_nodes_that_answer_at_once_are_timed(tmp_path: Path) -> None:
    first = each("address", "arp", "node1", *range(1000, 2001, 10))
    beside = each("address", "arp", "node2", *range(1500, 3001, 10))
    seen = answers(tmp_path, *sorted([*first, *beside], key=lambda line: line.split()[2]))
    assert seen.twice_s("address", 0.0) == pytest.approx(0.5)


def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    seen = answers(tmp_path, *each("address", "page", "node1", 1000))
    with (tmp_path / "answers").open("a") as file:
        file.write("address page 1.0")
        file.flush()
        assert len(seen.pages("address", 0.0)) == 1
        file.write("05 node2\n")
        file.flush()
        assert seen.pages("address", 0.0)[-1] == (1.005, "node2")


def test_the_table_has_median_and_worst_and_what_never_came_back() -> None:
    def trial(outage_ms: float, *, back: bool = True) -> Trial:
        one = {"address": outage_ms}
        is_back, none = {"address": back}, {"address": 0.0}
        at = "2026-01-01T00:00:00Z"
        key, title = "keepalived-1s", "keepalived 9.1, advert 1 s"
        return Trial(key, title, "power", "abc", at, 1.0, {}, 100, one, is_back, none, none)

    told = section([trial(100), trial(300), trial(200), trial(9999, back=False)])
    assert "| keepalived 9.1, advert 1 s: address | 200 / 300, never 1 (4) |" in told


def test_a_section_is_replaced_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "benchmarks.md"
    monkeypatch.setattr(sections, "RESULTS", file)
    file.write_text("# All\n\n## One\n\nold\n\n## Two\n\nstays\n")
    sections.replace_section("## One", "## One\n\nnew\n")
    assert file.read_text() == "# All\n\n## One\n\nnew\n\n## Two\n\nstays\n"
    sections.replace_section("## Three", "## Three\n\nadded\n")
    assert file.read_text().endswith("stays\n\n## Three\n\nadded\n")
