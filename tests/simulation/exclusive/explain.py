"""Tells what happened in a run that broke a rule; by hand:

.venv/bin/python -m tests.simulation.exclusive.explain SEED
"""

import sys

from tests.simulation.exclusive.chance import random_plan
from tests.simulation.exclusive.oracle import ViolationError
from tests.simulation.exclusive.schedule import Plan
from tests.simulation.exclusive.shrink import shrink
from tests.simulation.exclusive.world import World

LINES = 150
"""Of the end of the story, which is where it goes wrong."""


def breaks(plan: Plan) -> ViolationError | None:
    try:
        World(plan).run()
    except ViolationError as violation:
        return violation
    return None


def explain(plan: Plan, violation: ViolationError, lines: int = LINES) -> str:
    """The rule, the seed, a smaller plan that breaks the same rule, and the end of its story."""

    def breaks_the_same(smaller: Plan) -> bool:
        found = breaks(smaller)
        return found is not None and found.rule == violation.rule

    small = shrink(plan, breaks_the_same)
    world = World(small, is_traced=True)
    said = ""
    try:
        world.run()
    except ViolationError as again:
        said = str(again)
    story = world.story().splitlines()
    return "\n".join(
        [
            f"{violation} (seed {plan.setting.seed})",
            f"With fewer faults: {said}",
            str(small.setting),
            *map(str, small.faults),
            f"The last {lines} of {len(story)} lines:",
            *story[-lines:],
        ]
    )


def main() -> int:
    """Shows one seed."""
    plan = random_plan(int(sys.argv[1]))
    violation = breaks(plan)
    text = "Nothing is broken." if violation is None else explain(plan, violation, 2_000)
    sys.stdout.write(text + "\n")
    return violation is not None


if __name__ == "__main__":
    sys.exit(main())
