"""`tandem`: the root of the command line."""

import sys
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Final

import click

_COMMANDS: Final = {
    "camera": ("tandem.cli.camera", "camera"),
    "check": ("tandem.cli.check", "check"),
    "coverage": ("tandem.cli.coverage", "coverage_command"),
    "decisions": ("tandem.cli.decisions", "decisions"),
    "export": ("tandem.cli.export", "export_command"),
    "fence": ("tandem.cli.fence", "fence"),
    "init": ("tandem.cli.joining", "init"),
    "join": ("tandem.cli.joining", "join"),
    "lab": ("tandem.cli.lab", "lab"),
    "leave": ("tandem.cli.joining", "leave"),
    "node": ("tandem.cli.node", "node"),
    "resource": ("tandem.cli.resource", "resource"),
    "status": ("tandem.cli.status", "status"),
    "support": ("tandem.cli.support", "support"),
    "store": ("tandem.cli.store", "store"),
    "up": ("tandem.cli.up", "up"),
    "volume": ("tandem.cli.volume", "volume"),
}
"""Where each command is. Only the one that is used is imported: all together take longer to load
than most of them to run."""


class _Commands(click.Group):
    """The commands, imported when they are asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """See `click.Group.list_commands`."""
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """See `click.Group.get_command`."""
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name]
        found = getattr(import_module(module), attribute)
        return found if isinstance(found, click.Command) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tandem-video"), message="Tandem %(version)s")
def main() -> None:
    """Record cameras on a few servers as if they were one that never stops.

    This is early: what works is listed below.
    """
    for stream in (sys.stdout, sys.stderr):
        # A camera may have a name that this terminal's character set lacks.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
