"""The two tables that set-up reads, and what preflight says of a machine that lacks something."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
TARGETS = {"check", "demo", "test"}


def rows(name: str) -> list[str]:
    lines = (SCRIPTS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def preflight(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "preflight", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_package_has_its_targets_and_what_it_is_for() -> None:
    for row in rows("packages.list"):
        targets, _, package, reason = row.split(maxsplit=3)
        assert set(targets.split(",")) <= TARGETS, row
        assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package), row
        assert reason


def test_every_check_exists_and_has_three_sentences() -> None:
    checks = set(re.findall(r"^check_(\w+)\(\)", (SCRIPTS / "preflight").read_text(), re.MULTILINE))
    used = set()
    for row in rows("preflight.list"):
        targets, weight, check, _, _, *sentences = (cell.strip() for cell in row.split("|"))
        assert set(targets.split(",")) <= TARGETS, row
        assert weight in {"hard", "soft"}, row
        assert len(sentences) == 3, row
        assert all(sentence.endswith((".", "}", ")")) for sentence in sentences), row
        used.add(check.split()[0])
    assert used == checks


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_hard_lack_stops_with_status_2_and_says_what_to_do(tmp_path: Path, target: str) -> None:
    no_space = tmp_path / "df"
    no_space.write_text("#!/bin/sh\necho header; echo fs 100 99 1 99% /\n")
    no_space.chmod(0o755)
    told = preflight(target, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.returncode == 2
    assert "Less than 1000 MiB of disk are free here." in told.stderr
    assert "What to do:" in told.stderr
    assert f'"make {target}" cannot run' in told.stderr


@pytest.mark.parametrize(
    ("tool", "lacking"),
    [
        ("unshare", "You may not make network namespaces."),
        ("ip", "Virtual network cables (veth) cannot be made."),
        ("nft", "The packet filter (nftables) cannot be used."),
        ("losetup", "Loop devices cannot be used."),
    ],
)
def test_what_the_kernel_does_not_offer_is_told_with_what_it_costs_and_what_to_do(
    tmp_path: Path, tool: str, lacking: str
) -> None:
    refusing = tmp_path / tool
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    told = preflight("test", PATH=f"{tmp_path}:{os.environ['PATH']}")
    lines = told.stderr.splitlines()
    here = lines.index(f"Not here: {lacking}")
    assert lines[here + 1].startswith("    What it costs: ")
    assert lines[here + 2].startswith("    What to do:    ")


def test_a_missing_directory_for_temporary_files_is_told_and_nothing_after_it(
    tmp_path: Path,
) -> None:
    told = preflight("test", TMPDIR=str(tmp_path / "gone"))
    assert told.returncode == 2
    first, *_, last = told.stderr.splitlines()
    assert first.startswith("Missing: There is no directory for temporary files")
    assert last == 'tandem: "make test" cannot run on this machine as it is.'
    assert len(told.stderr.splitlines()) == 4


def test_missing_features_are_named_alone_for_the_tests(tmp_path: Path) -> None:
    no_loop = tmp_path / "losetup"
    no_loop.write_text("#!/bin/sh\nexit 1\n")
    no_loop.chmod(0o755)
    told = preflight("--missing", "test", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.returncode == 0
    assert "loop" in told.stdout.split()
    assert told.stderr == ""
