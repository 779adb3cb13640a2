"""`tandem fence add`: entering what switches a node off."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tandem.cli import fence_material
from tandem.cli.common import asking, echo_json, json_option, settings_option
from tandem.cluster.document import StoredValueError
from tandem.node.control.client import AnswerError, AskingError, ControlClient
from tandem.node.fencing.agent import AgentError
from tandem.node.fencing.definition import (
    MOST_DELAY_S,
    MOST_TIMEOUT_S,
    TIMEOUT_S,
    Action,
    Device,
    check_options,
)
from tandem.node.fencing.metadata import Metadata, OptionError, check, is_secret, metadata_of

if TYPE_CHECKING:
    from tandem.node.control.protocol import Json


@click.command(
    "add",
    epilog="Example: tandem fence add node2 --agent fence_ipmilan --option ip=10.0.9.3"
    " --option username=tandem --option lanplus=1 --password-file pw",
)
@click.argument("node_id", metavar="NODE")
@click.option("--agent", required=True, help="such as fence_ipmilan; `ls /usr/sbin/fence_*`")
@click.option(
    "--option", "given", multiple=True, metavar="NAME=VALUE", help="as the agent's manual has it"
)
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="its first line is the password",
)
@click.option("--ask-password", is_flag=True, help="ask for the password")
@click.option(
    "--secret",
    "secret_files",
    multiple=True,
    metavar="NAME=FILE",
    help="another secret option: the first line of FILE",
)
@click.option(
    "--level",
    type=click.IntRange(1),
    help="level 1 is tried first; all devices of a level must confirm; a new last one unless given",
)
@click.option(
    "--delay",
    "delay_s",
    type=click.IntRange(0, MOST_DELAY_S),
    default=0,
    metavar="SECONDS",
    help="to wait before this device is asked",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1, MOST_TIMEOUT_S),
    default=TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="for switching off and the look at it afterwards",
)
@click.option("--reboot", is_flag=True, help="switch NODE on again once it was confirmed off")
@json_option
@settings_option
def add(  # noqa: PLR0913 - the options of a command
    node_id: str,
    *,
    agent: str,
    given: tuple[str, ...],
    password_file: Path | None,
    ask_password: bool,
    secret_files: tuple[str, ...],
    level: int | None,
    delay_s: int,
    timeout_s: int,
    reboot: bool,
    as_json: bool,
    settings_path: Path,
) -> None:
    """Enter a device that switches NODE off. The agent itself is asked which options it takes.

    Passwords are kept sealed, and shown nowhere: they are never given with --option.

    Exit status: 0 entered, 1 not entered, 2 wrong usage.
    """
    options = _options(given)
    secrets = _secrets(password_file, secret_files, ask_password=ask_password)
    try:
        check_options({**options, **secrets})
        action = Action.REBOOT if reboot else Action.OFF
        device = Device(agent, options, "", delay_s, timeout_s, action)
    except StoredValueError as problem:
        raise click.UsageError(str(problem)) from None
    with asking(settings_path, as_json=as_json) as client:
        if node_id not in fence_material.known_nodes(client):
            raise AskingError(f"There is no node '{node_id}'. `tandem node list` has them all.")
        known = _checked(device, secrets)
        entered = Device(
            agent, options, "", delay_s, timeout_s, action, has_status=known.has_status
        )
        box = fence_material.box_at(settings_path)
        number = _enter(client, node_id, box.seal(node_id, entered, secrets), level)
        document = client.fencing()
    if as_json:
        echo_json(document)
        return
    click.echo(
        f"{agent} is entered for node '{node_id}', level {number}. Try it on every node:"
        f" tandem fence test {node_id}"
    )


def _options(given: tuple[str, ...]) -> dict[str, str]:
    options = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise click.UsageError("An option is NAME=VALUE, such as ip=10.0.9.3.")
        if is_secret(name):
            raise click.UsageError(
                f"'{name}' is a secret, and everybody on this machine can read what was typed. Put"
                f" it into a file: --secret {name}=FILE, or --password-file FILE."
            )
        if name in options:
            raise click.UsageError(f"Option '{name}' is there twice.")
        options[name] = value
    return options


def _secrets(
    password_file: Path | None, secret_files: tuple[str, ...], *, ask_password: bool
) -> dict[str, str]:
    secrets = {}
    if password_file and ask_password:
        raise click.UsageError("Give either --password-file or --ask-password.")
    if password_file:
        secrets["password"] = fence_material.first_line(password_file)
    if ask_password:
        secrets["password"] = str(click.prompt("Password", hide_input=True, err=True))
    for text in secret_files:
        name, separator, path = text.partition("=")
        if not separator:
            raise click.UsageError("A secret is NAME=FILE, such as snmp_priv_passwd=key.txt.")
        secrets[name] = fence_material.first_line(Path(path))
    return secrets


def _checked(device: Device, secrets: dict[str, str]) -> Metadata:
    """What the agent says of itself, if what it is to be told fits that.

    Raises:
        AskingError: it does not, or the agent is not there.
    """
    try:
        metadata = asyncio.run(metadata_of(device.agent, fence_material.DIRECTORIES))
        check(metadata, {**device.options, **secrets}, device.action)
    except (AgentError, OptionError) as problem:
        raise AskingError(f"{problem} Nothing was entered.") from None
    return metadata


def _enter(client: ControlClient, node_id: str, device: Device, level: int | None) -> int:
    """Put a device beside those that are there.

    Returns:
        The number of its level.
    """
    levels: list[Json] = []
    revision = 0
    try:
        found = client.sealed_fencing(node_id)
        levels, revision = found["levels"], found["revision"]
    except AnswerError as answer:
        if not answer.is_not_found:
            raise
    number = level or len(levels) + 1
    if number > len(levels) + 1:
        raise AskingError(f"Level {number} would leave a hole: the next one is {len(levels) + 1}.")
    if number > len(levels):
        levels.append({"devices": []})
    levels[number - 1]["devices"].append(device.fields())
    client.put_fencing(node_id, levels, revision)
    return number
