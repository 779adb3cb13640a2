"""What a node does now for the store's room and speed (pure). One thing at a time.

A member that is defragmented answers nobody meanwhile, so one of three at a time: agreed by a turn
in the store. A full store takes no writes, so no turn either: then they go by their names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tandem.node.etcd.care.view import CORRUPT, NO_SPACE, MemberView, View

LEAST_WASTE_BYTES: Final = 64 << 20
"""Less than this is not worth a moment without the member."""

WASTE: Final = 2
"""How many times larger than its contents a file may be."""

FULL: Final = 0.9
"""Part of the quota below which the alarm may end: the next change must not raise it again."""

SLOW_US: Final = 100_000
"""Half of what a call to the store may take (docs/design/exclusive.md, T1), for one of its steps.
etcd's own advice is 10 ms."""

FASTER: Final = 2
"""How many times faster another disk must be for leadership to move to it."""

PATIENCE_US: Final = 30_000_000
"""In a full store a member that is silent for longer is not being defragmented: it is down."""


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Write in the store that this node's member is about to be out of service."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """Write that it is over."""


@dataclass(frozen=True, slots=True)
class Defragment:
    """Defragment this node's own member."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Let another member lead, this node's own being the leader.

    Attributes:
        node: whose member is to lead.
        member: what etcd calls it by.
        for_speed: since that one's disk is faster, and not to be out of service.
    """

    node: str
    member: int
    for_speed: bool


@dataclass(frozen=True, slots=True)
class Compact:
    """Forget all that was before a revision."""

    revision: int


@dataclass(frozen=True, slots=True)
class Disarm:
    """Let the store take writes again.

    Attributes:
        members: those that raise the alarm.
    """

    members: tuple[int, ...]


Action = TakeTurn | EndTurn | Defragment | HandOver | Compact | Disarm


def decide(view: View) -> Action | None:
    """Say what this node is to do now; None for nothing."""
    own = view.members.get(view.own)
    if own is None or not own.answers or view.is_corrupt:
        return None
    if view.is_full:
        return _make_room(view, own)
    if view.has_turn:
        return _use_turn(view, own)
    if faster := _faster(view, own):
        return faster
    wants = is_wasteful(own, view.quota_bytes) and view.may_defragment
    if wants and view.is_quiet and view.turn_is_free and _all_well(view):
        return TakeTurn()
    return None


def is_wasteful(member: MemberView, quota_bytes: int) -> bool:
    """Whether a member's file is much larger than what is in it."""
    waste_bytes = member.size_bytes - member.in_use_bytes
    if waste_bytes < min(LEAST_WASTE_BYTES, quota_bytes // 4):
        return False
    return member.size_bytes >= WASTE * member.in_use_bytes


def _use_turn(view: View, own: MemberView) -> Action:
    is_wanted = is_wasteful(own, view.quota_bytes) and view.may_defragment
    if not is_wanted or not _all_well(view):
        return EndTurn()
    return _out_of_service(view, own)


def _out_of_service(view: View, own: MemberView) -> Defragment | HandOver:
    """Defragment, after another member leads."""
    others = _heirs(view)
    if own.leads and others:
        return _to(view, min(others, key=lambda node: (_speed(view.members[node]), node)))
    return Defragment()


def _make_room(view: View, own: MemberView) -> Action | None:
    """Compact, defragment one member after the other, end the alarm."""
    members = view.members
    if any(0 < it.silent_us < PATIENCE_US for it in members.values()):
        return None  # it may be at it just now
    answering = sorted(node for node, it in members.items() if it.answers)
    is_first = answering[0] == view.own
    if is_first and not view.is_compacted:
        return Compact(max(it.revision for it in members.values()))
    shrinkable = [node for node in answering if _is_shrinkable(members[node], view.quota_bytes)]
    if shrinkable:
        is_next = shrinkable[0] == view.own and view.may_defragment
        return _out_of_service(view, own) if is_next else None
    has_room = all(members[node].size_bytes <= FULL * view.quota_bytes for node in answering)
    if is_first and has_room:
        return Disarm(tuple(sorted(member for member, kind in view.alarms if kind == NO_SPACE)))
    return None


def _is_shrinkable(member: MemberView, quota_bytes: int) -> bool:
    is_large = member.size_bytes > quota_bytes / WASTE
    return is_large and member.in_use_bytes < FULL * member.size_bytes


def _faster(view: View, own: MemberView) -> HandOver | None:
    """A leader with a slow disk makes every change slow; any two others would have been faster."""
    if not own.leads or not view.may_hand_over or not _all_well(view):
        return None
    own_us = own.fsync_p99_us
    others = [node for node in _heirs(view) if view.members[node].fsync_p99_us is not None]
    if own_us is None or own_us <= SLOW_US or not others:
        return None
    best = min(others, key=lambda node: (_speed(view.members[node]), node))
    if FASTER * _speed(view.members[best]) > own_us:
        return None
    return _to(view, best, for_speed=True)


def _to(view: View, node: str, *, for_speed: bool = False) -> HandOver:
    return HandOver(node, view.members[node].member, for_speed)


def _heirs(view: View) -> list[str]:
    return [node for node, it in view.members.items() if node != view.own and it.answers]


def _speed(member: MemberView) -> float:
    return float("inf") if member.fsync_p99_us is None else member.fsync_p99_us


def _all_well(view: View) -> bool:
    """Every member answers and follows the same leader."""
    members = tuple(view.members.values())
    leaders = {it.leader for it in members}
    return all(it.answers for it in members) and len(leaders) == 1 and 0 not in leaders


def alarms_of(errors: Iterable[str]) -> frozenset[tuple[int, str]]:
    """What a member's status complains of: "memberID:1234 alarm:NOSPACE "."""
    found = set()
    for error in errors:
        words = dict(word.partition(":")[::2] for word in error.split())
        if words.get("alarm") in {NO_SPACE, CORRUPT} and words.get("memberID", "").isdecimal():
            found.add((int(words["memberID"]), words["alarm"]))
    return frozenset(found)
