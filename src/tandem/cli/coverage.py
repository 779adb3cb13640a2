"""`tandem coverage`: what each node has of a camera, what all of them lack, and why."""

from pathlib import Path

import click

from tandem.archive.export.source import Unreachable
from tandem.cli.camera_fields import Discreet
from tandem.cli.common import counted, echo_json
from tandem.cli.recordings import (
    EXIT_MISSING,
    EXIT_NOTHING,
    Question,
    asks_for_recordings,
    echo_missing,
    echo_unreachable,
    length,
    moment,
    opened,
    read_interval,
)
from tandem.clock import SystemClock
from tandem.node.retrieval.coverage import CopyCoverage, Coverage, ask_holdings, compare
from tandem.node.retrieval.tasks import Tasks, split, tasks_of


@click.command("coverage", cls=Discreet)
@asks_for_recordings
def coverage_command(
    camera: str,
    from_text: str,
    to_text: str,
    stream: str,
    as_json: bool,
    settings_path: Path,
) -> None:
    """Tell what each node has of CAMERA over a time, what all of them lack, and why.

    CAMERA is an id or a name. TIME is RFC 3339 (2026-11-22T14:00:00+01:00), or 2026-11-22 14:00 in
    this machine's time zone, or how long ago (-10m, -90s, -1h30m), or now.

    Exit status: 0 all of the time is recorded, 3 some of it is missing, 4 nothing is recorded, 1 it
    failed, 2 wrong usage.
    """
    now_us = SystemClock().utc_us()
    wanted = read_interval(from_text, to_text, now_us)
    with opened(Question(camera, stream, wanted, settings_path, as_json), now_us) as found:
        recordings = found.recordings
        held = ask_holdings(
            recordings.sources, recordings.unreachable, found.camera_id, stream, found.wanted
        )
        told = compare(found.camera_id, stream, found.wanted, held)
    if as_json:
        echo_json(told.to_json())
    else:
        _echo(told, tasks_of(found.camera, now_us))
    if not told.intervals:
        raise SystemExit(EXIT_NOTHING)
    if told.missing:
        raise SystemExit(EXIT_MISSING)


def _echo(told: Coverage, tasks: Tasks | None) -> None:
    click.echo(
        f"Camera {told.camera_id} ({told.stream}), {moment(told.wanted.from_us)} - "
        f"{moment(told.wanted.to_us)}"
    )
    for copy in told.copies:
        _echo_copy(copy, tasks)
    click.echo(
        "Missing from all copies:" if told.missing else "Nothing is missing from all copies."
    )
    for lacking, nodes in told.missing:
        echo_missing(lacking.from_us, lacking.to_us, lacking.cause, lacking.detail, nodes)
    echo_unreachable(
        [Unreachable(copy.node_id, copy.unreachable) for copy in told.copies if copy.unreachable]
    )


def _echo_copy(copy: CopyCoverage, tasks: Tasks | None) -> None:
    if not copy.intervals:
        if not copy.unreachable:
            click.echo(f"{copy.node_id}: nothing")
        return
    recorded_us = sum(end - start for start, end in copy.intervals)
    hold = "holds" if copy.segments == 1 else "hold"
    click.echo(
        f"{copy.node_id}: {length(recorded_us)}, in {counted(copy.segments, 'file')} that {hold} "
        f"{copy.frames:,} frames in all"
    )
    for start, end in copy.intervals:
        click.echo(f"  {moment(start)} - {moment(end)}  {length(end - start):>10}")
    for gap in copy.gaps:
        for lacking, is_kept in split(gap, copy.node_id, tasks):
            why = f"not here, {gap.cause}" if is_kept else "not this node's to keep"
            echo_missing(*lacking, why, gap.detail, ())
