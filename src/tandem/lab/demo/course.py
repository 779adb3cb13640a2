"""What happens in the demonstration, in its order."""

from collections import Counter
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.lab.cluster import LabCluster, Steps
from tandem.lab.cluster.agents import client
from tandem.lab.cluster.steps import counted
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.counting.compare import Span
from tandem.lab.demo.copies import wait_for_copies
from tandem.lab.demo.exports import export_all
from tandem.lab.demo.verdict import Verdict, judge, moment, table
from tandem.lab.hosts import LabError
from tandem.node.control.client import AskingError

FAULTS: Final = 2
RECORDED_S: Final = 20.0
ALONE_S: Final = 10.0
UNSETTLED_US: Final = 5_000_000
"""Newer pictures are not counted: a fragment of 2 s, a sync each 2 s, and the time to ask."""

_LEAD_US: Final = 2_000_000
"""So much more is exported than is counted, before its beginning."""

_HEALED_DEADLINE_S: Final = 40.0
_PLACE: Final = Path("/tmp/exports")  # noqa: S108 - of a host, that nobody else is on


def run(cluster: LabCluster, steps: Steps, clock: Clock) -> bool:
    """Let nodes lose their power, one after the other, and count.

    Args:
        cluster: that records, with two copies of everything.
        steps: hears what happens.
        clock: of this machine.

    Returns:
        Whether every picture was there exactly once, each time.

    Raises:
        LabError: something that has to happen did not.
    """
    since_us = cluster.record.recording_since_us
    if since_us is None:
        raise LabError("The cluster was not brought up to its end. Take it down, and up again.")
    _record_until(since_us + round(RECORDED_S * 1e6), steps, clock)
    is_exact = True
    hit: list[str] = []
    for _ in range(FAULTS):
        hit.append(_next_victim(cluster, hit))
        is_exact &= _fault(cluster, hit[-1], since_us, steps, clock)
    return is_exact


def _fault(cluster: LabCluster, name: str, since_us: int, steps: Steps, clock: Clock) -> bool:
    """One node loses its power, everything is exported, and it comes back."""
    plan = cluster.record.plan
    steps.say()
    primaries = _primaries(cluster)[name]
    with steps.step(f"{name}, primary of {counted(primaries, 'camera')}, loses its power"):
        killed_us = clock.utc_us()
        cluster.lab.kill(name)
    _record_until(clock.utc_us() + round(ALONE_S * 1e6), steps, clock)
    counted_from_us = max(since_us, killed_us - plan.window_s * 1_000_000)
    asked = cluster.living[0]
    exported = counted(plan.cameras, "camera")
    with steps.step(f"{exported} exported on {asked.name}, {name} being off"):
        until_us = clock.utc_us()
        begin_us = counted_from_us - _LEAD_US
        exports = export_all(asked, plan.cameras, _PLACE / name, begin_us, until_us)
    span = Span(from_us=counted_from_us, until_us=until_us - UNSETTLED_US)
    with steps.step("the pictures are counted"):
        verdicts = [judge(one, cluster.ledger(one.camera), span, since_us) for one in exports]
    _tell(verdicts, span, plan.window_s, steps)
    with steps.step(f"{name} is switched on again"):
        cluster.start(name)
        cluster.wait_until_nodes_answer()
    with steps.step(f"{plan.copies} nodes have all of every camera again"):
        cluster.wait_until_recorded(plan.copies)
        wait_for_copies(asked, plan, since_us, clock, _HEALED_DEADLINE_S)
    return all(verdict.found.exact for verdict in verdicts)


def _record_until(until_us: int, steps: Steps, clock: Clock) -> None:
    left_s = max(0.0, (until_us - clock.utc_us()) / 1e6)
    with steps.step(f"the cluster records for {left_s:.0f} s"):
        wait_for(
            lambda: "" if clock.utc_us() >= until_us else "it has not passed.",
            "time passes",
            left_s + 10,
            clock,
        )


def _next_victim(cluster: LabCluster, hit: list[str]) -> str:
    """The node that is primary of most cameras, among those that nothing has happened to."""
    primaries = _primaries(cluster)
    names = [host.name for host in cluster.nodes if host.name not in hit]
    return max(names, key=lambda name: primaries[name])


def _primaries(cluster: LabCluster) -> Counter[str]:
    try:
        found = client(cluster.living[0]).cameras()["cameras"]
    except AskingError as error:
        raise LabError(str(error)) from error
    return Counter(each["placement"]["nodes"][0] for each in found if each["placement"])


def _tell(verdicts: list[Verdict], span: Span, window_s: int, steps: Steps) -> None:
    steps.say()
    for line in table(verdicts):
        steps.say(line)
    begin, end = moment(span.from_us or 0), moment(span.until_us or 0)
    steps.say(
        f'  "Delivered" are pictures that reached at least one recorder, taken {begin} -\n'
        f"  {end} UTC: since its first keyframe with two copies, or the window of\n"
        f"  {window_s} s before the fault; up to {UNSETTLED_US / 1e6:.0f} s before the export."
    )
    steps.say()
