"""What the administrator is told of the store's room and speed (pure). Each node tells its own."""

from collections.abc import Iterator
from typing import Final

from tandem.node.etcd.care.decide import SLOW_US
from tandem.node.etcd.care.view import MemberView, View

WARNED_FROM: Final = 0.8
"""Part of the quota."""

MANY_LEADERS: Final = 3
"""In an hour. One comes of an update or a node that fails; more come of a cause that lasts."""

_MIB: Final = 1 << 20


def concerns(view: View, leader_changes: int) -> Iterator[str]:
    """What is to be considered, of this node's member.

    Args:
        view: of the store.
        leader_changes: that it has seen within an hour.
    """
    own = view.members.get(view.own)
    if own is None or not own.answers:
        return
    part = own.size_bytes / view.quota_bytes
    if part >= WARNED_FROM and not view.is_full:
        yield (
            f"The store's file on {view.own} takes {part:.0%} of the {view.quota_bytes // _MIB} MiB"
            f" that it may ({own.in_use_bytes // _MIB} MiB are in use). Tandem makes room by"
            " itself; if what is in use comes near, something writes there that should not."
        )
    if (p99_us := own.fsync_p99_us) and p99_us > SLOW_US:
        yield (
            f"The disk of the store on {view.own} is slow: one write in a hundred takes"
            f" {p99_us / 1000:.0f} ms or more, and should take 10 ms. Failovers get slower by that,"
            " and needless ones may come. Give the node's data an SSD that nothing else writes to."
        )
    if leader_changes > MANY_LEADERS:
        yield (
            f"The store has changed its leader {leader_changes} times within an hour, as seen from"
            f" {view.own}; each time nothing can be changed for up to a second. Look for a slow"
            " disk, a lossy link, or an overloaded node."
        )


def problems(view: View, failure: str) -> Iterator[str]:
    """What is wrong, of this node's member.

    Args:
        view: of the store.
        failure: why it could not be helped the last time; "" if it could.
    """
    own = view.members.get(view.own)
    if own is None or not own.answers:
        return
    if view.is_corrupt:
        yield (
            "The members of the store differ in what they hold (alarm CORRUPT), and it takes no"
            " more writes. Recording goes on. Keep a copy of each node's etcd directory, and"
            " restore the store from a backup of before."
        )
    if view.is_full:
        yield _full(view, own)
    if failure:
        yield failure


def _full(view: View, own: MemberView) -> str:
    quota = f"{view.quota_bytes // _MIB} MiB"
    if view.is_compacted and own.in_use_bytes > WARNED_FROM * view.quota_bytes:
        return (
            f"The store is full: its keys alone take {own.in_use_bytes // _MIB} of {quota}, and"
            " nothing can be changed. Recording goes on. Something has filled it that is not"
            " Tandem's: remove that with etcdctl, and the rest is done by Tandem."
        )
    return (
        f"The store is full ({quota}), and nothing can be changed. Recording goes on. Tandem lets"
        " the past go, and makes the files of the members small one after the other."
    )
