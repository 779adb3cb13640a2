"""What a node says of itself to whoever plans: written when it changes, kept over restarts."""

from pathlib import Path
from random import Random
from typing import Any

from tests.conformance.store.subjects import in_a_loop
from tests.node.agent.material import FakeClock

from tandem.cluster import keys
from tandem.cluster.model import SECOND_US
from tandem.cluster.node_report import NodeReport
from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import FailureKind
from tandem.node.agent.catalogue import Catalogue
from tandem.node.agent.node_reporter import NodeReporter
from tandem.node.store.fake import Call, FakeStore, Fault
from tandem.node.store.model import Put, Transaction

VIP = Resource("vip", "address", Mode.SOFT, {"address": "10.0.0.5", "interface": "eth0"})


class Bench:
    """A node with two interfaces and a unit, and its store."""

    def __init__(self, place: Path, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()
        self.clock = FakeClock()
        self.said: list[dict[str, Any]] = []
        self.place = place
        for name in ("net/eth0", "net/eth1", "units/db.service"):
            (place / name).mkdir(parents=True, exist_ok=True)
        self.catalogue = Catalogue(self.store, Random(0), lambda: None)
        self.reporter = NodeReporter(
            "n1",
            self.store,
            self.catalogue,
            lambda: self.said,
            self.clock,
            place / "net",
            (place / "units",),
        )

    def define(self, *resources: Resource) -> None:
        for it in resources:
            put = Put(keys.RESOURCES + it.resource_id, it.encode())
            self.store.keys.transact(Transaction(success=(put,)))

    def runs(self, phase: str = "running", failed_us: int | None = None) -> None:
        self.said = [{"resource": "vip", "phase": phase, "failed_us": failed_us}]

    async def look(self) -> NodeReport:
        for shelf in self.catalogue.shelves:
            shelf.take(self.store.keys.range(shelf.prefix).entries)
        await self.reporter.look()
        found = self.store.keys.get(keys.REPORTS + "n1")
        return NodeReport.decode("n1", found.value) if found else NodeReport("n1")


@in_a_loop
async def test_what_definitions_ask_for_is_reported_and_nothing_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert (await bench.look()).provides == ()
    bench.define(
        VIP,
        Resource("db", "unit", options={"unit": "db.service"}),
        Resource("no", "unit", requires=("unit:no.service", "interface:../eth1", "tape:1")),
    )
    assert (await bench.look()).provides == ("interface:eth0", "unit:db.service")
    before = bench.store.keys.revision
    await bench.look()
    assert bench.store.keys.revision == before, "what has not changed is not written"
    (tmp_path / "net/eth0").rmdir()
    assert (await bench.look()).provides == ("unit:db.service",)


@in_a_loop
async def test_each_failure_is_reported_once_as_that_of_a_start_or_of_a_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.define(VIP)
    bench.runs("stopped", failed_us=5)
    assert [it.kind for it in (await bench.look()).failures] == [FailureKind.START]
    assert len((await bench.look()).failures) == 1
    bench.runs()
    await bench.look()
    bench.runs("stopped", failed_us=9)
    kinds = [it.kind for it in (await bench.look()).failures]
    assert kinds == [FailureKind.START, FailureKind.RUN]


@in_a_loop
async def test_failures_outlive_the_agent_until_their_time_is_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.define(VIP)
    bench.runs("stopped", failed_us=5)
    await bench.look()
    another = Bench(tmp_path, bench.store)
    assert len((await another.look()).failures) == 1
    another.clock.now_us += VIP.failure_timeout_s * SECOND_US
    assert (await another.look()).failures == ()


@in_a_loop
async def test_who_disables_a_resource_has_its_failures_forgiven(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.define(VIP)
    bench.runs("stopped", failed_us=5)
    await bench.look()
    bench.define(Resource("vip", "address", Mode.SOFT, VIP.options, enabled=False))
    assert (await bench.look()).failures == ()


@in_a_loop
async def test_a_failure_that_the_store_did_not_take_is_reported_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.define(VIP)
    bench.runs("stopped", failed_us=5)
    bench.store.faults = lambda call: Fault.LOST if call is Call.TRANSACT else None
    assert (await bench.look()).failures == ()
    bench.store.faults = lambda _: None
    assert len((await bench.look()).failures) == 1
