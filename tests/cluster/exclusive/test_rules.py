"""Each rule of the design is in the code that keeps it, and the other way round."""

import re
from pathlib import Path

TOP = Path(__file__).parents[3]
CODE = TOP / "src" / "tandem" / "cluster" / "exclusive"
RULE = re.compile(r"\b([A-Z]\d)\b")


def test_the_rules_of_the_design_are_those_of_the_code() -> None:
    text = (TOP / "docs" / "design" / "exclusive.md").read_text(encoding="utf-8")
    designed = set(re.findall(r"\*\*([A-Z]\d)\*\*", text))
    coded = {
        rule
        for path in CODE.glob("*.py")
        for rule in RULE.findall(path.read_text(encoding="utf-8"))
    }
    assert designed == coded
