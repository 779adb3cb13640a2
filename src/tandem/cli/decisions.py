"""`tandem decisions`: what was planned, and from what."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from tandem.cli.common import EXIT_FAILED, clean, counted, echo_json, fail, json_option
from tandem.cluster.document import StoredValueError
from tandem.cluster.plan.saved import CameraInput, Decision
from tandem.node.control.protocol import VERSION

MOST_BYTES: Final = 1 << 30
"""Of a decision, unpacked; one of ten thousand cameras has a few million."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@click.group()
def decisions() -> None:
    """Look into what was planned, and from what."""


@decisions.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def replay(file: Path, *, as_json: bool) -> None:
    """Plan again from what is saved in FILE, and compare.

    A node that plans saves what each plan was made from in DATA/decisions, where DATA is the
    directory of its settings. The same must come of it everywhere and always. Where this prints a
    difference (- as saved, + as planned now), the release is another one, or there is a fault to
    report.

    Exit status: 0 the same was planned, 1 something else was, or FILE cannot be used, 2 wrong
    usage.
    """
    try:
        decision = Decision.decode(_read(file))
    except StoredValueError as problem:
        fail(f"{file} holds no decision that can be repeated: {problem}", as_json=as_json)
    except (OSError, EOFError, zlib.error) as problem:
        fail(f"{file} cannot be read: {problem}.", as_json=as_json)
    outcome = decision.made_from.outcome()
    difference = decision.difference(outcome)
    if as_json:
        echo_json(
            {
                "version": VERSION,
                "same": not difference,
                "node_id": decision.node_id,
                "release": decision.release,
                "at_us": decision.at_us,
                "outcome": outcome,
                "difference": difference,
            }
        )
    else:
        _echo(decision, difference or outcome, is_same=not difference)
    if difference:
        raise SystemExit(EXIT_FAILED)


def _echo(decision: Decision, lines: list[str], *, is_same: bool) -> None:
    for line in lines:
        click.echo(clean(line))
    what = "camera" if isinstance(decision.made_from, CameraInput) else "resource"
    wanted = counted(len(decision.made_from.wanted), what)
    moment = _EPOCH + timedelta(microseconds=decision.at_us)
    made = (
        f"{wanted}, planned by node {decision.node_id} at {moment:%Y-%m-%dT%H:%M:%S.%fZ} with"
        f" Tandem {decision.release}"
    )
    click.echo(f"{made}: {'the same' if is_same else 'SOMETHING ELSE'} is planned now.")


def _read(file: Path) -> bytes:
    """Packed or not."""
    with file.open("rb") as opened:
        is_packed = opened.read(2) == b"\x1f\x8b"
    with gzip.open(file) if is_packed else file.open("rb") as opened:
        data = opened.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise StoredValueError(f"It is larger than {MOST_BYTES >> 20} MiB.")
    return data
