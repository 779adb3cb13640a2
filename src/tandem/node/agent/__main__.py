"""`python -m tandem.node.agent`: be this node's agent, in the foreground."""

import argparse
import asyncio
import logging
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tandem.clock import SystemClock
from tandem.node.agent.log import begin_log
from tandem.node.agent.process import HomeError, run
from tandem.node.agent.store_member import ProgramMissingError
from tandem.node.authority import AuthorityError
from tandem.node.control.service import SocketError
from tandem.node.pulse.link import PulseEndedError
from tandem.node.seal import SealError
from tandem.node.settings import PATH, read_settings
from tandem.node.toml_table import SettingsError

_CANNOT_BEGIN = (
    SettingsError,
    HomeError,
    ProgramMissingError,
    AuthorityError,
    SealError,
    SocketError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        arguments: command line; the process's own unless given.

    Returns:
        Exit status: 0 after an end in good order, 1 where its pulse failed, 2 where the node
        cannot begin.
    """
    parser = argparse.ArgumentParser(prog="python -m tandem.node.agent", description=__doc__)
    parser.add_argument("--settings", type=Path, default=PATH, help=f"default {PATH}")
    given = parser.parse_args(arguments)
    begin_log()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # also of all children: they hold passwords
    status, log = 0, logging.getLogger("tandem.agent")
    try:
        settings = read_settings(given.settings)
        asyncio.run(run(settings, SystemClock(), Random()))  # noqa: S311 - jitter, no secret
    except* _CANNOT_BEGIN as problems:
        log.critical("%s", first_of(problems))
        status = 2
    except* PulseEndedError as problems:
        log.critical("%s All of this node is to be started anew.", first_of(problems))
        status = 1
    return status


def first_of(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first that is no group, within however many."""
    first = problems.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


if __name__ == "__main__":
    sys.exit(main())
