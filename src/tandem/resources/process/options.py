"""What a definition says of a process, and where a node keeps what belongs to it."""

import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.resources.control_group import ControlGroup
from tandem.resources.kind import Place
from tandem.resources.options import Options, checked_id

LIMITS: Final = {
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "file_bytes": resource.RLIMIT_FSIZE,
    "core_bytes": resource.RLIMIT_CORE,
    "locked_bytes": resource.RLIMIT_MEMLOCK,
    "address_space_bytes": resource.RLIMIT_AS,
}
"""Options of the table `limits`, and what of setrlimit(2) each is."""

_KNOWN: Final = frozenset(
    {"command", "user", "directory", "environment", "limits", "log", "stop_signal", "daemonises"}
)


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """One process.

    Attributes:
        command: the program's path, and its arguments.
        user: as whom it runs.
        directory: where it runs.
        environment: what it gets besides a few common variables.
        limits: (RLIMIT_ number, value).
        log: the file that what it says is appended to; None: the journal.
        stop_signal: what asks it to end.
        daemonises: whether its first process ends while others go on.
    """

    command: tuple[str, ...]
    user: str
    directory: str
    environment: Mapping[str, str]
    limits: tuple[tuple[int, int], ...]
    log: Path | None
    stop_signal: signal.Signals
    daemonises: bool


def read_options(owner: str, values: Mapping[str, object]) -> ProcessOptions:
    """Read the options of a process.

    Args:
        owner: how messages name the resource.
        values: as read from JSON or TOML.

    Raises:
        OptionError: one is missing, unknown or wrong.
    """
    options = Options(owner, values, _KNOWN)
    command = options.texts("command")
    if not command[0].startswith("/"):
        raise options.error("command", "begin it with the whole path of a program, as in /usr/bin.")
    return ProcessOptions(
        command=command,
        user=options.text("user", "root"),
        directory=_path(options, "directory", "/"),
        environment=_environment(options),
        limits=_limits(options),
        log=Path(_path(options, "log", "/")) if options.has("log") else None,
        stop_signal=_stop_signal(options),
        daemonises=options.flag("daemonises"),
    )


def _path(options: Options, name: str, default: str) -> str:
    path = options.text(name, default)
    if not path.startswith("/"):
        raise options.error(name, "write a whole path, from / on.")
    return path


def _environment(options: Options) -> dict[str, str]:
    environment: dict[str, str] = {}
    for name, value in options.table("environment").items():
        if not name or "=" in name or "\0" in name or name.startswith("TANDEM_"):
            raise options.error("environment", f"{name!r} cannot be a variable's name here.")
        if not isinstance(value, str) or "\0" in value:
            raise options.error("environment", f"{name}: write a text.")
        environment[name] = value
    return environment


def _limits(options: Options) -> tuple[tuple[int, int], ...]:
    read = []
    for name, value in options.table("limits").items():
        if name not in LIMITS:
            raise options.error("limits", f"there is no {name!r}; known are {', '.join(LIMITS)}.")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise options.error("limits", f"{name}: write a whole number, 0 or more.")
        read.append((LIMITS[name], value))
    return tuple(read)


def _stop_signal(options: Options) -> signal.Signals:
    name = options.text("stop_signal", "SIGTERM")
    try:
        return signal.Signals[name]
    except KeyError:
        raise options.error("stop_signal", "write a signal's name, as in SIGTERM.") from None


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the kernel and /run keep of one process; the same for the agent and the pulse.

    Attributes:
        owner: how messages name the resource.
        group: its control group. Below it is one for each token that runs, with `keeper` and `run`
            below that: what there is says what runs.
        fifo: by which later deadlines come.
        ended: the file in which the last keeper said how it ended.
    """

    owner: str
    group: ControlGroup
    fifo: Path
    ended: Path


def belongings(resource_id: str, place: Place) -> Belongings:
    """Where a node keeps what belongs to a resource.

    Raises:
        OptionError: its name cannot be a part of a path.
    """
    name = checked_id(resource_id)
    return Belongings(
        f"Resource {name}",
        ControlGroup(place.control_group / name),
        place.run_directory / "keepers" / name,
        place.run_directory / "ended" / name,
    )
