"""Which nodes hold the store, and the next single change of its membership. Pure.

One member of three, or two of five, may fail. An even number adds nothing: of two the loss of
either stops the store, so two nodes have one member. A change is proposed only where the members
that work are a majority both before and after it. A member that is down stays a member until its
node is removed: it comes back with what it has promised to remember (Ongaro, "Consensus: Bridging
Theory and Practice", section 4.1: one server at a time).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the store.

    Attributes:
        member_id: etcd's number for it.
        node_id: its node; "" where that is not known.
        is_learner: it receives everything, and does not vote yet.
        works: it answers.
    """

    member_id: int
    node_id: str
    is_learner: bool
    works: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node of the cluster.

    Attributes:
        node_id: its id.
        zone: what fails together with it; "" for nothing.
        is_steady: it has been there for a while, without a pause.
    """

    node_id: str
    zone: str
    is_steady: bool


@dataclass(frozen=True, slots=True)
class Add:
    """Let a node's member receive everything, without a vote."""

    node_id: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Give a learner its vote; etcd refuses until it is in sync."""

    member_id: int
    node_id: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a member out."""

    member_id: int
    node_id: str


Step = Add | Promote | Remove


def voters_wanted(nodes: int) -> int:
    """How many members a cluster of so many nodes is to have: 1, 3 or 5."""
    if nodes < 3:
        return 1
    return 3 if nodes < 5 else 5


def next_step(
    members: Sequence[Member], candidates: Collection[Candidate], removed: Collection[str]
) -> Step | None:
    """The next change, None where all is as it should be or nothing can be done now.

    Args:
        members: of the store.
        candidates: the nodes of the cluster.
        removed: nodes that were taken out of the cluster for good.
    """
    known = {it.node_id: it for it in candidates}
    voters = [it for it in members if not it.is_learner]
    learners = [it for it in members if it.is_learner]
    if idle := [it for it in learners if it.node_id in removed or not _is_steady(known, it)]:
        return Remove(idle[0].member_id, idle[0].node_id)
    if lost := [it for it in voters if it.node_id in removed]:
        return _removal(min(lost, key=lambda it: it.node_id), voters)
    # A node may hold the store before it is entered there: the first ones do.
    wanted = voters_wanted(len(known.keys() | {it.node_id for it in voters}))
    if learners:
        # One that cannot be promoted yet holds up every other change.
        return _promotion(min(learners, key=lambda it: it.node_id), voters, wanted)
    if len(voters) < wanted:
        return _addition(voters, known)
    return _removal(_least_missed(voters, known), voters) if len(voters) > wanted else None


def _promotion(learner: Member, voters: Sequence[Member], wanted: int) -> Step | None:
    if len(voters) >= wanted:
        return Remove(learner.member_id, learner.node_id)
    return Promote(learner.member_id, learner.node_id) if _has_majority(voters, 1) else None


def _is_steady(known: Mapping[str, Candidate], member: Member) -> bool:
    candidate = known.get(member.node_id)
    return candidate is not None and candidate.is_steady


def _has_majority(voters: Sequence[Member], more: int) -> bool:
    """Whether those that work are a majority, now and with so many more that work."""
    working = sum(it.works for it in voters)
    return 2 * working > len(voters) and 2 * (working + more) > len(voters) + more


def _addition(voters: Sequence[Member], known: Mapping[str, Candidate]) -> Step | None:
    if not _has_majority(voters, 1):
        return None
    holding = {it.node_id for it in voters}
    crowd = Counter(known[it].zone for it in holding if it in known and known[it].zone)
    free = [it for it in known.values() if it.is_steady and it.node_id not in holding]
    if not free:
        return None
    return Add(min(free, key=lambda it: (crowd[it.zone], it.node_id)).node_id)


def _removal(member: Member, voters: Sequence[Member]) -> Step | None:
    rest = [it for it in voters if it != member]
    if not rest or not _has_majority(voters, 0) or not _has_majority(rest, 0):
        return None
    return Remove(member.member_id, member.node_id)


def _least_missed(voters: Sequence[Member], known: Mapping[str, Candidate]) -> Member:
    """One that does not work; else one of the zone with the most members; the last by name."""
    zones = {it.node_id: known[it.node_id].zone for it in voters if it.node_id in known}
    crowd = Counter(zone for zone in zones.values() if zone)
    return max(voters, key=lambda it: (not it.works, crowd[zones.get(it.node_id, "")], it.node_id))
