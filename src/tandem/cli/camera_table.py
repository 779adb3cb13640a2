"""A table of cameras, as CSV: read and checked as a whole before anything is entered. Pure.

The head names the columns. An empty cell leaves what a camera has, or takes the default where it is
new. Nothing of a password is ever in a problem.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tandem.cli.camera_fields import DEFAULTS, checked, id_from, with_changes
from tandem.cli.quantities import QuantityError, parse_duration_s, parse_size_bytes
from tandem.cluster.model import Protection
from tandem.node.control.protocol import Json, KeptLogin, NewLogin, RefusedError
from tandem.recording.camera import CameraError, Login, TransportPreference

MOST_PROBLEMS: Final = 20
_LONGEST_SHOWN: Final = 40


class TableError(Exception):
    """A table cannot be used.

    Attributes:
        problems: what is wrong, each with its line, and its column where it is one.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Row:
    """One camera of a table.

    Attributes:
        line: where it ends in the file.
        camera_id: given, or made of its name.
        given: fields as `with_changes` takes them.
        login: what its login is to be.
    """

    line: int
    camera_id: str
    given: Json
    login: NewLogin = field(repr=False)

    def document(self, present: Json | None) -> Json:
        """The camera as it is to be.

        Args:
            present: as it is; None: it is new.

        Raises:
            CameraError: a URL cannot be used.
            RefusedError: the agent would refuse it.
        """
        base = present or {**DEFAULTS, "name": self.camera_id, "camera_id": self.camera_id}
        return checked(with_changes(base, self.given))


