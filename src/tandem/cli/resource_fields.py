"""What `tandem resource add` and `edit` take: options and files, as the fields of a definition."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tandem.cli.quantities import QuantityError, parse_duration_s

Json = dict[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])

_MANY: Final = (
    ("--require", "requires", "NAME", "what a node must provide: interface:eth0"),
    ("--node", "nodes", "NODE", "where alone it may run; several times for several"),
    ("--zone", "zones", "ZONE", "in which zones alone it may run"),
    ("--prefer", "prefers", "NODE", "the best node first; several times"),
    ("--together", "together", "NAME", "must be on one node with this resource"),
    ("--never-together", "never_together", "NAME", "must never be on one node with it"),
    ("--near", "near", "NAME", "should be on its node"),
    ("--apart", "apart", "NAME", "should be on another node, and in another zone"),
    ("--after", "after", "NAME", "must run before this one"),
)
_ONE: Final = (
    ("--kind", "kind", str, "address, process or unit"),
    ("--mode", "mode", click.Choice(["strict", "soft"]), "strict: never on two nodes"),
    ("--group", "group", str, "on one node with its group, started in order"),
    ("--group-place", "group_place", click.IntRange(0), "where in its group"),
    ("--migration-threshold", "migration_threshold", click.IntRange(1), "failures on one node"),
    ("--restart-budget", "restart_budget", click.IntRange(1), "failures everywhere"),
)


def definition_options(command: Command) -> Command:
    """The fields of a definition, as options."""
    for flag, name, kind, text in reversed(_ONE):
        command = click.option(flag, name, type=kind, help=text)(command)
    for flag, name, metavar, text in reversed(_MANY):
        command = click.option(flag, name, multiple=True, metavar=metavar, help=text)(command)
    for decorate in (
        click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="of KIND"),
        click.option(
            "--check",
            "checks",
            multiple=True,
            metavar="TABLE",
            help="""health check, as in '{kind = "tcp", port = 80}'; several times for several""",
        ),
        click.option("--need", "needs", multiple=True, metavar="NAME=N", help="as in kbps=2000"),
        click.option("--overcommit/--no-overcommit", default=None, help="may run without room"),
        click.option("--sticky/--not-sticky", default=None, help="stays where it is"),
        click.option("--failure-timeout", metavar="TIME", help="as in 10m; then it is forgiven"),
        click.option(
            "--unprotected",
            is_flag=True,
            default=None,
            help="may be strict though nothing in the kernel ends it: you rely on fencing",
        ),
    ):
        command = decorate(command)
    return command


def fields_of(typed: Mapping[str, object]) -> Json:
    """The fields that were typed, as a definition has them."""
    found: Json = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in typed.items()
        if value not in (None, ())
    }
    if "options" in found:
        found["options"] = dict(_pair(it, "--option") for it in found["options"])
    if "checks" in found:
        found["checks"] = [_table(it, "--check") for it in found["checks"]]
    if "needs" in found:
        found["needs"] = dict(_pair(it, "--need") for it in found["needs"])
    if "failure_timeout" in found:
        text = found.pop("failure_timeout")
        try:
            found["failure_timeout_s"] = parse_duration_s(text)
        except QuantityError as problem:
            raise click.UsageError(f"--failure-timeout: {problem}") from None
    return found


def file_definitions(path: Path) -> dict[str, Json]:
    """The definitions of a TOML file: each table is one, by its name.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise click.UsageError(f"{path} cannot be read: {problem}") from None
    wrong = [name for name, value in found.items() if not isinstance(value, dict)]
    if wrong or not found:
        what = f"'{wrong[0]}' is no table" if wrong else "there is nothing in it"
        raise click.UsageError(
            f"{path}: {what}. Write a table for each resource: [web], then its fields, then"
            " [web.options]."
        )
    return found


def _table(text: str, flag: str) -> Json:
    found = _value(text)
    if not isinstance(found, dict):
        raise click.UsageError(f'{flag} {text}: write a table, as in {{kind = "tcp", port = 80}}.')
    return found


def _pair(text: str, flag: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{flag} {text}: write NAME=VALUE, as in address=10.0.0.5.")
    return name, _value(value)


def _value(text: str) -> object:
    """A value as TOML writes it (8080, true, ["/usr/bin/web", "-v"]); all else is a text."""
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = found.get("value")
    plain = isinstance(value, bool | int | str | list | dict) and len(found) == 1
    return value if plain else text
