"""`make test` runs pytest twice; what the second run says speaks for both."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

TESTS = """
import pytest

@pytest.mark.parametrize("n", range(4))
def test_quick(n):
    assert n != {fails}

def test_skipped():
    pytest.skip("for a reason")

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.slow
def test_slow_too():
    assert {slow}
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir=.", "-ra"]
    ended = subprocess.run(
        [*command, "-p", "tests.one_summary", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def both(folder: Path, *, fails: int, slow: bool) -> tuple[int, str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: x\n")
    (folder / "test_both.py").write_text(TESTS.format(fails=fails, slow=slow))
    run(folder, "-m", "not slow", "--numprocesses=1", "--keep-reports=kept")
    return run(folder, "-m", "slow", "--numprocesses=1", "--with-reports=kept")


def test_the_counts_of_both_runs_are_added_up(tmp_path: Path) -> None:
    status, said = both(tmp_path, fails=99, slow=True)
    assert status == 0
    assert "= 6 passed, 1 skipped in" in said.splitlines()[-1]
    assert "for a reason" in said


@pytest.mark.parametrize(("fails", "slow", "failed"), [(99, False, 1), (2, False, 2)])
def test_a_failure_in_either_run_is_told_and_fails_the_whole(
    tmp_path: Path, fails: int, slow: bool, failed: int
) -> None:
    status, said = both(tmp_path, fails=fails, slow=slow)
    assert status == 1
    assert f"= {failed} failed" in said.splitlines()[-1]
    assert said.count("AssertionError") >= failed or said.count("E       assert") >= failed


def test_a_second_run_without_tests_does_not_hide_the_first(tmp_path: Path) -> None:
    both(tmp_path, fails=99, slow=True)
    status, said = run(
        tmp_path, "-m", "slow and not slow", "--numprocesses=1", "--with-reports=kept"
    )
    assert status == 0
    assert "= 4 passed, 1 skipped in" in said.splitlines()[-1]
