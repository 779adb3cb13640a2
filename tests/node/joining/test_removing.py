"""A node is taken out for good only where nothing exclusive can still run on it."""

import asyncio
from dataclasses import replace

import pytest
from tests.node.agent.material import FakeClock, enter, node

from tandem.cluster import keys
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.joining import Removal
from tandem.cluster.model import Session, SessionState
from tandem.cluster.order import Mode, Order
from tandem.node.control.protocol import NotFoundError, RefusedError
from tandem.node.joining.removing import remove_node
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Outcome, Put, Transaction

LIVE = Session(3, 40, "x")


def site(session: Session | None = LIVE, *, owner: Owner | None = None) -> FakeStore:
    store = FakeStore()

    async def fill() -> None:
        await enter(store, node("n1"), node("n2"), node("n3"))
        if session:
            await enter(store, ("n3", session))

    asyncio.run(fill())
    if owner:
        store.keys.transact(Transaction(success=(Put(keys.OWNERS + "vip", owner.encode()),)))
    return store


def remove(store: FakeStore, node_id: str = "n3", heard: tuple[str, ...] = ("n2",)) -> None:
    asyncio.run(remove_node(store, node_id, "n1", heard, FakeClock()))


def is_there(store: FakeStore, node_id: str = "n3") -> bool:
    return store.keys.get(keys.NODES + node_id) is not None


def session_of(store: FakeStore) -> Session:
    found = store.keys.get(keys.SESSIONS + "n3")
    assert found
    return Session.decode("n3", found.value)


def test_a_lost_node_loses_its_entry_and_its_session_and_its_name_is_kept() -> None:
    store = site()
    remove(store)
    assert not is_there(store)
    assert session_of(store) == replace(LIVE, epoch=4, state=SessionState.EVICTED)
    found = store.keys.get(keys.REMOVED + "n3")
    assert found
    assert Removal.decode("n3", found.value).at_utc_us == FakeClock().utc_us()
    remove(store)  # once more is no harm


def test_a_node_that_is_heard_stays() -> None:
    store = site()
    with pytest.raises(RefusedError, match="is there"):
        remove(store, heard=("n2", "n3"))
    assert is_there(store)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(NotFoundError):
        remove(site(), "n9")


def test_a_node_that_may_still_run_something_exclusive_stays_until_it_is_known_to_be_off() -> None:
    owner = Owner("n3", 3, Hold.HELD, 1, 0)
    evicted = replace(LIVE, epoch=4, state=SessionState.EVICTED)
    for session in (LIVE, evicted, None):
        store = site(session, owner=owner)
        with pytest.raises(RefusedError, match="vip"):
            remove(store)
        assert is_there(store)
    store = site(replace(evicted, state=SessionState.OFF), owner=owner)
    remove(store)
    assert not is_there(store)


@pytest.mark.parametrize(
    "owner",
    [Owner("n3", 3, Hold.RELEASED, 1, 0), Owner("n2", 3, Hold.HELD, 1, 0)],
)
def test_what_it_released_or_another_node_runs_keeps_nobody(owner: Owner) -> None:
    store = site(owner=owner)
    remove(store)
    assert not is_there(store)


def test_the_only_node_does_not_leave() -> None:
    store = FakeStore()
    asyncio.run(enter(store, node("n1")))
    with pytest.raises(RefusedError, match="only node"):
        remove(store, "n1", ())


def test_a_node_that_renews_its_session_meanwhile_stays() -> None:
    store = site()
    transact = store.transact

    async def late(transaction: Transaction) -> Outcome:
        await enter(store, ("n3", replace(LIVE, counter=41)))
        return await transact(transaction)

    store.transact = late  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="just now"):
        remove(store)
    assert is_there(store)


def test_a_node_that_coordinates_gives_that_up_with_its_entry() -> None:
    seat = Owner("n3", 3, Hold.HELD, 1, 0)
    order = Order(("n3", "n1", "n2"), 4, Mode.SOFT)
    store = site()
    owned, ordered = keys.OWNERS + COORDINATOR, keys.ORDERS + COORDINATOR
    puts = (Put(owned, seat.encode()), Put(ordered, order.encode()))
    store.keys.transact(Transaction(success=puts))
    remove(store)
    assert not is_there(store)
    found = store.keys.get(owned)
    assert found
    assert Owner.decode(COORDINATOR, found.value).hold is Hold.RELEASED
    left = store.keys.get(ordered)
    assert left
    assert Order.decode(COORDINATOR, left.value) == replace(order, nodes=("n1", "n2"), generation=5)


def test_a_node_that_leaves_renews_its_session_meanwhile_and_leaves_all_the_same() -> None:
    store = site()
    transact, renewals = store.transact, [41, 42]

    async def late(transaction: Transaction) -> Outcome:
        if renewals:
            await enter(store, ("n3", replace(LIVE, counter=renewals.pop(0))))
        return await transact(transaction)

    store.transact = late  # type: ignore[method-assign]
    asyncio.run(remove_node(store, "n3", "n3", ("n1", "n2"), FakeClock()))
    assert not is_there(store)
