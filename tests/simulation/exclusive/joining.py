"""Plans in which servers become nodes while something goes wrong."""

from random import Random

from tests.simulation.exclusive import stories
from tests.simulation.exclusive.chance import MAKERS, random_plan
from tests.simulation.exclusive.clockwork import MS
from tests.simulation.exclusive.schedule import Fault, Plan, nodes_of

FIRST_US = 500 * MS
_CUT_OFF = [
    stories.cut_off_while_another_restarts,
    stories.cut_off_right_after_another_returns,
    stories.held_behind_the_back_of_one,
]
# A backup does not know who joined after it: such a node has to join again, which is not simulated.
_MAKERS = [one for one in MAKERS if one not in (stories.restore, *_CUT_OFF)]


def joining_plan(seed: int, *, anyhow: bool = False) -> Plan:
    """What `random_plan` makes of this seed, but the last nodes join in the course of it.

    Args:
        seed: decides all of it.
        anyhow: they do so even while a node that has a session cannot write, and a holder is cut
            off from the store, which the design leaves open.
    """
    random = Random(f"joining {seed}")
    joiners = random.randint(1, 3)
    setting, faults = random_plan(seed, _CUT_OFF if anyhow else _MAKERS, more=joiners)
    joins = [
        Fault(random.randint(FIRST_US, setting.faults_us - 100 * MS), 0, "join", (name,))
        for name in nodes_of(setting)[-joiners:]
    ]
    every = sorted([*faults, *joins], key=lambda fault: fault.at_us)
    return Plan(setting._replace(joiners=joiners, joins_anyhow=anyhow), tuple(every))
