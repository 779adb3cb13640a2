"""The files of a cluster's authority and of its nodes."""

from pathlib import Path

from tandem.clock import SystemClock
from tandem.node.authority import (
    Authority,
    Credentials,
    create_authority,
    create_key,
    public_key,
)


class Certificates:
    """An authority, and what it signs.

    Args:
        directory: for the files.
        cluster: its name.
    """

    def __init__(self, directory: Path, cluster: str = "ours") -> None:
        self._directory = directory / cluster
        self._directory.mkdir()
        self._made = create_authority(cluster, SystemClock())
        self.authority = self._directory / "authority.pem"
        self.authority.write_bytes(self._made.certificate)

    def node(self, node_id: str) -> Path:
        """Key and certificate of a node."""
        key = create_key()
        issued = Authority(self._made).issue(
            node_id, ("127.0.0.1",), public_key(key), SystemClock()
        )
        path = self.path(node_id)
        path.write_bytes(Credentials(key, issued).pem)
        return path

    def path(self, node_id: str) -> Path:
        """Where they are."""
        return self._directory / f"{node_id}.pem"
