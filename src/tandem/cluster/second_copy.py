"""The second's side of the rule of deletion: may this copy be dropped?

docs/design/two-copies.md has the rule; its numbers are named here.

A segment may go when three things hold *at the moment of the answer*:

- this node is not the primary of the camera, and has not promised the segment itself (D1, D4);
- its window has passed (D1, D7);
- the answer promises every picture, came in time, and answers a question that this node asked under
  the placement that still holds (D1, D5).

A primary may also answer that it will never have these pictures. Then the copy becomes a recording
of this node's own, and is deleted as one: by age, share and want of space, never by a verdict.

Nothing of an answer is kept: the state holds the open questions alone, and a crash forgets them
(D5). Whatever is in doubt keeps the copy.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem.cluster.model import Placement
from tandem.cluster.promise import DEADLINE_US, Answer, Question


class Keep(enum.StrEnum):
    """Why a copy stays for now."""

    NO_PLACEMENT = "no_placement"
    """No node is the camera's primary; nobody could promise."""
    IS_PRIMARY = "is_primary"
    """This node keeps the camera's recordings."""
    HAS_PROMISED = "has_promised"
    """This node has promised these pictures: only retention ends them (D4)."""
    CLOCK_UNSURE = "clock_unsure"
    """This node does not trust its UTC; so nothing is old."""
    IN_WINDOW = "in_window"
    """The window has not passed, or lasts as long as the retention."""
    ASKED = "asked"
    """A question about it is open."""
    NOT_ASKED = "not_asked"
    """The answer is to no open question: an earlier one, a late one, somebody else's (D5)."""
    PLACEMENT_CHANGED = "placement_changed"
    """The question was asked under another placement."""
    NOT_PROMISED = "not_promised"
    """The primary did not promise."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A closed segment that this node holds. What is still open is never asked about.

    Attributes:
        segment_id: which; what it holds never changes again.
        camera_id: the camera.
        stream: which of its streams.
        from_us: capture time of its first picture, UTC.
        to_us: when its last picture ends, UTC.
        has_promised: this node has promised pictures in it, as a primary (D4).
    """

    segment_id: str
    camera_id: str
    stream: str
    from_us: int
    to_us: int
    has_promised: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verdict depends on, as it is now.

    Attributes:
        placement: of the camera, as committed, as far as this node knows; None if there is none.
        window_us: how long a second keeps its copy; None for the whole retention.
        utc_us: the time; None while this node does not trust its clock.
        now_us: CLOCK_BOOTTIME.
    """

    placement: Placement | None
    window_us: int | None
    utc_us: int | None
    now_us: int


@dataclass(frozen=True, slots=True)
class Open:
    """A question that waits for its answer.

    Attributes:
        question: which.
        until_us: from when on no answer counts, CLOCK_BOOTTIME.
    """

    question: Question
    until_us: int


@dataclass(frozen=True, slots=True)
class Second:
    """The state.

    Attributes:
        node_id: this node.
        open: questions without an answer yet, by segment: one each.
    """

    node_id: str
    open: Mapping[str, Open] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """To do: delete the segment, in a transaction that refuses if it has `promised_us` by then.

    At once or not at all: a verdict is not to be stored any more than a promise.

    Attributes:
        segment_id: which.
    """

    segment_id: str


@dataclass(frozen=True, slots=True)
class Own:
    """To do: mark the segment as promised by this node itself, so that it is its own from now on.

    Attributes:
        segment_id: which.
    """

    segment_id: str


def why_keep(state: Second, copy: Copy, now: Situation) -> Keep | None:
    """Why a copy is not to be asked about, let alone dropped; None if the primary may be asked."""
    if now.placement is None:
        return Keep.NO_PLACEMENT
    open_ = state.open.get(copy.segment_id)
    rules = (
        (now.placement.primary == state.node_id, Keep.IS_PRIMARY),
        (copy.has_promised, Keep.HAS_PROMISED),
        (now.utc_us is None, Keep.CLOCK_UNSURE),
        (not _is_past_window(copy, now), Keep.IN_WINDOW),
        (open_ is not None and now.now_us < open_.until_us, Keep.ASKED),
    )
    return next((keep for applies, keep in rules if applies), None)


def ask(
    state: Second, copy: Copy, identities: tuple[bytes, ...], now: Situation, nonce: str
) -> tuple[Second, Question | Keep]:
    """Begin to ask about one copy.

    Args:
        state: as it was.
        copy: the segment.
        identities: of all its pictures, in their order.
        now: as things are.
        nonce: never used before by any node.

    Returns:
        The new state, and the question for `now.placement.primary`; or why there is none.
    """
    if now.placement is None:
        return state, Keep.NO_PLACEMENT
    if keep := why_keep(state, copy, now):
        return state, keep
    question = Question(
        nonce=nonce,
        asker=state.node_id,
        generation=now.placement.generation,
        segment_id=copy.segment_id,
        camera_id=copy.camera_id,
        stream=copy.stream,
        from_us=copy.from_us,
        to_us=copy.to_us,
        identities=identities,
    )
    waiting = {name: it for name, it in state.open.items() if now.now_us < it.until_us}
    waiting[copy.segment_id] = Open(question, now.now_us + DEADLINE_US)
    return replace(state, open=waiting), question


def answered(
    state: Second, copy: Copy, answer: Answer, now: Situation
) -> tuple[Second, Drop | Own | Keep]:
    """Take an answer.

    Args:
        state: as it was.
        copy: the segment that was asked about, as it is now.
        answer: what came.
        now: as things are.

    Returns:
        The new state, in which the question is closed; and the verdict.
    """
    open_ = state.open.get(copy.segment_id)
    if open_ is None or open_.question.nonce != answer.nonce or now.now_us >= open_.until_us:
        return state, Keep.NOT_ASKED
    left = {name: it for name, it in state.open.items() if name != copy.segment_id}
    state = replace(state, open=left)
    if not (answer.promised or answer.is_yours):
        return state, Keep.NOT_PROMISED
    if keep := why_keep(state, copy, now):
        return state, keep
    if now.placement is None or now.placement.generation != open_.question.generation:
        return state, Keep.PLACEMENT_CHANGED
    return state, Drop(copy.segment_id) if answer.promised else Own(copy.segment_id)


def _is_past_window(copy: Copy, now: Situation) -> bool:
    """Whether the last picture of a copy has left the window (D1)."""
    if now.window_us is None or now.utc_us is None:
        return False
    return copy.to_us + now.window_us < now.utc_us
