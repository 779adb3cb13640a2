"""Plans in which servers become nodes while something goes wrong."""

from collections.abc import Sequence
from random import Random

from tests.simulation.exclusive import stories
from tests.simulation.exclusive.chance import MAKERS, random_plan
from tests.simulation.exclusive.clockwork import MS
from tests.simulation.exclusive.schedule import Fault, Maker, Plan, nodes_of

FIRST_US = 500 * MS
# A backup does not know who joined after it: such a node has to join again, which is not simulated.
_MAKERS = [one for one in MAKERS if one is not stories.restore]


def joining_plan(seed: int, makers: Sequence[Maker] = ()) -> Plan:
    """What `random_plan` makes of this seed, but the last nodes join in the course of it.

    Args:
        seed: decides all of it.
        makers: of faults; all if empty.
    """
    random = Random(f"joining {seed}")
    joiners = random.randint(1, 3)
    setting, faults = random_plan(seed, makers or _MAKERS, more=joiners)
    joins = [
        Fault(random.randint(FIRST_US, setting.faults_us - 100 * MS), 0, "join", (name,))
        for name in nodes_of(setting)[-joiners:]
    ]
    every = sorted([*faults, *joins], key=lambda fault: fault.at_us)
    return Plan(setting._replace(joiners=joiners), tuple(every))
