"""Where a node keeps what is its own: names below the directory `data` of its settings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUN: Final = Path("/run/tandem")
"""Where nothing outlives the machine."""


@dataclass(frozen=True, slots=True)
class Home:
    """The files of one node.

    Attributes:
        data: the directory.
    """

    data: Path

    @property
    def authority(self) -> Path:
        """The certificate of the cluster's authority."""
        return self.data / "authority.pem"

    @property
    def authority_key(self) -> Path:
        """The key of the cluster's authority, on the node that made the cluster alone."""
        return self.data / "authority.key"

    @property
    def credentials(self) -> Path:
        """This node's key and certificate, in one file (`Credentials.pem`)."""
        return self.data / "node.pem"

    @property
    def cluster_key(self) -> Path:
        """32 random bytes that all nodes of the cluster share, and nobody else has."""
        return self.data / "cluster.key"

    @property
    def started(self) -> Path:
        """When the agent began last."""
        return self.data / "started"

    @property
    def memory(self) -> Path:
        """What the store said last."""
        return self.data / "store-memory.json"

    @property
    def decisions(self) -> Path:
        """What plans were made from here."""
        return self.data / "decisions"

    @property
    def etcd(self) -> Path:
        """The store member's data."""
        return self.data / "etcd"

    @property
    def etcd_has_begun(self) -> Path:
        """Stands once the store's member has run here: then it never begins with nothing."""
        return self.data / "etcd.begun"

    @property
    def joined(self) -> Path:
        """Stands where the cluster was there before this node: it never begins a store alone."""
        return self.data / "joined"

    @property
    def endpoints(self) -> Path:
        """Where the store was asked last."""
        return self.data / "store-endpoints.json"

    @property
    def etcd_log(self) -> Path:
        """What the store's member says."""
        return self.data / "etcd.log"

    @property
    def backups(self) -> Path:
        """Backups of the store."""
        return self.data / "backups"

    @property
    def socket(self) -> Path:
        """Where the command line talks to the agent."""
        return self.data / "agent.sock"

    def run_directory(self, node_id: str) -> Path:
        """Where the pulse keeps what must not outlive the machine.

        Args:
            node_id: the node; a machine of tests may have several.
        """
        is_ours = os.geteuid() == 0 or os.access(RUN, os.W_OK)
        return RUN / node_id if is_ours else self.data / "run"
