"""The root of the command line: every command is found, and only the one that is used is loaded."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tandem.cli.main import main

_COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_is_found_and_explains_itself(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    found = main.get_command(click.Context(main), name)
    assert found is not None
    assert found.name == name


def test_a_word_that_is_no_command_is_refused() -> None:
    assert CliRunner().invoke(main, ["exprot"]).exit_code == 2


def test_only_the_command_that_is_used_is_loaded() -> None:
    code = (
        "import sys; from tandem.cli.main import main; main(['export', '--help'], "
        "standalone_mode=False); print('tandem.cli.lab' in sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr == "False\n"


def test_a_letter_that_the_terminal_lacks_is_written_otherwise_and_ends_no_command() -> None:
    code = (
        "import click; from tandem.cli.main import main; "
        "main.get_command = lambda *_: click.Command('say', callback=lambda: "
        "click.echo('T\\u00fcr \\u4e1c')); main(['say'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == b"T\xfcr \\u4e1c\n", ended.stderr
