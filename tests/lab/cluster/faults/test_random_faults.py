"""A strict process never runs twice, and soon again: 500 random faults, half of them with fencing.

In chunks, each a seed and a lab of its own, so that a long proof can be interrupted and gone on
with. A chunk that fails prints its seed, what was done, and where the logs are; run it again by its
name. The seed decides the faults; when exactly each process gets the processor it does not.

In work: no chunk of it has run yet.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.lab.cluster.faults.place import Place, boot_s, say
from tests.lab.cluster.faults.sequence import Fault, sequence

from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps

pytestmark = [
    pytest.mark.lab("loop", "nftables"),
    pytest.mark.prove,
    pytest.mark.timeout(900),
]

NODES: Final = 3
CHUNK: Final = 25
"""So that a chunk takes five minutes at most: labs are run one at a time."""

CHUNKS: Final = 20
SOON_S: Final = 10.0


@pytest.mark.parametrize("fencing", [False, True], ids=["unfenced", "fenced"])
@pytest.mark.parametrize("seed", range(1, CHUNKS // 2 + 1))
def test_a_strict_process_never_runs_twice_and_soon_again(
    seed: int, fencing: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done: list[Fault] = []
    slowest_s = 0.0
    with place(tmp_path / "lab", fencing) as one:
        try:
            for fault in sequence(2 * seed + fencing, CHUNK, NODES):
                done.append(fault)
                slowest_s = max(slowest_s, endure(one, fault))
            one.settle()
            assert not one.twice
        except BaseException:
            logs = tmp_path / "logs"
            one.keep_logs(logs)
            say(f"\nseed {seed}, {'fenced' if fencing else 'unfenced'}; logs in {logs}; done:")
            say("\n".join(f"  {fault}" for fault in done))
            raise
        finally:
            record_property("faults", str(len(done)))
            record_property("slowest_s", f"{slowest_s:.2f}")
    say(f"\nseed {seed}: {len(done)} faults, written again after {slowest_s:.2f} s at most")


def endure(one: Place, fault: Fault) -> float:
    """One fault, from a cluster that is well to its heal; returns when it was written again."""
    one.settle()
    one.move(fault.wished)
    time.sleep(fault.after_s)
    began_s = boot_s()
    node = one.hurt(fault)
    time.sleep(fault.for_s)
    one.heal()
    again_s = one.wait_until_written(boot_s(), SOON_S)
    assert not one.twice
    say(f"  {fault} ({node}): {boot_s() - began_s:.1f} s, again after {again_s:.2f} s")
    return again_s


@contextmanager
def place(directory: Path, fencing: bool) -> Iterator[Place]:
    plan = ClusterPlan(nodes=NODES, cameras=1, protection=Protection.FAILOVER, fencing=fencing)
    cluster = LabCluster.up(directory, plan, Steps(lambda _: None, SystemClock()))
    with cluster.lab:
        yield Place(cluster)
