"""A service of a real systemd: the manager of a user, in a mount and PID namespace of its own.

It is the same program as a system's manager, and needs not be the machine's first process. Its
service would restart for ever, and writes to a disk that may hang.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.resources.process.bench import (
    WRITER,
    WriterBench,
    mounted_disk,
    new_place,
    popen,
    until,
)

from tandem.resources.kind import Grip, Place, Resource
from tandem.resources.unit.kind import UnitKind

UNIT = "tandem-test-writer.service"
SYSTEMD = Path("/lib/systemd/systemd")
_NAMED_HIERARCHY = Path("/sys/fs/cgroup/systemd")

_BOOT = """
test -d /run/systemd/system || { mount -t tmpfs run /run && mkdir -p /run/systemd/system; }
for group; do echo 0 > "$group/cgroup.procs"; done
"$SYSTEMD" --user --unit=basic.target  # which must not be the first process of its namespace
exit $?
"""

_SERVICE = """
[Service]
ExecStart=/bin/sh -c '{writer}' {file}
Restart=always
RestartSec=0
TimeoutStopSec=1

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Systemd:
    """A manager that runs.

    Attributes:
        systemctl: how to speak to it.
        drop_ins: where it reads what is set until it ends.
    """

    systemctl: tuple[str, ...]
    drop_ins: Path

    def tell(self, *words: str) -> str:
        done = subprocess.run(
            [*self.systemctl, *words], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout


@contextmanager
def systemd(tmp_path: Path, place: Place, service: str) -> Iterator[Systemd]:
    """Boot a manager with one service."""
    runtime, config = tmp_path / "xdg-run", tmp_path / "config"
    runtime.mkdir(mode=0o700)
    (config / "systemd/user").mkdir(parents=True)
    (config / "systemd/user" / UNIT).write_text(service, encoding="ascii")
    environment = {
        "PATH": os.environ["PATH"],
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(config),
        "HOME": str(tmp_path),
        "SYSTEMD": str(SYSTEMD),
    }
    place.control_group.mkdir()
    groups = [place.control_group]
    if _NAMED_HIERARCHY.exists():
        groups.append(_NAMED_HIERARCHY / place.control_group.name)
        groups[-1].mkdir()
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = ["unshare", *spaces, "sh", "-c", _BOOT, "sh", *(str(group) for group in groups)]
    with popen(command, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            asyncio.run(until(children.read_text, "it begins"))
            enter = ["nsenter", f"--target={children.read_text().split()[0]}", "--mount", "--pid"]
            speak = ["env", f"XDG_RUNTIME_DIR={runtime}", f"XDG_CONFIG_HOME={config}", "systemctl"]
            manager = Systemd((*enter, *speak, "--user"), runtime / "systemd/user")
            running = {"running", "degraded"}
            asyncio.run(
                until(lambda: manager.tell("is-system-running").strip() in running, "it has begun")
            )
            yield manager
        finally:
            process.kill()
            process.wait()
            for group in groups:
                cleared_of_all(group)


def cleared_of_all(group: Path) -> None:
    """Take a control group away, of whichever version, once its processes are gone."""
    files = list(group.rglob("cgroup.procs"))
    asyncio.run(until(lambda: not any(file.read_text() for file in files), "nobody is left"))
    for directory, _, _ in os.walk(group, topdown=False):
        Path(directory).rmdir()


@dataclass
class UnitBench(WriterBench):
    """A writer that runs as a service."""

    systemd: Systemd

    @property
    def kind(self) -> UnitKind:
        return UnitKind(self.systemd.systemctl, self.systemd.drop_ins)

    def resource(self) -> Resource:
        return self.kind.resource("writer", {"unit": UNIT}, self.place)

    def grip(self) -> Grip:
        return self.kind.grip("writer", {"unit": UNIT}, self.place)

    async def run_without_us(self) -> None:
        await asyncio.to_thread(self.systemd.tell, "start", UNIT)


@contextmanager
def booted(tmp_path: Path) -> Iterator[UnitBench]:
    """A bench, with all that belongs to it."""
    place = new_place(tmp_path)
    with mounted_disk(tmp_path) as disk:
        service = _SERVICE.format(
            writer=WRITER.replace("$", "$$").replace('"', '\\"'), file=disk / "lines"
        )
        with systemd(tmp_path, place, service) as manager:
            yield UnitBench(place, disk, manager)


@asynccontextmanager
async def make(tmp_path: Path) -> AsyncIterator[UnitBench]:
    """A bench for the conformance suite."""
    boot = booted(tmp_path)
    bench = await asyncio.to_thread(boot.__enter__)
    try:
        yield bench
    finally:
        await asyncio.to_thread(boot.__exit__, None, None, None)


HAS_SYSTEMD = SYSTEMD.exists() and shutil.which("systemctl") is not None