def read_table(data: bytes) -> list[Row]:
    """Read a table.

    Args:
        data: UTF-8, with or without a byte order mark; its columns divided by commas, or by
            semicolons.

    Raises:
        TableError: it cannot be used; all that is wrong is told, to a limit.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError([f"line {line}: it is not UTF-8. Save the table as CSV UTF-8."]) from None
    head = text.split("\n", 1)[0]
    divider = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=divider, strict=True)
    problems: list[str] = []
    rows: list[Row] = []
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        problems += _head_problems(columns)
        if not problems:
            rows = list(_rows(columns, reader, problems))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: it is not CSV: {error}.")
    problems += _doubles(rows)
    if not rows and not problems:
        problems.append("It names no camera: nothing follows its first line.")
    if problems:
        raise TableError(problems)
    return rows


def _rows(columns: list[str], reader: Any, problems: list[str]) -> Iterator[Row]:  # noqa: ANN401
    for cells in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(problems) >= MOST_PROBLEMS:
            problems.append("There may be more.")
            return
        if len(cells) != len(columns):
            problems.append(
                f"line {line}: it has {len(cells)} columns, and the head has {len(columns)}."
                " Put cells with a comma in them in quotes."
            )
            continue
        found = dict(zip(columns, cells, strict=True))
        here: list[str] = []
        row = _row(line, found, here)
        if not here:
            here += _impossible(row)
        problems += here
        if not here:
            yield row


def _row(line: int, cells: Mapping[str, str], problems: list[str]) -> Row:
    given: Json = {}
    for column, cell in cells.items():
        if column not in _COLUMNS or not cell.strip():
            continue
        name, parse = _COLUMNS[column]
        try:
            given[name] = parse(cell.strip())
        except ValueError as problem:
            problems.append(f"line {line}, column {column}: {problem}")
    name = cells.get("name", "").strip()
    camera_id = cells.get("id", "").strip() or id_from(name)
    if not camera_id:
        problems.append(f"line {line}: the camera has neither an id nor a name to make one of.")
    return Row(line, camera_id, given, _login(line, cells, problems))


def _login(line: int, cells: Mapping[str, str], problems: list[str]) -> NewLogin:
    user, password = cells.get("user", "").strip(), cells.get("password", "")
    if user and "password" not in cells:
        problems.append(f"line {line}, column user: there is no column for its password.")
    if password and not user:
        problems.append(f"line {line}, column password: it has no user.")
    return Login(user, password) if user else KeptLogin.KEPT


def _impossible(row: Row) -> list[str]:
    """What is wrong with a row even if its camera were new, or had all that the row lacks."""
    known = {"name": "main", "url": "rtsp://192.0.2.1/", "recorded": True}
    present = None if "url" in row.given else {
        **DEFAULTS, "name": row.camera_id, "camera_id": row.camera_id, "streams": [known]
    }  # fmt: skip
    if present is not None and "sub_live_only" in row.given:
        present["streams"] = [known, {**known, "name": "sub"}]
    try:
        row.document(present)
    except (CameraError, RefusedError) as problem:
        return [f"line {row.line}: {_ended(str(problem))}"]
    return []


def _doubles(rows: list[Row]) -> list[str]:
    seen: dict[str, int] = {}
    return [
        f"line {row.line}: camera '{row.camera_id}' is in line {seen[row.camera_id]} already."
        for row in rows
        if seen.setdefault(row.camera_id, row.line) != row.line
    ]


def _head_problems(columns: list[str]) -> list[str]:
    if not any(columns):
        return ["line 1: the table is empty. Its first line names the columns."]
    known = [*_IDENTITY, *_COLUMNS]
    problems = [
        f"line 1, column {place}: there is no column {_quoted(name)}. There are {', '.join(known)}."
        for place, name in enumerate(columns, 1)
        if name not in known
    ]
    problems += [
        f"line 1: the column {name} is there twice."
        for name in sorted(set(columns))
        if columns.count(name) > 1
    ]
    if not {"id", "name"} & set(columns):
        problems.append("line 1: there is neither a column id nor a column name.")
    return problems


def _quoted(cell: str) -> str:
    """A cell in a message; none that may be a URL with a login in it."""
    if "@" in cell:
        return "that is called what has an @ in it"
    return repr(cell if len(cell) <= _LONGEST_SHOWN else f"{cell[:_LONGEST_SHOWN]}…")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _text(cell: str) -> str:
    return cell


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if cell.lower() not in choices:
            raise ValueError(f"{_quoted(cell)} is none of {', '.join(choices)}.")
        return cell.lower()

    return parse


def _flag(cell: str) -> bool:
    return _choice("yes", "no", "true", "false", "1", "0")(cell) in {"yes", "true", "1"}


def _rate(cell: str) -> float:
    try:
        rate = float(cell.replace(",", "."))
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise ValueError(f"{_quoted(cell)} is no bit rate. Write Mbit/s, such as 4.5.")
    return rate


def _duration(cell: str) -> int:
    try:
        return parse_duration_s(cell)
    except QuantityError:
        raise ValueError(f"{_quoted(cell)} is no duration. Write, say, 10m, 36h or 30d.") from None


def _size(cell: str) -> int:
    try:
        return parse_size_bytes(cell)
    except QuantityError:
        raise ValueError(f"{_quoted(cell)} is no size. Write, say, 500G, 1.5TB or 2TiB.") from None


def _or_none(parse: Callable[[str], int]) -> Callable[[str], int | None]:
    return lambda cell: None if cell.lower() == "none" else parse(cell)


_IDENTITY: Final = ("id", "user", "password")
_COLUMNS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "name": ("name", _text),
    "url": ("url", _text),
    "sub": ("sub", _text),
    "sub_live_only": ("sub_live_only", _flag),
    "protection": ("protection", _choice(*(it.value for it in Protection))),
    "window": ("window_s", _duration),
    "keep": ("keep_s", _or_none(_duration)),
    "keep_size": ("keep_bytes", _or_none(_size)),
    "audio": ("audio", _flag),
    "transport": ("transport", _choice(*(it.value for it in TransportPreference))),
    "bit_rate": ("bit_rate_mbps", _rate),
}
"""Each column, the field that it gives, and how it is read."""
