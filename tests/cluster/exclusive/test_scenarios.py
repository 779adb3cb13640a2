"""What happens after what, as stories: `scenarios/*.txt`, in the words of `site`.

To write a new one, give its sentence and its commands; the failure shows the story to read.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from tests.cluster.exclusive.site import Site

from tandem.cluster.exclusive import eviction, failsafe
from tandem.cluster.exclusive.events import Promise
from tandem.cluster.exclusive.state import Basis, State

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


def told_again(text: str) -> str:
    """The sentence, and the script played anew."""
    sentence, _, rest = text.partition("\n\n")
    script = [line[2:] for line in rest.splitlines() if line.startswith("> ")]
    return "\n".join([sentence, "", *Site().play(script), ""])


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_story_is_as_told(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert told_again(text) == text


def test_no_strict_resource_runs_twice_in_a_story() -> None:
    told = [path.read_text(encoding="utf-8") for path in SCENARIOS]
    assert len(told) >= 10
    assert not [text for text in told if "db runs on a and" in text]


def as_surely_known(state: State) -> Basis:
    known = state.chain.known
    return state.bases.get(known.session.seen, frozenset()) if known else frozenset()


def as_many_as_there_are(state: State) -> Basis:
    return frozenset((name, 0) for name in state.nodes)


@pytest.mark.parametrize(
    ("story", "place", "rule", "instead"),
    [
        ("cut_off_from_the_store", eviction, "cannot_hold_at_us", lambda *_: 0),
        ("lost_answer", failsafe, "needed", as_surely_known),
        ("newcomers", failsafe, "counted", as_many_as_there_are),
        ("cut_off_from_the_store", eviction, "promised_until_us", lambda *_: 0),
        ("evicted_unknowingly", failsafe, "is_not_evicted", lambda *_: True),
        ("eviction_unresolved", failsafe, "no_eviction_is_unresolved", lambda *_: True),
    ],
    ids=["E5", "F1", "F2", "F3", "F6, evicted", "F6, unresolved"],
)
def test_with_a_rule_of_failsafe_taken_away_there_are_two(
    story: str,
    place: ModuleType,
    rule: str,
    instead: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, rule, instead)
    path = Path(__file__).parent / "scenarios" / f"{story}.txt"
    assert "db runs on a and" in told_again(path.read_text(encoding="utf-8"))


def test_without_both_rules_about_restarts_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """F4 and F5 stand behind each other."""
    promised = failsafe.promised

    def promised_by_anybody(state: State, answer: Promise) -> None:
        known = dict(failsafe.needed(state))
        promised(state, replace(answer, epoch=known.get(answer.node_id, 0)))

    path = Path(__file__).parent / "scenarios" / "restarted_promiser.txt"
    text = path.read_text(encoding="utf-8")
    monkeypatch.setattr(failsafe, "is_meant", lambda state, _: state.is_live)
    monkeypatch.setattr(failsafe, "promised", promised_by_anybody)
    assert "db runs on a and" not in told_again(text)
    monkeypatch.setattr(failsafe, "is_old_enough", lambda *_: True)
    assert "db runs on a and" in told_again(text)
