"""A recorder that is to be killed: `python -m tests.archive.killed_recorder <root> <first number>`.

Says on a line of its own what is durable: the segment's number and how many fragments.
"""

import sys
from pathlib import Path
from random import Random

from tests.archive.material import BASE_US, Writing, mounted_at

from tandem.archive.cleaner import delete
from tandem.archive.deletion import Deletion, Reason
from tandem.archive.rows import State

MAX_FRAGMENTS = 8
SEGMENT_US = 60_000_000


def main(root: Path, first: int) -> None:
    random = Random(first)
    with mounted_at(root) as mounted:
        for number in range(first, first + 10_000):
            writing = Writing(mounted, number, BASE_US + number * SEGMENT_US)
            for at in range(random.randint(1, MAX_FRAGMENTS)):
                writing.append()
                if random.random() < 0.7:
                    writing.sync()
                    say("durable", number, at + 1)
            segment = writing.close()
            say("durable", number, len(writing.points))
            if random.random() < 0.3 and segment.state is State.CLOSED:
                say("deleting", number, 0)
                delete(mounted.volume, mounted.index, [Deletion(segment, Reason.SPACE, False)])


def say(what: str, number: int, fragments: int) -> None:
    sys.stdout.write(f"{what} {number} {fragments}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
