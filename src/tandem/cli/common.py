"""What commands that ask this node's agent have in common: the way to it, errors, tables."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO, TypeVar

import click

from tandem.node.control.client import AskingError, ControlClient
from tandem.node.control.protocol import VERSION
from tandem.node.home import Home
from tandem.node.settings import NodeSettings, default_path, read_settings
from tandem.node.toml_table import SettingsError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
WIDTH: Final = 100
"""Of a line, where nothing says that there is less room."""

_LEAST_WIDTH: Final = 60
"""Narrower, lines only get harder to read."""

_LOGIN_IN_A_URL: Final = re.compile(r"//.*@")

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_option(command: Command) -> Command:
    """The option `--settings`, as `settings_path`."""
    return click.option(
        "--settings",
        "settings_path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=default_path,
        show_default="/etc/tandem/node.toml, or that of `tandem up`",
        help="of this node; tells where its agent listens",
    )(command)


def json_option(command: Command) -> Command:
    """The option `--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="print JSON")(command)


def settings_at(path: Path) -> NodeSettings:
    """Read this node's settings.

    Raises:
        AskingError: they cannot be used.
    """
    try:
        return read_settings(path)
    except SettingsError as problem:
        raise AskingError(str(problem)) from None


@contextmanager
def asking(settings_path: Path, *, as_json: bool) -> Iterator[ControlClient]:
    """This node's agent; what goes wrong ends the command with exit status 1.

    Args:
        settings_path: of this node.
        as_json: whether a failure is told as JSON, on standard output.
    """
    try:
        yield ControlClient(Home(settings_at(settings_path).data).socket)
    except AskingError as problem:
        fail(str(problem), as_json=as_json)


def fail(problem: str, *, as_json: bool) -> NoReturn:
    """End the command with exit status 1."""
    told = ended(redacted(problem))
    if as_json:
        echo_json({"version": VERSION, "problem": told})
    else:
        click.echo(wrapped(clean(told), width=line_width(sys.stderr)), err=True)
    raise SystemExit(EXIT_FAILED)


def redacted(text: str) -> str:
    """Without what may be a login in a URL that somebody typed."""
    return _LOGIN_IN_A_URL.sub("//***@", text)


def own_name() -> str:
    """How this program can be called from here: a checkout's is in no PATH."""
    ours = Path(sys.argv[0])
    found = shutil.which(ours.name)
    is_in_path = found is not None and Path(found).resolve() == ours.resolve()
    return ours.name if is_in_path else str(ours)


def ended(text: str) -> str:
    """A message with its full stop, so that another may follow it."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def echo_json(document: object) -> None:
    """Print a document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def clean(text: str) -> str:
    """Without anything that moves a terminal's cursor, whatever a camera has said."""
    return "".join(it if it.isprintable() or it == "\n" else "?" for it in text)


def line_width(stream: TextIO) -> int:
    """How long a line may be: no longer than a terminal is wide, if that is where it goes."""
    if not stream.isatty():
        return WIDTH
    return max(_LEAST_WIDTH, min(WIDTH, shutil.get_terminal_size().columns))


def wrapped(text: str, indent: str = "", hang: str = "", width: int = WIDTH) -> str:
    """Text in lines; words longer than a line, such as URLs, stay whole.

    Args:
        text: one paragraph.
        indent: before the first line.
        hang: before all others.
        width: of a line.
    """
    lines, line = [], indent
    for word in text.split():
        if len(line) + len(word) >= width and line.strip():
            lines.append(line.rstrip())
            line = hang
        line += f"{word} "
    return "\n".join([*lines, line.rstrip()])


def table(rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows with their columns aligned, two blanks apart.

    Args:
        rows: the first is the head.
        right: columns that stand at their right edge.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def shortened(text: str, most: int) -> str:
    """A text that is no longer than `most` characters, and says so if it was."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def by_number(camera: dict[str, Any]) -> list[tuple[int, str]]:
    """A key to sort cameras by their ids: camera-2 before camera-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", camera["camera_id"])
    return [(int(it), "") if it.isdigit() else (-1, it) for it in parts]


def counted(number: int, thing: str) -> str:
    """A number of things: "1 camera", "3 cameras"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
