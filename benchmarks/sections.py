"""Sections of `docs/reference/benchmarks.md`, each made by a benchmark of its own."""

from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent.parent / "docs" / "reference" / "benchmarks.md"


def kept_section(title: str, text: str | None = None) -> str:
    """A section as it stands, from its heading to the next one's; empty if there is none.

    Args:
        title: its heading, with the number signs.
        text: where it is looked for; what is on the disk unless given.
    """
    whole = RESULTS.read_text("utf-8") if text is None else text
    _, found, rest = whole.partition(f"{title}\n")
    return found + rest.partition("\n## ")[0].rstrip("\n") + "\n" if found else ""


def replace_section(title: str, section: str) -> None:
    """Write a section in the place of the one that stands there, or at the end."""
    text = RESULTS.read_text("utf-8")
    if before := kept_section(title, text):
        RESULTS.write_text(text.replace(before, section), "utf-8")
    else:
        RESULTS.write_text(f"{text.rstrip()}\n\n{section}", "utf-8")
