"""What a camera wrote down about itself: the truth that recordings are compared with.

A text file that only grows and may be read at any time; a torn last line is not yet written.

    tandem-camera-ledger 1 CAMERA              first line: format version, camera number
    F NUMBER UTC_US K|P                        a picture was captured; K if decoding may begin there
    O SESSION UTC_US ADDRESS:PORT tcp|udp      a client began to play
    S SESSION FIRST LAST                       these pictures went completely to the kernel for it
    U SESSION FIRST LAST                       these were queued for it and never went
    C SESSION UTC_US REASON                    it plays no more; the reason is the rest of the line

`tandem.lab.counting` has the reader.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

LEDGER_VERSION = 1

_TAIL_BYTES = 1 << 20


class LedgerWriter:
    """Appends to one camera's ledger.

    Lines gather in memory until `take` and `append` carry them to the file, so that no disk delays
    a picture. After a restart the numbers go on where the file ends.

    Args:
        path: the file; created if absent.
        camera: camera number.

    Attributes:
        next_number: the first frame number that this file does not know.
    """

    def __init__(self, path: Path, camera: int) -> None:
        self._path = path
        self._lines: list[str] = []
        self._handed: dict[str, tuple[int, int]] = {}
        self._opened = set[str]()
        self.next_number = _next_number(path)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"tandem-camera-ledger {LEDGER_VERSION} {camera}\n")

    def captured(self, number: int, utc_us: int, *, is_keyframe: bool) -> None:
        """Note that a picture was taken."""
        self._lines.append(f"F {number} {utc_us} {'K' if is_keyframe else 'P'}")

    def opened(self, session: str, utc_us: int, peer: str, transport: str) -> None:
        """Note that a client began to play."""
        self._opened.add(session)
        self._lines.append(f"O {session} {utc_us} {peer} {transport}")

    def handed(self, session: str, numbers: Iterable[int]) -> None:
        """Note pictures of which every byte went to the kernel for a client."""
        for number in numbers:
            first, last = self._handed.get(session, (number, number - 1))
            if number != last + 1:
                self._lines.append(f"S {session} {first} {last}")
                first = number
            self._handed[session] = (first, number)

    def undelivered(self, session: str, numbers: Iterable[int]) -> None:
        """Note pictures that were queued for a client and never went."""
        self._lines += [f"U {session} {first} {last}" for first, last in _ranges(numbers)]

    def closed(self, session: str, utc_us: int, reason: str) -> None:
        """Note that a client plays no more; of one that never did, nothing was noted."""
        if session not in self._opened:
            return
        self._opened.remove(session)
        self._settle(session)
        self._lines.append(f"C {session} {utc_us} {reason}")

    def take(self) -> bytes:
        """Return what is not yet in the file, and forget it."""
        for session in list(self._handed):
            self._settle(session)
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines.clear()
        return text.encode()

    def append(self, lines: bytes) -> None:
        """Append lines to the file. Blocks; call it off the event loop."""
        with self._path.open("ab", buffering=0) as file:
            file.write(lines)

    def _settle(self, session: str) -> None:
        if session in self._handed:
            first, last = self._handed.pop(session)
            self._lines.append(f"S {session} {first} {last}")


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for number in numbers:
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def _next_number(path: Path) -> int:
    if not path.exists():
        return 1
    with path.open("rb+") as file:
        file.seek(0, 2)
        size = file.tell()
        start = max(0, size - _TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        file.truncate(start + whole)
    numbers = [int(line.split()[1]) for line in tail[:whole].split(b"\n") if line[:2] == b"F "]
    return max(numbers, default=0) + 1
