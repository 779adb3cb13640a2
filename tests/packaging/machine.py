"""Servers with a real systemd as their first process, each a fresh root in namespaces of its own.

Nothing of Tandem is used here: what is installed on a server is the package. The servers are on one
network, which is nobody else's, and share the clock and the kernel of this machine.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
BOOT = Path(__file__).with_name("boot.sh")
COMMAND_S = 240.0
BOOT_S = 90.0
POLL_S = 0.3


class MachineError(Exception):
    """A server did not do as told; with its words."""


def run(command: Sequence[str | Path], *, deadline_s: float = COMMAND_S) -> str:
    """Run a command and return what it prints; a failure shows all that it said."""
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=deadline_s,
        check=False,
    )
    if done.returncode:
        raise MachineError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_until(what: str, holds: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Wait until something holds; a command that fails says that it does not hold yet."""
    end_s, said = monotonic() + deadline_s, ""
    while monotonic() < end_s:
        try:
            if holds():
                return
        except MachineError as error:
            said = str(error)
        sleep(POLL_S)
    raise MachineError(f"not within {deadline_s:.0f} s: {what}. {said}")


def cgroup2() -> Path | None:
    """Where control groups of version 2 are mounted."""
    return next((top for top in UNIFIED if (top / "cgroup.procs").exists()), None)


@dataclass
class Network:
    """A bridge in a network namespace of its own, which a sleeping process holds."""

    holder: subprocess.Popen[bytes]

    def command(self, *words: str | Path) -> list[str | Path]:
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *words]

    def attach(self, pid: int, name: str, address: str) -> None:
        """Give a server its network card."""
        ip = self.command("ip")
        run([*ip, "link", "add", f"v-{name}", "type", "veth", "peer", "eth0", "netns", str(pid)])
        run([*ip, "link", "set", f"v-{name}", "master", "br0", "up"])
        own = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip"]
        run([*own, "address", "add", f"{address}/24", "dev", "eth0"])
        run([*own, "link", "set", "eth0", "up"])
        run([*own, "link", "set", "lo", "up"])


@contextmanager
def network(address: str) -> Iterator[Network]:
    """Make the network; this machine's processes may be put into it, at that address."""
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as holder:
        try:
            made = Network(holder)
            wait_until("the network", lambda: is_apart(holder.pid))
            for words in (
                ["link", "add", "br0", "type", "bridge"],
                ["address", "add", f"{address}/24", "dev", "br0"],
                ["link", "set", "br0", "up"],
                ["link", "set", "lo", "up"],
            ):
                run(made.command("ip", *words))
            yield made
        finally:
            holder.kill()


def is_apart(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


@dataclass
class Machine:
    """One server.

    Attributes:
        name: of it.
        directory: for its disk, which outlives loss of power.
        base: the root that it was made from, which it does not change.
        network: that it is on.
        address: its address there.
    """

    name: str
    directory: Path
    base: Path
    network: Network
    address: str
    _booted: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _init: int = field(default=0, init=False)

    @property
    def root(self) -> Path:
        """Its file system, from outside, while it runs."""
        return Path(f"/proc/{self._init}/root")

    @property
    def group(self) -> Path:
        top = cgroup2()
        assert top
        return top / f"tandem-installed-{os.getpid()}-{self.name}"

    def boot(self) -> None:
        """Switch it on, and wait until it has begun."""
        self.directory.mkdir(exist_ok=True)
        self.group.mkdir()
        with (self.directory / "console.log").open("ab") as console:
            self._booted = subprocess.Popen(
                ["sh", BOOT, self.group, self.base, self.directory],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        wait_until("its init", self._find_init)
        self.network.attach(self._init, self.name, self.address)
        states = ("running", "degraded")
        wait_until(
            f"{self.name} has booted",
            lambda: self.sh("systemctl is-system-running --wait || true").strip() in states,
            BOOT_S,
        )

    def _find_init(self) -> bool:
        """The first process of the namespaces, once it is systemd."""
        assert self._booted
        children = Path(f"/proc/{self._booted.pid}/task/{self._booted.pid}/children")
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                self._init = int(pid)
                return is_apart(self._init)
        return False

    def cut_power(self) -> None:
        """End all of it at once; its disk keeps what was written."""
        if not self._booted:
            return
        self._booted.send_signal(signal.SIGKILL)  # its first child, and so all in it, dies with it
        self._booted.wait()
        self._booted = None
        wait_until("all of it is gone", lambda: "populated 0" in self._events(), 30)
        for directory, _, _ in os.walk(self.group, topdown=False):
            Path(directory).rmdir()

    def _events(self) -> str:
        return (self.group / "cgroup.events").read_text()

    def sh(self, script: str, *, deadline_s: float = COMMAND_S) -> str:
        """Run a shell as its root and return what it prints."""
        spaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root"]
        enter = ["nsenter", f"--target={self._init}", *spaces]
        return run([*enter, *clean, "sh", "-euc", f"cd /; {script}"], deadline_s=deadline_s)


def make_base(suite: str, place: Path, packages: Sequence[str]) -> Path:
    """Make a fresh minimal root with systemd, from this machine's own archive where it has one."""
    root = place / suite
    command = ["mmdebstrap", "--quiet", "--variant=minbase"]
    if suite in UBUNTU:
        command.append("--components=main,universe")
    run([*command, f"--include={','.join(packages)}", suite, root], deadline_s=600)
    (root / "etc/machine-id").write_text("")
    return root


UBUNTU = {"noble"}


def lacking() -> str:
    """What this machine lacks for any of it, as a sentence; nothing if it lacks nothing."""
    if os.geteuid() != 0:
        return "Servers with a systemd of their own can only be made by root."
    programs = ("mmdebstrap", "unshare", "nsenter", "ip", "dpkg-deb")
    if missing := [name for name in programs if not shutil.which(name)]:
        return f"Not on this machine: {', '.join(missing)}."
    if not cgroup2():
        return "Control groups of version 2 are not mounted."
    return ""
