"""What the commands about fencing have in common: the cluster's key, and who is heard."""

from pathlib import Path

import click

from tandem.cli.common import settings_at
from tandem.cluster.document import Document, StoredValueError
from tandem.node.control.client import AskingError, ControlClient
from tandem.node.control.protocol import Json
from tandem.node.fencing import agent
from tandem.node.fencing.definition import Fencing
from tandem.node.fencing.fencer import Levels, open_levels
from tandem.node.fencing.sealing import SecretBox, SecretError
from tandem.node.home import Home

DIRECTORIES = agent.DIRECTORIES


def box_at(settings_path: Path) -> SecretBox:
    """What seals and opens the secrets of devices, by this node's own file.

    Raises:
        AskingError: the cluster's key cannot be read.
    """
    path = Home(settings_at(settings_path).data).cluster_key
    try:
        return SecretBox(path.read_bytes())
    except OSError as error:
        raise AskingError(
            f"What switches a node off is sealed, and {path} cannot be read: {error.strerror}. Run"
            " this with sudo."
        ) from None
    except SecretError as problem:
        raise AskingError(str(problem)) from None


def opened(found: Json, node_id: str, box: SecretBox) -> Levels:
    """The devices of a node with their secrets.

    Raises:
        AskingError: they cannot be used.
    """
    try:
        return open_levels(Fencing.read(node_id, Document("the fencing", found)), box)
    except (StoredValueError, SecretError) as problem:
        raise AskingError(str(problem)) from None


def known_nodes(client: ControlClient) -> list[str]:
    """All nodes of the cluster, whether they answer or not."""
    return sorted(client.status()["nodes"])


def others_hear(client: ControlClient, node_id: str) -> bool:
    """Whether a node is known to be on: it answers, or another one hears it."""
    nodes: Json = client.status()["nodes"]
    if (nodes.get(node_id) or {}).get("status"):
        return True
    return any(
        peer["node_id"] == node_id and not peer["suspected"]
        for node in nodes.values()
        for peer in (node["status"] or {}).get("peers") or ()
    )


def first_line(path: Path) -> str:
    """The first line of a file, which is a secret.

    Raises:
        click.UsageError: it cannot be read, or is empty.
    """
    try:
        line = path.read_text("utf-8").split("\n", 1)[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.UsageError(f"The secret in {path} cannot be read: {reason}.") from None
    if not line:
        raise click.UsageError(f"The first line of {path} is empty.")
    return line
