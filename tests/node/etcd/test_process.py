"""Finding the right process, and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tandem.node.etcd.process import Process, find_running

WAITING = "import os, sys; os.chroot(sys.argv[1]); print(1, flush=True); sys.stdin.read()"


@contextmanager
def process_in(root: Path, argument: str) -> Iterator[int]:
    """A process that sees another root, as one in a container does, with an argument."""
    # Another root is for root alone, be it that of a user namespace. `unshare` becomes the program.
    become_root = ["unshare", "--map-root-user"] if os.geteuid() else []
    command = [*become_root, sys.executable, "-c", WAITING, str(root), argument]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stdout.readline()
        yield running.pid
        running.kill()


def found(argument: str, directory: Path) -> int | None:
    process = find_running(argument, directory)
    if process is None:
        return None
    process.close()
    return process.pid


@pytest.mark.lab
def test_a_process_for_which_the_directory_is_another_is_not_ours(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    argument = f"--data-dir={directory}"
    container = tmp_path / "container"
    (container / directory.relative_to("/")).mkdir(parents=True)
    with process_in(container, argument):
        assert found(argument, directory) is None
        with process_in(Path("/"), argument) as ours:
            assert found(argument, directory) == ours
        assert found(argument, directory) is None


def test_a_directory_that_does_not_exist_is_nobodys(tmp_path: Path) -> None:
    assert find_running(sys.argv[0], tmp_path / "none") is None


def test_a_process_that_has_ended_is_told_by_its_descriptor() -> None:
    with subprocess.Popen(["sleep", "60"]) as running:
        process = Process(running.pid)
        before = process.ended
        running.kill()
        running.wait()
        assert (before, process.ended) == (False, True)
        process.close()
