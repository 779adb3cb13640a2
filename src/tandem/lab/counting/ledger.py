"""Reading a camera's ledger. Its format stands in `tandem.lab.camera.ledger`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LEDGER_VERSION = 1


class LedgerError(Exception):
    """A ledger cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A picture that a camera took.

    Attributes:
        utc_us: when it was taken.
        is_keyframe: whether decoding may begin there.
    """

    utc_us: int
    is_keyframe: bool


@dataclass(slots=True)
class ClientSession:
    """What one client was sent.

    Attributes:
        peer: its address:port.
        transport: `tcp` or `udp`.
        opened_us: when it began to play, UTC.
        closed_us: when it ended, UTC; None while it plays.
        reason: why it ended.
        delivered: first and last number of each run that went completely to the kernel.
        undelivered: the same of what was queued and never went.
    """

    peer: str
    transport: str
    opened_us: int
    closed_us: int | None = None
    reason: str = ""
    delivered: list[tuple[int, int]] = field(default_factory=list)
    undelivered: list[tuple[int, int]] = field(default_factory=list)

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of the pictures that were delivered."""
        for first, last in self.delivered:
            yield from range(first, last + 1)


@dataclass(slots=True)
class Ledger:
    """What a camera took and sent.

    Attributes:
        camera: camera number.
        frames: the pictures by number, in the order of their numbers.
        sessions: the clients by session id.
    """

    camera: int
    frames: dict[int, TakenFrame] = field(default_factory=dict)
    sessions: dict[str, ClientSession] = field(default_factory=dict)

    def delivered(self, peers: Iterable[str] | None = None) -> set[int]:
        """Return the pictures that were delivered to at least one client.

        Args:
            peers: addresses, without port, of the clients that matter; None for all.
        """
        wanted = None if peers is None else set(peers)
        return {
            number
            for session in self.sessions.values()
            if wanted is None or session.peer.rpartition(":")[0] in wanted
            for number in session.numbers()
        }


def read_ledger(path: Path) -> Ledger:
    """Read a ledger, also while its camera writes it.

    Args:
        path: the file.

    Returns:
        What is in its whole lines; a torn last line is left out.

    Raises:
        LedgerError: the file is missing or is no ledger of this version.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"The ledger {path} cannot be read: {error.strerror}.") from error
    first, *lines = text[: text.rfind(b"\n") + 1].decode().splitlines() or [""]
    words = first.split()
    if words[:2] != ["tandem-camera-ledger", str(LEDGER_VERSION)] or len(words) != 3:
        raise LedgerError(f"{path} is no camera ledger of version {LEDGER_VERSION}.")
    ledger = Ledger(int(words[2]))
    for place, line in enumerate(lines, start=2):
        try:
            _read_line(ledger, line)
        except (IndexError, KeyError, ValueError) as error:
            raise LedgerError(f"Line {place} of {path} makes no sense: {line!r}.") from error
    return ledger


def _read_line(ledger: Ledger, line: str) -> None:
    kind, name, *rest = line.split(maxsplit=3)
    if kind == "F":
        ledger.frames[int(name)] = TakenFrame(int(rest[0]), rest[1] == "K")
    elif kind == "O":
        peer, transport = rest[1].split()
        ledger.sessions[name] = ClientSession(peer, transport, int(rest[0]))
    elif kind == "S":
        ledger.sessions[name].delivered.append((int(rest[0]), int(rest[1])))
    elif kind == "U":
        ledger.sessions[name].undelivered.append((int(rest[0]), int(rest[1])))
    elif kind == "C":
        ledger.sessions[name].closed_us = int(rest[0])
        ledger.sessions[name].reason = rest[1]
    else:
        raise ValueError(kind)
