"""`scripts/prove` on a small repository of its own, with real git and real pytest."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROVE = Path(__file__).parents[2] / "scripts" / "prove"
RESULTS = Path("docs/reference/proofs/results.jsonl")

PROOFS = """
import pytest

@pytest.mark.prove
def test_that_passes(record_property):
    record_property("seeds", "1 to 100")

@pytest.mark.prove
def test_that_passes_once_it_is_told():
    assert {}

def test_that_is_no_proof():
    raise AssertionError
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "tests" / "test_proofs.py").write_text(PROOFS.format(False))
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['prove: x']\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    shutil.copy(PROVE, tmp_path / "prove")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(project: Path, *arguments: str) -> None:
    named = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", *named, *arguments], cwd=project, check=True, capture_output=True)


def commit(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "A step")


def prove(project: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "prove"], cwd=project, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout


def outcomes(project: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in (project / RESULTS).read_text().splitlines()]
    return [(line["proof"].rpartition("::")[2], line["outcome"]) for line in lines]


def test_what_passed_holds_and_only_what_failed_runs_again(project: Path) -> None:
    status, _ = prove(project)
    assert status == 1
    first = [("test_that_passes", "passed"), ("test_that_passes_once_it_is_told", "failed")]
    assert outcomes(project) == first

    status, said = prove(project)
    assert status == 1
    assert "1 hold, 1 to run" in said
    assert outcomes(project) == [*first, ("test_that_passes_once_it_is_told", "failed")]


def test_a_result_tells_the_seeds_the_commit_and_the_machine(project: Path) -> None:
    prove(project)
    result = json.loads((project / RESULTS).read_text().splitlines()[0])
    assert result["version"] == 1
    assert result["properties"] == {"seeds": "1 to 100"}
    assert len(result["commit"]) == 40
    assert result["machine"]["cores"] >= 1


def test_a_change_of_documents_leaves_a_proof_standing_and_one_of_code_does_not(
    project: Path,
) -> None:
    prove(project)
    commit(project)  # of the results
    assert "1 hold, 1 to run" in prove(project)[1]

    (project / "src" / "changed.py").write_text("")
    commit(project)
    assert "0 hold, 2 to run" in prove(project)[1]


def test_a_proof_of_uncommitted_code_counts_for_nothing(project: Path) -> None:
    (project / "tests" / "test_proofs.py").write_text(PROOFS.format(True))
    status, said = prove(project)
    assert status == 0
    assert "not committed" in said

    commit(project)
    assert "0 hold, 2 to run" in prove(project)[1]


def test_no_proofs_is_said_and_is_no_failure(project: Path) -> None:
    (project / "tests" / "test_proofs.py").write_text("def test_nothing():\n    pass\n")
    assert prove(project) == (0, "There are no long proofs yet (tests marked `prove`).\n")
