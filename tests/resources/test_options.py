"""What a definition may say of a process, and what is said of a mistake."""

import resource
import signal

import pytest

from tandem.resources.kind import OptionError
from tandem.resources.options import checked_id
from tandem.resources.process.options import read_options


def test_a_process_is_read_with_its_defaults() -> None:
    options = read_options("Resource web", {"command": ["/usr/bin/web", "--port", "80"]})
    assert options.command == ("/usr/bin/web", "--port", "80")
    assert (options.user, options.directory, options.log) == ("root", "/", None)
    assert options.stop_signal is signal.SIGTERM
    assert not options.daemonises


def test_limits_are_those_of_the_kernel() -> None:
    options = read_options("", {"command": ["/x"], "limits": {"open_files": 9, "core_bytes": 0}})
    assert set(options.limits) == {(resource.RLIMIT_NOFILE, 9), (resource.RLIMIT_CORE, 0)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "command: write a list of texts"),
        ({"command": "/bin/true"}, "command: write a list of texts"),
        ({"command": ["true"]}, "command: begin it with the whole path"),
        ({"command": ["/x\0"]}, "command: write a list of texts"),
        ({"comand": ["/x"]}, "Did you mean 'command'"),
        ({"user": ""}, "user: write a text"),
        ({"directory": "here"}, "directory: write a whole path"),
        ({"environment": {"A=B": "x"}}, "environment: 'A=B'"),
        ({"environment": {"TANDEM_TOKEN": "9.9"}}, "environment: 'TANDEM_TOKEN'"),
        ({"environment": {"A": 1}}, "environment: A: write a text"),
        ({"limits": {"memory": 1}}, "limits: there is no 'memory'; known are open_files"),
        ({"limits": {"open_files": -1}}, "limits: open_files: write a whole number"),
        ({"log": "x.log"}, "log: write a whole path"),
        ({"stop_signal": "TERM"}, "stop_signal: write a signal's name"),
        ({"daemonises": "yes"}, "daemonises: write true or false"),
    ],
)
def test_a_mistake_is_said_by_its_name(options: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match="Resource web: ") as caught:
        read_options("Resource web", {"command": ["/x"], **options} if options else {})
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a\n", "é", "a" * 65])
def test_a_name_that_is_no_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="cannot name a resource"):
        checked_id(name)


@pytest.mark.parametrize("name", ["web", "9", "db.main_1-x", "a" * 64])
def test_a_plain_name_is_taken(name: str) -> None:
    assert checked_id(name) == name
