"""`tandem`: the root of the command line."""

from importlib.metadata import version

import click

from tandem.cli.camera import camera
from tandem.cli.coverage import coverage_command
from tandem.cli.export import export_command
from tandem.cli.lab import lab
from tandem.cli.node import node
from tandem.cli.status import status
from tandem.cli.up import up
from tandem.cli.volume import volume


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tandem-video"), message="Tandem %(version)s")
def main() -> None:
    """Record cameras on a few servers as if they were one that never stops.

    This is early: a node records, and clusters are being built. What works is listed below.
    """


main.add_command(camera)
main.add_command(lab)
main.add_command(export_command)
main.add_command(coverage_command)
main.add_command(up)
main.add_command(status)
main.add_command(node)
main.add_command(volume)
