"""The package as it is built: the same for the same commit, and whole."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.packaging.machine import run

TOP = Path(__file__).parents[2]
PACKAGING = TOP / "packaging"


@pytest.mark.parametrize("script", ["build", "postinst", "prerm", "postrm"])
def test_a_script_is_one_that_a_plain_shell_understands(script: str) -> None:
    checked = subprocess.run(["dash", "-n", PACKAGING / script], check=False, timeout=10)
    assert checked.returncode == 0


def test_every_option_of_the_service_is_there_once() -> None:
    unit = (PACKAGING / "tandem.service").read_text(encoding="utf-8")
    options = re.findall(r"^(\w+)=", unit, re.MULTILINE)
    assert len(options) == len(set(options))


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_the_same_commit_gives_the_same_package() -> None:
    if not (TOP / ".venv").exists():
        pytest.skip("The package is built from a checkout that was set up: make package")
    built = []
    for _ in range(2):
        run([PACKAGING / "build"], deadline_s=600)
        newest = max((TOP / "dist").glob("tandem_*.deb"), key=lambda it: it.stat().st_mtime)
        built.append(newest.read_bytes())
    assert built[0] == built[1]
