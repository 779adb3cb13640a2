"""Whether each node can be switched off by the others. Pure."""

from collections.abc import Collection
from typing import Final

from tandem.node.preflight.finding import Finding, passed, warned

CHECK: Final = "fencing"

_COST: Final = (
    "Enter a device for each (`tandem fence add`), and try it (`tandem fence test`). Without one,"
    " what must never run twice waits elsewhere until the guarantee of a node that is lost is over,"
    " and may run twice if a machine is paused as a whole. Recordings need no fencing."
)


def judge(nodes: Collection[str], fenced: Collection[str]) -> list[Finding]:
    """Say which nodes cannot be.

    Args:
        nodes: of the cluster.
        fenced: those with a fence device.
    """
    if len(nodes) < 2:
        return []
    missing = sorted(set(nodes) - set(fenced))
    if not missing:
        return [passed(CHECK, f"Each of {len(nodes)} nodes has a fence device.")]
    if not fenced:
        return [warned(CHECK, "No fencing is configured.", _COST)]
    return [warned(CHECK, f"There is no fence device for {', '.join(missing)}.", _COST)]
