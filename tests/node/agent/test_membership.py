"""A session is begun, renewed and begun anew, whatever the store does in between."""

from contextlib import suppress
from itertools import count
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock, enter

from tandem.cluster import keys
from tandem.cluster.model import Session, SessionState
from tandem.cluster.session import Phase
from tandem.node.agent.membership import Membership
from tandem.node.store.errors import StoreUnavailableError
from tandem.node.store.fake import FakeStore, Fault, random_faults, scripted

KEY = keys.key(keys.SESSIONS, "n1")


def membership(store: FakeStore, clock: FakeClock | None = None) -> Membership:
    numbers = count()
    return Membership("n1", store, clock or FakeClock(), lambda: f"nonce{next(numbers)}")


def stored(store: FakeStore) -> Session:
    found = store.keys.get(KEY)
    assert found
    return Session.decode("n1", found.value)


@in_a_loop
async def test_a_session_begins_and_is_renewed() -> None:
    store, clock = FakeStore(), FakeClock()
    one = membership(store, clock)
    await one.renew()
    assert (stored(store).epoch, stored(store).counter) == (1, 0)
    clock.now_us += 1_000_000
    await one.renew()
    assert stored(store).counter == 1
    assert one.renewed_us == clock.now_us


@in_a_loop
async def test_another_life_of_the_node_takes_the_next_epoch() -> None:
    store = FakeStore()
    await membership(store).renew()
    await membership(store).renew()
    assert stored(store).epoch == 2


@in_a_loop
async def test_an_evicted_session_ends_and_another_one_begins_above_it() -> None:
    store = FakeStore()
    one = membership(store)
    await one.renew()
    await enter(store, ("n1", Session(2, 0, "other", SessionState.EVICTED)))
    await one.renew()
    assert one.state.phase is Phase.STOPPED
    assert one.renewed_us is None
    await one.renew()
    assert (stored(store).epoch, stored(store).state) == (3, SessionState.LIVE)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED])
@in_a_loop
async def test_a_write_of_unknown_outcome_is_read_back(fault: Fault) -> None:
    store = FakeStore()
    one = membership(store)
    await one.renew()
    store.faults = scripted(fault)
    await one.renew()
    store.faults = scripted()
    await one.renew()
    assert one.state.phase is Phase.LIVE
    assert stored(store).epoch == 1


@in_a_loop
async def test_while_the_store_is_away_nothing_piles_up() -> None:
    store = FakeStore()
    one = membership(store)
    await one.renew()
    one.problem = "the store was away"
    store.faults = scripted(*[Fault.UNAVAILABLE] * 50)
    for _ in range(50):
        with pytest.raises(StoreUnavailableError):
            await one.renew()
    assert len(one.state.attempts) == 0
    await one.renew()
    assert stored(store).counter == 1


@pytest.mark.parametrize("seed", range(40))
@in_a_loop
async def test_whatever_the_store_does_the_session_lives_in_the_end(seed: int) -> None:
    store = FakeStore()
    one = membership(store)
    kinds = [Fault.UNAVAILABLE, Fault.LOST, Fault.UNANSWERED, Fault.DELAYED]
    store.faults = random_faults(Random(seed), 0.4, kinds)
    for _ in range(60):
        with suppress(StoreUnavailableError):
            await one.renew()
        if seed % 2:
            store.deliver_delayed()
    store.faults = scripted()
    store.deliver_delayed()
    one.problem = "as after a failure"
    for _ in range(4):
        await one.renew()
    assert one.state.phase is Phase.LIVE
    assert one.state.known is not None
    assert stored(store) == one.state.known.session
