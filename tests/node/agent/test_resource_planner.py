"""The agent's planner of resources: what the store says, what is written, and who may."""

from collections.abc import Iterable
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock, node

from tandem.cluster import keys
from tandem.cluster.document import encode
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.intent import Intent
from tandem.cluster.model import SECOND_US
from tandem.cluster.node_report import NodeReport
from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.saved import Input
from tandem.cluster.plan.view import Failure, FailureKind, Service, Wish
from tandem.cluster.wish import encode_wish
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.resource_planner import ResourcePlanner
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Compare, Delete, Put, Transaction, unchanged

WEB = Resource("web", "process", Mode.STRICT, {"command": ["/usr/bin/web"]})


class Bench:
    """A node that plans on a store in memory, and nodes that carry out what is ordered at once."""

    def __init__(self, *names: str, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()
        self.clock = FakeClock()
        self.suspected: frozenset[str] = frozenset()
        self.guard: Compare | None = unchanged(keys.OWNERS + "coordinator", 0)
        self.noted: list[Input] = []
        self.catalogue = Catalogue(self.store, Random(0), lambda: None)
        self.planner = ResourcePlanner(
            self.store,
            self.catalogue,
            lambda: self.suspected,
            lambda: self.guard,
            self.clock,
            lambda made_from, _: self.noted.append(made_from),
        )
        for name in names or ("n1", "n2", "n3"):
            self.put(keys.NODES + name, node(name).encode())

    def put(self, key: str, value: bytes) -> None:
        self.store.keys.transact(Transaction(success=(Put(key, value),)))

    def remove(self, key: str) -> None:
        self.store.keys.transact(Transaction(success=(Delete(key),)))

    def define(self, *resources: Resource) -> None:
        for it in resources:
            self.put(keys.RESOURCES + it.resource_id, it.encode())

    def fail(self, node_id: str, kind: FailureKind, count: int = 1) -> None:
        now_us = self.clock.utc_us()
        found = tuple(Failure("web", node_id, kind, now_us + at) for at in range(count))
        self.put(keys.REPORTS + node_id, NodeReport(node_id, (), found).encode())

    def say(self, node_id: str, service: Service) -> None:
        self.put(keys.INTENTS + node_id, Intent(service, 0).encode())

    def owned(self, name: str, node_id: str, hold: Hold = Hold.HELD) -> None:
        order = self.order(name)
        generation = order.generation if order else 1
        self.put(keys.OWNERS + name, Owner(node_id, 1, hold, generation, 1).encode())

    def order(self, name: str = "web") -> Order | None:
        found = self.store.keys.get(keys.ORDERS + name)
        return Order.decode(name, found.value) if found else None

    def nodes(self, name: str = "web") -> tuple[str, ...]:
        order = self.order(name)
        assert order is not None
        return order.nodes

    async def plan(self) -> None:
        """Plan by what stands in the store, and again until nothing changes."""
        before = None
        while before != self.store.keys.revision:
            before = self.store.keys.revision
            self.read()
            await self.planner.look()

    async def run(self, *names: str) -> None:
        """Plan, and have every resource run where its order says."""
        await self.plan()
        for name in names or ("web",):
            self.owned(name, self.nodes(name)[0])
        await self.plan()

    def read(self) -> None:
        catalogue = self.catalogue
        for shelf in catalogue.shelves:
            shelf.take(self.store.keys.range(shelf.prefix).entries)


def names(found: Iterable[str]) -> set[str]:
    return set(found)


@in_a_loop
async def test_what_is_defined_gets_an_order_with_successors() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.plan()
    order = bench.order()
    assert order is not None
    assert (names(order.nodes), order.mode) == ({"n1", "n2", "n3"}, Mode.STRICT)
    assert len(bench.noted) == 1, "what changes nothing is no decision worth keeping"
    before = bench.store.keys.revision
    await bench.plan()
    assert bench.store.keys.revision == before


@in_a_loop
async def test_where_nothing_is_defined_nothing_is_planned() -> None:
    bench = Bench()
    await bench.plan()
    assert bench.planner.document() is None
    bench.define(WEB)
    await bench.plan()
    assert bench.planner.document() is not None
    bench.remove(keys.RESOURCES + "web")
    await bench.plan()
    assert (bench.order(), bench.planner.document()) == (None, None)


@in_a_loop
async def test_who_may_not_plan_writes_nothing_and_says_nothing() -> None:
    bench = Bench()
    bench.define(WEB)
    bench.guard = None
    await bench.plan()
    assert (bench.order(), bench.planner.document(), bench.planner.concerns) == (None, None, ())


@in_a_loop
async def test_a_plan_of_who_is_no_longer_the_coordinator_is_refused_by_the_store() -> None:
    bench = Bench()
    bench.define(WEB)
    bench.read()
    bench.put(keys.OWNERS + "coordinator", Owner("n2", 1, Hold.HELD, 1, 1).encode())
    await bench.planner.look()
    assert bench.order() is None


@in_a_loop
async def test_the_coordinator_is_planned_by_nobody() -> None:
    bench = Bench()
    order = Order(("n1", "n2"), 1, Mode.SOFT)
    bench.put(keys.ORDERS + "coordinator", order.encode())
    await bench.plan()
    assert bench.order("coordinator") == order


@in_a_loop
async def test_after_a_death_the_heir_heads_the_order_and_the_dead_node_follows_no_more() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.run()
    first, second, third = bench.nodes()
    bench.suspected = frozenset({first})
    await bench.plan()
    assert bench.nodes() == (second, third)


@in_a_loop
async def test_nothing_moves_onto_a_node_that_is_drained_and_it_gives_away_what_it_has() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.run()
    first = bench.nodes()[0]
    bench.say(first, Service.DRAINING)
    await bench.plan()
    assert first not in bench.nodes()


@in_a_loop
async def test_a_drained_node_empties_one_resource_after_the_other() -> None:
    bench = Bench("n1", "n2")
    both = [Resource(it, "process", Mode.STRICT, prefers=("n1",)) for it in ("a", "b")]
    bench.define(*both)
    await bench.run("a", "b")
    assert (bench.nodes("a")[0], bench.nodes("b")[0]) == ("n1", "n1")
    bench.say("n1", Service.DRAINING)
    await bench.plan()
    assert sorted([bench.nodes("a")[0], bench.nodes("b")[0]]) == ["n1", "n2"]
    moved = "a" if bench.nodes("a")[0] == "n2" else "b"
    bench.owned(moved, "n2")
    await bench.plan()
    assert (bench.nodes("a")[0], bench.nodes("b")[0]) == ("n2", "n2")


@in_a_loop
async def test_a_wish_moves_it_and_what_it_is_wished_away_from_follows() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.run()
    target = bench.nodes()[2]
    now_us = bench.clock.utc_us()
    wish = Wish("web", target, now_us, now_us + 3600 * SECOND_US)
    bench.put(keys.WISHES + "web", encode_wish(wish))
    await bench.plan()
    assert bench.nodes()[0] == target
    assert len(bench.nodes()) == 3


@in_a_loop
async def test_what_is_disabled_or_removed_is_ordered_nowhere_until_it_has_stopped() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.run()
    holder = bench.nodes()[0]
    bench.remove(keys.RESOURCES + "web")
    await bench.plan()
    assert bench.nodes() == ()
    bench.owned("web", holder, Hold.RELEASED)
    await bench.plan()
    assert bench.order() is None, "its order goes when it runs nowhere"


@in_a_loop
async def test_a_start_that_failed_is_tried_elsewhere_and_everywhere_failed_is_said() -> None:
    bench = Bench("n1", "n2")
    bench.define(WEB)
    await bench.run()
    first, second = bench.nodes()
    bench.fail(first, FailureKind.START)
    await bench.plan()
    assert bench.nodes() == (second,)
    bench.fail(second, FailureKind.START)
    bench.owned("web", second, Hold.RELEASED)
    await bench.plan()
    document = bench.planner.document()
    assert document is not None
    assert (
        "is stopped: n1 could not start web; n2 could not start web."
        in (document["resources"]["web"]["says"])
    )
    assert bench.nodes() == ()


@in_a_loop
async def test_failures_are_forgiven_when_their_time_is_over_though_nothing_else_changes() -> None:
    bench = Bench("n1")
    bench.define(WEB)
    await bench.plan()
    bench.fail("n1", FailureKind.START)
    await bench.plan()
    assert bench.nodes() == ()
    bench.clock.now_us += WEB.failure_timeout_s * SECOND_US + 1
    await bench.planner.look()
    assert bench.nodes() == ("n1",)


@in_a_loop
async def test_an_address_goes_only_where_its_interface_is() -> None:
    bench = Bench("n1", "n2")
    bench.define(
        Resource("vip", "address", Mode.SOFT, {"address": "10.0.0.5", "interface": "eth1"})
    )
    bench.put(keys.REPORTS + "n2", NodeReport("n2", ("interface:eth1",)).encode())
    await bench.plan()
    assert bench.nodes("vip") == ("n2",)


@in_a_loop
async def test_what_cannot_be_read_is_left_as_it_is() -> None:
    bench = Bench()
    bench.define(WEB)
    await bench.run()
    order = bench.order()
    bench.put(keys.RESOURCES + "web", encode({"kind": "process", "mode": "of a later release"}))
    bench.put(keys.RESOURCES + "other", Resource("other", "process").encode())
    another = Bench(store=bench.store)
    await another.plan()
    assert another.order() == order
    assert another.order("other") is not None


@in_a_loop
async def test_many_nodes_coming_and_going_hold_moves_back_and_maintenance_does_not() -> None:
    bench = Bench("n1", "n2", "n3", "n4")
    bench.define(WEB)
    await bench.run()
    others = bench.nodes()[1:3]
    bench.suspected = frozenset(others)
    await bench.plan()
    assert any("Nothing is moved automatically" in it for it in bench.planner.concerns)
    calm = Bench("n1", "n2", "n3", "n4")
    calm.define(WEB)
    await calm.run()
    for name in calm.nodes()[1:3]:
        calm.say(name, Service.MAINTENANCE)
    await calm.plan()
    calm.suspected = frozenset(others)
    await calm.plan()
    assert not any("Nothing is moved" in it for it in calm.planner.concerns)


@pytest.mark.parametrize("kind", FailureKind)
def test_what_a_node_reports_is_read_as_it_was_written(kind: FailureKind) -> None:
    report = NodeReport("n1", ("interface:eth0",), (Failure("web", "n1", kind, 7),))
    assert NodeReport.decode("n1", report.encode()) == report
    assert report.forgiven("web").failures == ()
    many = report.failed([Failure("web", "n1", kind, at) for at in range(100)])
    assert (len(many.failures), many.failures[-1].at_us) == (64, 99)
