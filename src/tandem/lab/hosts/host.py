"""One host of a lab, as tests and commands use it: run programs there, look at its files."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tandem.lab.hosts.book import Book
from tandem.lab.hosts.commands import run
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.networks import cables, network

_NAMESPACES = ("mount", "uts", "ipc", "net", "pid")
_JOIN = 'echo $$ >"$0" && exec "$@"'
_DETACHED = 'echo $$; exec "$@" </dev/null >>"$0" 2>&1'


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a lab.

    Attributes:
        book: of the lab.
        name: of the host.
    """

    book: Book
    name: str

    @property
    def is_on(self) -> bool:
        """Whether it runs, frozen or not."""
        return self.book.load().host(self.name).is_on

    def address(self, link: str) -> IPv4Address:
        """Its address on a network; the first camera's, for the camera server.

        Args:
            link: "a", "b", "cameras" or "users".

        Raises:
            LabError: it is not connected there.
        """
        wanted = network(link)
        for cable in cables(self.name, self.book.load().cameras):
            if cable.network == wanted:
                return cable.addresses[0].ip
        raise LabError(f"{self.name} is not connected to the network {wanted.key}.")

    def outside(self, path: Path | str) -> Path:
        """Where a file of this host can be found from outside, while the host is on.

        Raises:
            LabError: the host is off.
        """
        root = self.book.load().running(self.name).root
        return root / Path(path).relative_to("/")

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs another one on this host, for whoever starts it himself.

        It ends when the host loses its power, and stands still while that does. A signal to it
        reaches `nsenter` alone: send it to the process group, or from within the host.

        Raises:
            LabError: the host is off or frozen.
        """
        state = self.book.load()
        process = state.running(self.name)
        if state.host(self.name).frozen:
            raise LabError(f"{self.name} is frozen. Thaw it first.")
        enter = [*process.enter(*_NAMESPACES), *argv]
        group = state.group(self.name)
        return enter if group is None else ["sh", "-c", _JOIN, str(group.members), *enter]

    def run(
        self, argv: Sequence[str], *, given: str | None = None, deadline_s: float = 10.0
    ) -> str:
        """Run a program on this host to its end.

        Args:
            argv: program and arguments.
            given: its standard input.
            deadline_s: when it is killed.

        Returns:
            Its standard output.

        Raises:
            LabError: the host is off or frozen, or the program failed or took too long.
        """
        called = f'"{shlex.join(argv)}" on {self.name}'
        return run(self.command(argv), given=given, deadline_s=deadline_s, called=called)

    def pids(self, pattern: str) -> list[int]:
        """The processes of this host with such a command line, that of the question left out.

        Args:
            pattern: a regular expression, for `pgrep --full`.

        Raises:
            LabError: the host is off or frozen.
        """
        asked = ["sh", "-c", 'pgrep --full "$1" | grep -vx $$ || true', "sh", pattern]
        return [int(pid) for pid in self.run(asked).split()]

    def spawn(self, argv: Sequence[str], log: Path | str) -> int:
        """Run a program on this host as a daemon; it lives on when this process ends.

        Args:
            argv: program and arguments.
            log: the host's file to which its output is added.

        Returns:
            Its number on this host.

        Raises:
            LabError: the host is off or frozen.
        """
        detached = ["setsid", "--fork", "sh", "-c", _DETACHED, str(log), *argv]
        return int(self.run(detached))
