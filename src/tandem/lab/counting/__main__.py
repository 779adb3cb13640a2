"""`python -m tandem.lab.counting`: count the pictures in recordings against a camera's ledger."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import CountError, count_frames
from tandem.lab.counting.ledger import Ledger, LedgerError, read_ledger

_SHOWN = 10
"""Runs of lost pictures, and the like, that the table shows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, and print what became of the pictures.

    Args:
        arguments: command line; the process's own unless given.

    Returns:
        Exit status: 0 if all that was sent is there once and in order, 1 if not, 2 if a file
        cannot be read.
    """
    given = _parser().parse_args(arguments)
    try:
        ledger = read_ledger(given.ledger)
        count = count_frames(given.files)
    except (CountError, LedgerError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    span = Span(given.first, given.last, given.since, given.until)
    result = compare(count, ledger, span)
    sys.stdout.write(_json(result) if given.json else _table(result, ledger))
    return 0 if result.exact else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem.lab.counting", description=__doc__)
    parser.add_argument("ledger", type=Path, help="the camera's ledger")
    parser.add_argument("files", type=Path, nargs="+", help="recordings in the order of time")
    parser.add_argument("--first", type=int, help="lowest frame number that matters")
    parser.add_argument("--last", type=int, help="highest frame number that matters")
    parser.add_argument("--since", type=_time_us, help="earliest capture time, RFC 3339")
    parser.add_argument("--until", type=_time_us, help="latest capture time, RFC 3339")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _time_us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} lacks its offset from UTC, such as Z.")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def _json(result: Comparison) -> str:
    return json.dumps({"version": 1, "exact": result.exact, **asdict(result)}) + "\n"


def _table(result: Comparison, ledger: Ledger) -> str:
    rows = [
        ("camera", str(result.camera)),
        ("captured", str(result.captured)),
        ("sent", str(result.sent)),
        ("found", str(result.found)),
        ("lost", _list(result.lost_frames, [_run(one, ledger) for one in result.lost])),
        ("doubled", _list(len(result.doubled), map(str, result.doubled))),
        ("out of order", _list(len(result.out_of_order), map(str, result.out_of_order))),
        ("wrong camera", str(result.wrong_camera)),
        ("unmarked", str(result.unmarked)),
        ("unknown", _list(len(result.unknown), map(str, result.unknown))),
    ]
    return "".join(f"{name:<14}{value}\n" for name, value in rows)


def _run(run: tuple[int, int], ledger: Ledger) -> str:
    taken_s = ledger.frames[run[0]].utc_us / 1_000_000
    taken = datetime.fromtimestamp(taken_s, UTC).isoformat(timespec="milliseconds")
    return f"{run[0]}-{run[1]} at {taken}"


def _list(total: int, items: Iterable[str]) -> str:
    known = list(items)
    more = f", and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{total} ({', '.join(known[:_SHOWN])}{more})" if known else "0"


if __name__ == "__main__":
    sys.exit(main())
