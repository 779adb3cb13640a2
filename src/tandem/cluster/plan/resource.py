"""What is to be kept running, as the administrator wants it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from tandem.cluster.document import MOST_NUMBER, Document, StoredValueError, encode
from tandem.cluster.model import LONGEST_S
from tandem.cluster.order import Mode

THRESHOLD: Final = 3
"""Failures on one node, after which it is tried on another: one may be chance, and two may have
one cause."""

FAILURE_TIMEOUT_S: Final = 600

RESTARTS: Final = 10
"""Failures on all nodes together within the failure timeout, after which it is left stopped: three
nodes have then tried it three times each."""

NETWORK_AND_DISK: Final = "kbps"
"""The need that a resource shares with the cameras: what goes through the network card or onto the
disks, in kbit/s."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A definition.

    Attributes:
        resource_id: unique in the cluster.
        kind: what it is: `address`, `process`, `unit`. The plan does not look at it.
        mode: on how many nodes it may run at once.
        options: for its kind; may hold secrets. The plan does not look at them.
        group: resources of one group are on one node, start in order and stop in reverse.
            Empty: none.
        group_place: where in its group; equal places are in the order of their names.
        requires: what a node must provide: `interface:eth0`, `unit:nginx.service`.
        needs: how much it takes, by the name of what: `kbps`, `memory_mb`.
        overcommit: whether it may run where there is no room. False for what would do harm there.
        nodes: where it may run; empty: anywhere.
        zones: in which zones it may run; empty: in any.
        prefers: nodes, the best first.
        sticky: whether it stays where it is when a node that it prefers more is there again.
        together: resources that must be on the same node.
        never_together: resources that must never be planned onto the same node.
        near: resources on whose node it is put if that is possible.
        apart: resources from whose node, and zone, it is kept away if that is possible.
        after: resources that must run before it starts, and until it has stopped.
        migration_threshold: after how many failures on one node it is tried on another.
        failure_timeout_s: after which a failure is forgiven; 0: never by itself.
        restart_budget: after how many failures that are not forgiven, on all nodes together, it is
            left stopped.
        checks: what is asked of it while it runs; may hold secrets. The plan does not look at them.
        enabled: whether it is to run at all.
        unprotected: an operator has said that it may be `strict` without a proven last line. The
            plan does not look at it.
    """

    resource_id: str
    kind: str
    mode: Mode = Mode.STRICT
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    group: str = ""
    group_place: int = 0
    requires: tuple[str, ...] = ()
    needs: Mapping[str, int] = field(default_factory=dict)
    overcommit: bool = True
    nodes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    sticky: bool = True
    together: tuple[str, ...] = ()
    never_together: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    migration_threshold: int = THRESHOLD
    failure_timeout_s: int = FAILURE_TIMEOUT_S
    restart_budget: int = RESTARTS
    checks: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    enabled: bool = True
    unprotected: bool = False

    def encode(self) -> bytes:
        """As stored under `resources/<id>`."""
        fields = asdict(self)
        del fields["resource_id"]
        return encode(fields)

    @classmethod
    def decode(cls, resource_id: str, data: bytes) -> Self:
        """Read a stored definition.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls.of(resource_id, Document.read(f"resource '{resource_id}'", data))

    @classmethod
    def of(cls, resource_id: str, stored: Document) -> Self:
        """Read a definition out of a document.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        found = cls(
            resource_id=resource_id,
            kind=stored.text("kind"),
            mode=stored.choice("mode", Mode),
            options=stored.table("options"),
            group=stored.text("group", ""),
            group_place=stored.whole("group_place", 0),
            requires=stored.texts("requires"),
            needs=stored.wholes("needs", MOST_NUMBER),
            overcommit=stored.flag("overcommit", default=True),
            nodes=stored.texts("nodes"),
            zones=stored.texts("zones"),
            prefers=stored.texts("prefers"),
            sticky=stored.flag("sticky", default=True),
            together=stored.texts("together"),
            never_together=stored.texts("never_together"),
            near=stored.texts("near"),
            apart=stored.texts("apart"),
            after=stored.texts("after"),
            migration_threshold=stored.whole("migration_threshold", THRESHOLD),
            failure_timeout_s=stored.whole("failure_timeout_s", FAILURE_TIMEOUT_S, LONGEST_S),
            restart_budget=stored.whole("restart_budget", RESTARTS),
            checks=stored.tables("checks"),
            enabled=stored.flag("enabled", default=True),
            unprotected=stored.flag("unprotected", default=False),
        )
        if not found.migration_threshold or not found.restart_budget:
            name = "restart_budget" if found.migration_threshold else "migration_threshold"
            raise StoredValueError(
                f"What the store holds of resource '{resource_id}' has '{name}' as 0, so that it"
                " would never be started. Enter 1 or more."
            )
        return found
