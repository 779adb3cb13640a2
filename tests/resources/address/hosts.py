"""Hosts on one bridge, each a network namespace, without root where users may have namespaces.

The bridge is in a namespace of its own. What runs on a host is an ordinary process that entered it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import tandem

SOURCE = str(Path(tandem.__path__[0]).parent)
TOP = str(Path(__file__).parents[3])
ENVIRONMENT = os.environ | {
    "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",
    "PYTHONPATH": f"{SOURCE}:{TOP}",
}


class Namespace:
    """A network namespace, as long as the process that is in it sleeps."""

    def __init__(self, outer: "Namespace | None" = None) -> None:
        is_root = os.geteuid() == 0
        user = [] if is_root or outer else ["--user", "--map-root-user"]
        enter = outer.enter("true")[:-1] if outer else []
        self._has_user: bool = bool(user) or (outer is not None and outer._has_user)
        script = "echo $$; exec sleep infinity"
        self._process = subprocess.Popen(
            [*enter, "unshare", *user, "--net", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        assert self._process.stdout
        self.pid = int(self._process.stdout.readline())
        self.ip("link set lo up")

    def enter(self, *argv: str) -> list[str]:
        """A command line that runs another one in it."""
        user = ["--user", "--preserve-credentials"] if self._has_user else []
        return ["nsenter", f"--target={self.pid}", *user, "--net", *argv]

    def ip(self, *lines: str) -> str:
        """Run lines of `ip`."""
        done = subprocess.run(
            self.enter("ip", "-batch", "-"),
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=ENVIRONMENT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def popen(self, *argv: str) -> "subprocess.Popen[str]":
        """Run a program in it, with pipes."""
        return subprocess.Popen(
            self.enter(*argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
        )

    def python(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run Python in it, with the project's modules."""
        return self.popen(sys.executable, *arguments)

    def has(self, ip: str) -> bool:
        """Whether an interface in it has the address."""
        return f" {ip}/" in self.ip("address show")

    def close(self) -> None:
        """End it; the kernel takes its network away when all in it have ended."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Lan:
    """A bridge and hosts on it: `eth0`, 10.7.0.N/24 and fd07::N/64, gateway 10.7.0.254."""

    def __init__(self) -> None:
        self._switch = Namespace()
        self._hosts: list[Namespace] = []
        self._switch.ip(
            "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set br0 up",
        )

    def host(self) -> Namespace:
        """Plug a new host in."""
        host = Namespace(self._switch)
        self._hosts.append(host)
        number = len(self._hosts)
        mac = f"02:00:00:00:07:{number:02x}"
        self._switch.ip(
            f"link add port{number} type veth peer name eth0 address {mac} netns {host.pid}",
            f"link set port{number} master br0 up",
        )
        host.ip(
            f"address add 10.7.0.{number}/24 brd + dev eth0",
            f"address add fd07::{number}/64 dev eth0 nodad",
            "link set eth0 up",
            "route add default via 10.7.0.254",
        )
        return host

    def plug(self, number: int) -> None:
        """Put a host's cable back, at the switch."""
        self._switch.ip(f"link set port{number} up")

    def unplug(self, number: int) -> None:
        """Pull a host's cable, at the switch."""
        self._switch.ip(f"link set port{number} down")

    def close(self) -> None:
        """Take it all away."""
        for each in (*self._hosts, self._switch):
            each.close()


def replug(lan: Lan, number: int) -> None:
    """Give a host a new interface in place of the one it lost, with its own addresses."""
    host = lan._hosts[number - 1]
    mac = f"02:00:00:00:07:{number:02x}"
    lan._switch.ip(
        f"link add port{number} type veth peer name eth0 address {mac} netns {host.pid}",
        f"link set port{number} master br0 up",
    )
    host.ip(
        f"address add 10.7.0.{number}/24 brd + dev eth0",
        f"address add fd07::{number}/64 dev eth0 nodad",
        "link set eth0 up",
    )
