"""A pulse has an evicted node that still owns something switched off by its fence device."""

import asyncio
from pathlib import Path
from random import Random

from tests.conformance.store.subjects import in_a_loop
from tests.node.fencing.agents import Agents, device

from tandem.clock import SystemClock
from tandem.cluster import keys
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.identity import ClusterIdentity
from tandem.cluster.model import Session, SessionState
from tandem.node.fencing.definition import Fencing
from tandem.node.fencing.fencer import Fencer
from tandem.node.fencing.sealing import SecretBox
from tandem.node.pulse.messages import Orders
from tandem.node.pulse.pulse import Means, Pulse
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Put, Transaction

KEY = bytes(32)
CLOCK = SystemClock()


@in_a_loop
async def test_an_evicted_owner_is_switched_off_by_its_device_and_is_off_then(
    tmp_path: Path,
) -> None:
    agents, store, box = Agents(tmp_path), FakeStore(), SecretBox(KEY)
    agents.write()
    incarnation = ClusterIdentity(7).incarnation
    evicted = Session(2, 5, "x", SessionState.EVICTED, began=1, incarnation=incarnation)
    fencing = Fencing("n2", ((box.seal("n2", device(), {}),),))
    for key, value in (
        (keys.CLUSTER, ClusterIdentity(7).encode()),
        (keys.SESSIONS + "n2", evicted.encode()),
        (keys.OWNERS + "db", Owner("n2", 1, Hold.HELD, 1, incarnation).encode()),
        (keys.FENCING + "n2", fencing.encode()),
    ):
        store.keys.transact(Transaction(success=(Put(key, value),)))
    fencer = Fencer(box, CLOCK, agents.places)
    means = Means(KEY, store, CLOCK, Random(0), fencer, {})
    run = tmp_path / "run"
    orders = Orders("n1", 7, 1, tmp_path, run, (), "patient", ("n1", "n2"), ())

    def state() -> SessionState:
        found = store.keys.get(keys.SESSIONS + "n2")
        assert found
        return Session.decode("n2", found.value).state

    async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Pulse(orders, means, lambda _: True).run())
        while state() is not SessionState.OFF:  # noqa: ASYNC110
            await asyncio.sleep(0)
        running.cancel()
    assert agents.asked() == ["off", "status"]
