"""Refusing answers from the past: of a member that was left behind, or of another cluster (pure).

A linearizable answer cannot know less than one that had arrived before the question was sent. One
that does comes from a member that still believes a deposed leader, from a store that was set back,
or from one of etcd's bugs; whichever it is, it must not be believed.
"""

from dataclasses import dataclass

from tandem.node.store.answers import Header
from tandem.node.store.errors import WrongClusterError


class StaleAnswerError(Exception):
    """A member answered from the past."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What any answer to a question asked now must know at least."""

    raft_term: int = 0
    revision: int = 0


class Guard:
    """Remembers the newest term and revision of one cluster, in one incarnation of its store.

    A restored store begins with lower numbers, and with another cluster id. It is another
    incarnation, and gets another guard: whoever raises the incarnation opens the store anew.

    Args:
        incarnation: how often the store was restored; for messages.
        cluster: the id that etcd calls the cluster by; 0 takes that of the first answer.
    """

    def __init__(self, incarnation: int, cluster: int = 0) -> None:
        self._incarnation = incarnation
        self._cluster = cluster
        self._floor = Floor()

    @property
    def cluster(self) -> int:
        """The id of the cluster, 0 while it is not known."""
        return self._cluster

    @property
    def floor(self) -> Floor:
        """To be taken before a question is sent, and held against its answer."""
        return self._floor

    def admit(self, name: str, header: Header, floor: Floor) -> None:
        """Let an answer pass, and learn from it.

        Args:
            name: of the endpoint, for the message.
            header: of the answer.
            floor: as it was when the question was sent.

        Raises:
            StaleAnswerError: the answer knows less than was known before it was asked for.
            WrongClusterError: it is another cluster's.
        """
        self.admit_local(name, header, floor)
        if header.revision < floor.revision:
            raise StaleAnswerError(
                f"{name} answers from revision {header.revision}, and {floor.revision} was seen "
                f"before it was asked."
            )
        self._floor = Floor(self._floor.raft_term, max(self._floor.revision, header.revision))

    def admit_local(self, name: str, header: Header, floor: Floor) -> None:
        """The same for what a member says by itself, which may be late: a watch, its status."""
        if not self._cluster:
            self._cluster = header.cluster
        if header.cluster != self._cluster:
            raise WrongClusterError(
                f"{name} belongs to another cluster: its id is {header.cluster:x}, and ours "
                f"{self._cluster:x} (incarnation {self._incarnation}). Check the address; after a "
                f"restore, the agents have to be told the new incarnation."
            )
        if header.raft_term < floor.raft_term:
            raise StaleAnswerError(
                f"{name} answers in Raft term {header.raft_term}, and {floor.raft_term} was seen: "
                f"it has lost touch with the other members."
            )
        term = max(self._floor.raft_term, header.raft_term)
        self._floor = Floor(term, self._floor.revision)
