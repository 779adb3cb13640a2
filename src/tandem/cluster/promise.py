"""The primary's side of the rule of deletion: may this node promise?

docs/design/two-copies.md has the rule; its numbers are named here.

A question passes three gates, and any of them may close it:

    asked -> read back -> committed -> answered
      D2        D3, D6        D4

The role is looked at again at each gate (D2), since a read takes seconds and a swap none. What is
read back is aligned with the question by whoever reads it (`archive.merge`), because equal pictures
follow each other in a still scene, and only a whole sequence tells them apart.

The state holds questions that are being worked on, nothing else: a crash forgets them, and the
second asks again. Promises live in the index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tandem.cluster.model import Placement

DEADLINE_US: Final = 30_000_000
"""For how long a question may be answered (D5), on the clock of whoever waits. Reading back a
minute of 32 Mbit/s takes 24 s at 10 MB/s, which is what a disk that records has to spare."""

WORK_US: Final = 25_000_000
"""For how long a primary works on a question. The rest is for the answer's way, and for whoever
asked about several segments together: it gives its verdicts when the last of them is answered."""

MOST_AT_ONCE: Final = 8
"""Questions that a primary takes. One is read back at a time, beside live recording, and the others
wait for their turn; who is turned away asks again, and loses nothing by keeping its copy a little
longer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A second asks: do you hold all of these pictures, and will you keep them?

    Attributes:
        nonce: new for each question: an answer counts for this one alone (D5).
        asker: the node that would drop its copy.
        generation: of the placement by which it asks.
        segment_id: the asker's segment.
        camera_id: the camera.
        stream: which of its streams.
        from_us: capture time of the segment's first picture, UTC.
        to_us: when its last picture ends, UTC.
        identities: of its pictures, in their order (D2).
    """

    nonce: str
    asker: str
    generation: int
    segment_id: str
    camera_id: str
    stream: str
    from_us: int
    to_us: int
    identities: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the primary says to one question.

    Attributes:
        nonce: the question's.
        promised: it holds every picture asked for, durably, and keeps it for the retention.
        missing: otherwise, the places in the question of the pictures that it lacks.
        reason: otherwise, why, as a sentence.
        is_yours: it will never have them. The asker is to keep its copy as a recording of its own.
    """

    nonce: str
    promised: bool
    missing: tuple[int, ...] = ()
    reason: str = ""
    is_yours: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question has arrived; the same one may do so twice, over two links."""

    question: Question


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was asked for has been looked for on the disks.

    Attributes:
        nonce: of the question.
        carrying: the segments that hold what was found, each read from a healthy volume past the
            page cache, its hash agreeing (D3).
        missing: the places in the question of the pictures not found in these.
        in_vain: those of them that are not to be fetched, since this node will never keep them.
        reason: why not, as a sentence.
    """

    nonce: str
    carrying: tuple[str, ...]
    missing: tuple[int, ...]
    in_vain: tuple[int, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """The index has `promised_us` in every segment that carries the promise, durably (D4)."""

    nonce: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Reading or committing did not succeed.

    Attributes:
        nonce: of the question.
        reason: why, as a sentence.
    """

    nonce: str
    reason: str


Event = Asked | ReadBack | Committed | Failed


@dataclass(frozen=True, slots=True)
class Read:
    """To do: look for the pictures on healthy volumes, past the page cache; then `ReadBack`."""

    question: Question


@dataclass(frozen=True, slots=True)
class Commit:
    """To do: set `promised_us` in all of these segments in one transaction; then `Committed`.

    It must fail if one of them is gone, being deleted, or suspect by then.

    Attributes:
        nonce: of the question.
        segments: which.
    """

    nonce: str
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """To do: get from the asker the pictures that this node lacks (D6). It will ask again.

    Attributes:
        question: what was asked.
        missing: the places in it of the pictures to fetch.
    """

    question: Question
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """To do: answer, to whoever is still waiting.

    Attributes:
        to: the node that asked.
        answer: what to say.
    """

    to: str
    answer: Answer


Effect = Read | Commit | Fetch | Reply


@dataclass(frozen=True, slots=True)
class Pending:
    """A question that is being worked on.

    Attributes:
        question: which.
        until_us: when it is worked on no more, on this node's CLOCK_BOOTTIME.
        carrying: the segments that carry the promise, once they were read back.
    """

    question: Question
    until_us: int
    carrying: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Primary:
    """The state.

    Attributes:
        node_id: this node.
        pending: questions being worked on, by nonce.
    """

    node_id: str
    pending: Mapping[str, Pending] = field(default_factory=dict)


def step(
    state: Primary, event: Event, placements: Mapping[str, Placement], now_us: int
) -> tuple[Primary, list[Effect]]:
    """Take one event.

    Args:
        state: as it was.
        event: what happened.
        placements: as committed, as far as this node knows, by camera. Never changed by suspicion.
        now_us: CLOCK_BOOTTIME.

    Returns:
        The new state, and what is to be done.
    """
    waiting = {nonce: it for nonce, it in state.pending.items() if now_us < it.until_us}
    state = replace(state, pending=waiting)
    if isinstance(event, Asked):
        return _asked(state, event.question, placements, now_us)
    pending = waiting.get(event.nonce)
    if pending is None:
        return state, []
    refusal = _role_refusal(state, pending.question, placements)
    if isinstance(event, Failed):
        refusal = event.reason
    if refusal:
        return _answered(state, pending, Answer(event.nonce, promised=False, reason=refusal))
    if isinstance(event, ReadBack):
        return _read_back(state, pending, event)
    if pending.carrying:
        return _answered(state, pending, Answer(event.nonce, promised=True))
    return state, []  # what was not read back cannot have been committed


def _asked(
    state: Primary, question: Question, placements: Mapping[str, Placement], now_us: int
) -> tuple[Primary, list[Effect]]:
    if question.nonce in state.pending:
        return state, []
    refusal = _role_refusal(state, question, placements)
    if not refusal and len(state.pending) >= MOST_AT_ONCE:
        refusal = f"Node {state.node_id} is reading back for {MOST_AT_ONCE} others. Ask again."
    if not refusal and not question.identities:
        refusal = "No picture is named; nothing can be promised."
    if refusal:
        answer = Answer(question.nonce, promised=False, reason=refusal)
        return state, [Reply(question.asker, answer)]
    pending = Pending(question, now_us + WORK_US)
    state = replace(state, pending={**state.pending, question.nonce: pending})
    return state, [Read(question)]


def _role_refusal(
    state: Primary, question: Question, placements: Mapping[str, Placement]
) -> str | None:
    """Why this node may not promise to that one, if so (D2)."""
    placement = placements.get(question.camera_id)
    if placement is None:
        return f"Camera {question.camera_id} has no placement."
    if placement.primary != state.node_id:
        return f"The primary of camera {question.camera_id} is node {placement.primary}."
    if placement.generation != question.generation:
        return (
            f"You asked by generation {question.generation} of the placement of camera"
            f" {question.camera_id}; node {state.node_id} knows {placement.generation}. Ask again."
        )
    if question.asker == state.node_id:
        return f"Node {state.node_id} asks itself; a promise is another node's word."
    return None


def _read_back(state: Primary, pending: Pending, found: ReadBack) -> tuple[Primary, list[Effect]]:
    """Commit what was found whole (D3, D4), or fetch what lacks (D6)."""
    question, missing = pending.question, found.missing
    if not missing:
        verified = replace(pending, carrying=found.carrying)
        state = replace(state, pending={**state.pending, found.nonce: verified})
        return state, [Commit(found.nonce, found.carrying)]
    lacking = tuple(place for place in missing if place not in frozenset(found.in_vain))
    if not lacking:
        never = Answer(
            found.nonce, promised=False, missing=missing, reason=found.reason, is_yours=True
        )
        return _answered(state, pending, never)
    reason = (
        f"Node {state.node_id} lacks {len(lacking)} of {len(question.identities)} pictures,"
        " and fetches them."
    )
    answer = Answer(question.nonce, promised=False, missing=missing, reason=reason)
    state, effects = _answered(state, pending, answer)
    return state, [Fetch(question, lacking), *effects]


def _answered(state: Primary, pending: Pending, answer: Answer) -> tuple[Primary, list[Effect]]:
    left = {nonce: it for nonce, it in state.pending.items() if nonce != answer.nonce}
    return replace(state, pending=left), [Reply(pending.question.asker, answer)]
