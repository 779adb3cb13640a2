"""Plans in which servers become nodes, or are taken out for good, while something goes wrong."""

from collections.abc import Sequence
from random import Random

from tests.simulation.exclusive import stories
from tests.simulation.exclusive.chance import MAKERS, random_plan
from tests.simulation.exclusive.clockwork import MS, SECOND
from tests.simulation.exclusive.schedule import Fault, Maker, Plan, nodes_of

FIRST_US = 500 * MS
FEWEST_NODES = 4
"""With one of them removed, and one that stays dead, two of three are there."""
# A backup does not know who has come or gone since: that is not simulated.
_MAKERS = [one for one in MAKERS if one is not stories.restore]

_LOSSES = ["isolate", "estrange", "mute", "power_off", "freeze_both", "crash_pulse", "leave"]


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


def removing_plan(seed: int, makers: Sequence[Maker] = ()) -> Plan:
    """What `random_plan` makes of this seed, but a node is lost, and taken out of the cluster.

    Args:
        seed: decides all of it.
        makers: of faults; all if empty.
    """
    random = Random(f"removing {seed}")
    setting, faults = random_plan(seed, makers or _MAKERS, more=FEWEST_NODES - 3)
    lost = []
    for node in random.sample(nodes_of(setting), random.randint(1, setting.nodes - 3)):
        at_us = random.randint(FIRST_US, setting.faults_us - 100 * MS)
        lasts_us = random.randint(1 * SECOND, 6 * SECOND)
        lost += [
            Fault(at_us, lasts_us, random.choice(_LOSSES), (node,)),
            Fault(at_us + random.randint(0, lasts_us), 0, "remove", (node,)),
        ]
    return Plan(setting, tuple(sorted([*faults, *lost], key=lambda fault: fault.at_us)))
