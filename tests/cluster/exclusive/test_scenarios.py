"""What happens after what, as stories: `scenarios/*.txt`, in the words of `site`.

To write a new one, give its sentence and its commands; the failure shows the story to read.
"""

from pathlib import Path

import pytest
from tests.cluster.exclusive.site import Site

from tandem.cluster.exclusive import eviction

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


def test_without_the_rule_about_strangers_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """E5: whoever begins a session while a holder is cut off from the store promised it nothing."""
    monkeypatch.setattr(eviction, "cannot_hold_at_us", lambda *_: 0)
    path = Path(__file__).parent / "scenarios" / "cut_off_from_the_store.txt"
    assert "db runs on a and c" in told_again(path.read_text(encoding="utf-8"))
