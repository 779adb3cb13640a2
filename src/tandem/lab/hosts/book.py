"""A lab's directory: where everything is, and one change at a time.

lab.json         what the lab is (`state`)
journal.jsonl    what was done to it (`journal`)
lock             held during each change, so that two commands at once wait for each other
management/      sockets that every host can reach
hosts/NAME/      init.log, the stage of its init, and its disks: *.img, or plain directories
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.clock import Clock
from tandem.lab.hosts.errors import LabError
from tandem.lab.hosts.journal import Detail, Journal
from tandem.lab.hosts.rootfs import Source
from tandem.lab.hosts.state import LabState, load, save


class Book:
    """The files of one lab.

    Args:
        directory: where they are.
        clock: for the journal.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory.absolute()
        self.journal = Journal(self.directory / "journal.jsonl", clock)

    @property
    def name(self) -> str:
        """By which everything of this lab can be recognised, even if the directory is lost."""
        digest = hashlib.blake2b(os.fsencode(self.directory), digest_size=4).hexdigest()
        return f"tandem-lab-{digest}"

    @property
    def state_file(self) -> Path:
        """Where `state` is."""
        return self.directory / "lab.json"

    @property
    def management(self) -> Path:
        """What all hosts share, for sockets (`rootfs.MANAGEMENT`)."""
        return self.directory / "management"

    def log(self, host: str) -> Path:
        """Where errors of a host's start go."""
        return self._host(host) / "init.log"

    def stage(self, host: str) -> Path:
        """Where a host's files are put together."""
        return self._host(host) / "stage"

    def disk(self, state: LabState, host: str, disk: str) -> Source:
        """A disk of a host: a volume, or the one it has its system on (`SYSTEM`)."""
        is_image = state.no_images_why is None
        return Source(self._host(host) / (f"{disk}.img" if is_image else disk), is_image)

    def load(self) -> LabState:
        """What the lab is now.

        Raises:
            LabError: there is none.
        """
        return load(self.state_file)

    def save(self, state: LabState) -> None:
        """Remember what the lab is."""
        save(state, self.state_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others from changing the lab in the `with` statement.

        Raises:
            LabError: there is no lab.
        """
        try:
            fd = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            raise LabError(f"There is no lab in {self.directory}.") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def change(self, event: str, **details: Detail) -> Iterator[tuple[LabState, dict[str, Detail]]]:
        """Change the lab in the `with` statement; saved at its end, unless it fails.

        Yields:
            What the lab is, and the details of the journal's entry, both to be changed.
        """
        with self.locked():
            state = self.load()
            with self.journal.record(event, **details) as told:
                yield state, told
                self.save(state)

    def _host(self, host: str) -> Path:
        return self.directory / "hosts" / host
