"""The simulated store's rows as the engine reads them."""

from collections.abc import Iterable

from tests.simulation.exclusive.store import Snapshot

from tandem.cluster.exclusive.events import StoredCluster, StoredOwner, View
from tandem.cluster.exclusive.values import Owner
from tandem.cluster.keys import CLUSTER, NODES, ORDERS, OWNERS, SESSIONS
from tandem.cluster.model import Session
from tandem.cluster.order import Order
from tandem.cluster.session import Stored


def view_of(snapshot: Snapshot) -> View:
    """All of it; the same object each time, since many nodes see the same."""
    if isinstance(snapshot.view, View):
        return snapshot.view
    sessions: dict[str, Stored | None] = {}
    owners: dict[str, StoredOwner | None] = {}
    orders: dict[str, Order | None] = {}
    for key, (value, revision) in snapshot.rows.items():
        match value:
            case Session():
                sessions[key.removeprefix(SESSIONS)] = Stored(value, revision)
            case Owner():
                owners[key.removeprefix(OWNERS)] = StoredOwner(value, revision)
            case Order():
                orders[key.removeprefix(ORDERS)] = value
    view = View(snapshot.revision, cluster_of(snapshot), sessions, owners, orders)
    snapshot.view = view
    return view


def cluster_of(snapshot: Snapshot) -> StoredCluster | None:
    row = snapshot.rows.get(CLUSTER)
    return StoredCluster(row.value, row.revision) if row and isinstance(row.value, int) else None


def configured_in(snapshot: Snapshot) -> tuple[str, ...]:
    """Who is a node."""
    return tuple(key.removeprefix(NODES) for key in sorted(snapshot.rows) if key.startswith(NODES))


def sessions_of(snapshot: Snapshot) -> View:
    """What a transaction reads beside."""
    return View(snapshot.revision, sessions=view_of(snapshot).sessions)


def keys_of(snapshot: Snapshot, keys: Iterable[str]) -> View:
    """These, whether they are there or not, and `cluster`."""
    whole = view_of(snapshot)
    sessions: dict[str, Stored | None] = {}
    owners: dict[str, StoredOwner | None] = {}
    for key in keys:
        if key.startswith(SESSIONS):
            node = key.removeprefix(SESSIONS)
            sessions[node] = whole.sessions.get(node) if whole.sessions else None
        else:
            resource = key.removeprefix(OWNERS)
            owners[resource] = whole.owners.get(resource) if whole.owners else None
    return View(snapshot.revision, whole.cluster, sessions, owners, is_whole=False)


def live_sessions(snapshot: Snapshot) -> frozenset[str]:
    """Who has one; one of before a restore is none."""
    cluster = cluster_of(snapshot)
    return frozenset(
        key.removeprefix(SESSIONS)
        for key, row in snapshot.rows.items()
        if isinstance(row.value, Session)
        and row.value.is_live
        and cluster is not None
        and row.value.incarnation == cluster.incarnation
    )
