"""What is looked at. Each collector makes one text; none needs another, or an agent. Blocking."""

import gzip
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tandem.archive.layout import IDENTITY_FILE
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.control.protocol import Json
from tandem.node.home import Home
from tandem.node.provision import ProvisionError, find_etcd

COMMAND_S: Final = 15.0
LARGEST_BYTES: Final = 4 << 20
"""Of one text: of a log its end, of all else its beginning."""

_DECISIONS: Final = 5
_LINES: Final = 20_000
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Collector:
    """One text of the bundle.

    Attributes:
        name: of its file there.
        what: it is, for people.
        collect: makes it; an OSError says why it cannot.
        keeps_end: whether the end matters where it is too long.
    """

    name: str
    what: str
    collect: Callable[[], str]
    keeps_end: bool = False


def collectors(settings: Path, home: Home, volumes: tuple[Path, ...]) -> Iterator[Collector]:
    """All of them.

    Args:
        settings: the node's.
        home: the node's data.
        volumes: where recordings are, as far as the settings can be read.
    """
    client = ControlClient(home.socket)
    yield Collector("versions.txt", "versions of Tandem, its parts and the system", _versions)
    yield Collector("node.toml", f"the settings, {settings}", lambda: _text(settings))
    for name, what, ask in (
        ("status.json", "status of the cluster, of all nodes that answer", client.status),
        ("node.json", "status of this node", client.node),
        ("cameras.json", "the cameras, without their logins", client.cameras),
    ):
        yield Collector(name, what, partial(_asked, ask))
    yield Collector("decisions.json", "inputs of the last plans", lambda: _decisions(home))
    yield Collector("data.txt", "names and sizes of the node's files", lambda: _listing(home.data))
    yield Collector("etcd.log", "the store's log", lambda: _end(home.etcd_log), keeps_end=True)
    yield Collector(
        "volumes.txt", "which volumes these are", lambda: "".join(map(_volume, volumes))
    )
    for name, what, commands in _COMMANDS:
        yield Collector(
            name,
            what,
            partial(_all_ran, commands),
            keeps_end=name in _LOGS,
        )
    yield Collector("smart.txt", "what disks say of their health", _smart)


_COMMANDS: Final[tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]] = (
    (
        "journal.txt",
        "the agent's log",
        (
            (
                *("journalctl", "--no-pager", "--unit=tandem", f"--lines={_LINES}"),
                "--output=short-iso-precise",
            ),
        ),
    ),
    (
        "kernel.txt",
        "the kernel's messages",
        (("dmesg", "--ctime"),),
    ),
    (
        "service.txt",
        "the service and its processes",
        (
            ("systemctl", "--no-pager", "--full", "--lines=0", "status", "tandem"),
            ("systemctl", "--no-pager", "cat", "tandem"),
            (
                "ps",
                "-eo",
                "pid,ppid,user,cls,rtprio,ni,stat,etimes,rss,wchan:20,comm",
            ),
        ),
    ),
    (
        "disks.txt",
        "disks, mounts and their room",
        (
            ("df", "--human-readable", "--local"),
            ("df", "--inodes", "--local"),
            ("findmnt", "--real"),
            ("lsblk", "--output=NAME,SIZE,TYPE,ROTA,MODEL,FSTYPE,MOUNTPOINT,STATE"),
            ("cat", "/proc/mdstat"),
        ),
    ),
    (
        "network.txt",
        "addresses, links, routes and sockets",
        (
            ("ip", "-statistics", "-details", "address"),
            ("ip", "route", "show", "table", "all"),
            ("ip", "neighbour"),
            ("ss", "--tcp", "--udp", "--listening", "--numeric", "--processes"),
            ("ss", "--summary"),
        ),
    ),
    (
        "machine.txt",
        "clock, load and memory",
        (
            ("timedatectl", "--no-pager"),
            ("chronyc", "-n", "tracking"),
            ("uptime",),
            ("free", "--mebi"),
            ("cat", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"),
        ),
    ),
)
_LOGS: Final = frozenset({"journal.txt", "kernel.txt"})


def _versions() -> str:
    found = importlib.metadata.distributions(path=[it for it in sys.path if "packages" in it])
    packages = sorted(f"{each.name} {each.version}" for each in found)
    try:
        etcd = _ran((str(find_etcd()), "--version"))
    except ProvisionError as problem:
        etcd = f"{problem}\n"
    lines = [
        f"tandem {importlib.metadata.version('tandem-video')}",
        f"python {platform.python_version()}",
        " ".join(platform.uname()[0:1] + platform.uname()[2:]),
        _text(Path("/etc/os-release")),
        etcd,
        *packages,
    ]
    return "\n".join(lines) + "\n"


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def _end(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LARGEST_BYTES))
        return file.read(LARGEST_BYTES).decode(errors="replace")


def _asked(ask: Callable[[], Json]) -> str:
    try:
        return json.dumps(ask(), indent=1, ensure_ascii=False) + "\n"
    except AskingError as problem:
        raise OSError(str(problem)) from None


def _decisions(home: Home) -> str:
    newest = sorted(home.decisions.iterdir())[-_DECISIONS:]
    decoded = {}
    for path in newest:
        try:
            with gzip.open(path) as file:
                decoded[path.name] = json.loads(file.read(LARGEST_BYTES))
        except (OSError, EOFError, ValueError, zlib.error) as problem:
            decoded[path.name] = f"cannot be read: {problem}"
    return json.dumps(decoded, indent=1) + "\n"


def _listing(directory: Path) -> str:
    return _ran(("ls", "-lAR", "--time-style=full-iso", str(directory)))


def _volume(path: Path) -> str:
    """By a program, whose disk may hang."""
    return _ran(("cat", str(path / IDENTITY_FILE))) + _ran(("ls", "-ld", str(path)))


def _smart() -> str:
    said = _ran(("lsblk", "--nodeps", "--noheadings", "--paths", "--output=NAME,TYPE"))
    rows = [line.split() for line in said.splitlines()[1:]]
    disks = [row[0] for row in rows if row[1:] == ["disk"]]
    return "\n".join(_ran(("smartctl", "--all", disk)) for disk in disks) or "no disks\n"


def _all_ran(commands: tuple[tuple[str, ...], ...]) -> str:
    return "\n".join(map(_ran, commands))


def _ran(command: tuple[str, ...]) -> str:
    """What a program says, behind its command line; a failure is a part of that."""
    shown = f"$ {' '.join(command)}\n"
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        return f"{shown}(not installed)\n"
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{shown}(no end within {COMMAND_S:.0f} s)\n"
    status = f"(exit status {done.returncode})\n" if done.returncode else ""
    return f"{shown}{done.stdout.decode(errors='replace')}{status}"
