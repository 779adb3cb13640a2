"""How much memory video may take that waits for disks."""

from pathlib import Path

import pytest

from tandem.recording.memory import backlog_bytes, usable_bytes

GIB = 1 << 30
MIB = 1 << 20


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    return tmp_path / "groups"


def limited(groups: Path, membership: str, limits: dict[str, str]) -> int:
    """What may be used in the groups that are named, with some limits."""
    for name, limit in limits.items():
        there = groups / name
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(f"{limit}\n")
    named = groups.parent / "membership"
    named.write_text(membership)
    return usable_bytes(named, groups)


def test_all_recorders_of_a_machine_together_use_no_more_than_a_quarter_of_its_memory() -> None:
    assert 16 * backlog_bytes(32 * GIB, 16) == 8 * GIB


def test_the_limit_of_a_unit_counts(groups: Path) -> None:
    membership = "0::/system.slice/tandem.service\n"
    limits = {"system.slice/tandem.service/memory.max": str(64 * MIB)}
    assert limited(groups, membership, limits) == 64 * MIB


def test_the_tightest_limit_of_all_that_are_above_counts(groups: Path) -> None:
    limits = {
        "a/memory.high": str(80 * MIB),
        "a/b/memory.max": "max",
        "a/b/memory.high": "max",
        "a/b/c/memory.max": str(90 * MIB),
    }
    assert limited(groups, "0::/a/b/c\n", limits) == 80 * MIB


def test_a_container_finds_its_limit_at_the_root(groups: Path) -> None:
    assert limited(groups, "0::/\n", {"memory.max": str(70 * MIB)}) == 70 * MIB


def test_a_limit_of_version_1_counts(groups: Path) -> None:
    membership = "9:name=systemd:/x\n8:cpu,memory:/docker/c1\n0::/\n"
    limits = {"memory/memory.limit_in_bytes": str(50 * MIB), "memory/x/memory.max": "1"}
    assert limited(groups, membership, limits) == 50 * MIB


def test_without_a_limit_it_is_what_the_machine_has(groups: Path) -> None:
    installed_bytes = usable_bytes(groups / "none", groups)
    assert installed_bytes > 64 * MIB
    assert limited(groups, "0::/a\n", {"a/memory.max": "max"}) == installed_bytes
    assert limited(groups, "", {}) == installed_bytes
