"""Which secrets this node knows, so that they can be taken out of whatever is shown. Blocking."""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tandem.node.control.client import AskingError, ControlClient
from tandem.node.home import Home
from tandem.node.seal import Sealer, SealError
from tandem.node.support.redaction import binary_forms, names_a_secret


def known_secrets(settings: Path, home: Home) -> Iterator[str]:
    """All that can be read: keys of the node and the cluster, and what its settings call secret.

    What cannot be read is left out: a damaged node is just what help is needed for.

    Args:
        settings: the node's, as they are, readable or not.
        home: the node's data.
    """
    for path in (home.cluster_key, home.authority_key, home.credentials):
        with suppress(OSError):
            yield from _of_key(path.read_bytes())
    with suppress(OSError, ValueError):
        yield from _of_table(tomllib.loads(settings.read_bytes().decode()))


def camera_secrets(client: ControlClient, home: Home) -> Iterator[str]:
    """Passwords of cameras, of those that the agent tells before it fails.

    Args:
        client: of the agent.
        home: the node's data, for the key that opens them.
    """
    with suppress(AskingError, OSError, SealError):
        sealer = Sealer(home.cluster_key.read_bytes())
        for camera in client.cameras()["cameras"]:
            sealed = client.sealed_login(str(camera["camera_id"]))
            if sealed is None:
                continue
            yield sealed
            login = sealer.unseal(str(camera["camera_id"]), sealed)
            yield from (login.password, f"{login.username}:{login.password}")


def _of_key(content: bytes) -> Iterator[str]:
    """A key as programs write it; of PEM, each line of a private key by itself."""
    if not content.startswith(b"-----BEGIN"):
        yield from binary_forms(content)
        return
    is_private = False
    for line in content.decode("ascii", errors="replace").splitlines():
        if line.startswith("-----"):
            is_private = line.startswith("-----BEGIN") and "PRIVATE KEY" in line
        elif is_private:
            yield line


def _of_table(value: Any, name: str = "") -> Iterator[str]:  # noqa: ANN401 - as TOML is
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _of_table(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _of_table(each, name)
    elif name and names_a_secret(name):
        yield str(value)
