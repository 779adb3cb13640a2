"""A whole agent's answers, of its own memory, the store and another node's agent."""

from pathlib import Path

from tests.conformance.store.subjects import in_a_loop
from tests.node.control.material import KEY, NOW_US, PlayedAgent, camera, node, stream
from tests.node.test_tls import Files

from tandem.clock import SystemClock
from tandem.cluster.model import Placement
from tandem.cluster.plan.view import Service
from tandem.node.archivist.view import Address
from tandem.node.control.agreed import Agreed
from tandem.node.control.composed import ComposedControl, Known
from tandem.node.control.service import serve_links
from tandem.node.seal import Sealer
from tandem.node.settings import parse_settings
from tandem.node.store.fake import FakeStore, Fault
from tandem.node.tls import client_context, server_context

SETTINGS = parse_settings(
    'node = "node1"\ncluster = 4711\n[[links]]\nname = "a"\naddress = "127.0.0.1"\n'
)


@in_a_loop
async def test_the_cluster_is_told_of_all_nodes_also_while_the_store_is_down(
    tmp_path: Path,
) -> None:
    files, other = Files(tmp_path, "ca"), PlayedAgent()
    other.own = node("node2", [stream(role="second")])
    store = FakeStore(faults=lambda _call: Fault.UNAVAILABLE)
    tls = server_context(files.authority, files.node("node2"))
    async with serve_links(other, [Address("127.0.0.1", 0)], tls) as addresses:
        known = Known(
            status=lambda: node("node1", [stream()]),
            word=lambda: {"revision": "7"},
            agreed=lambda: Agreed(
                [camera(), camera("yard", removed=True)],
                {"gate": Placement("gate", ("node1", "node2"), 1)},
                services={"node3": Service.MAINTENANCE},
            ),
            others=lambda: {"node2": addresses, "node3": []},
        )
        asks = client_context(files.authority, files.node("node1"))
        control = ComposedControl(SETTINGS, known, store, Sealer(KEY), asks, SystemClock())
        document = await control.cluster_status()
    assert document["fencing"] is None
    (gate,) = document["cameras"]
    assert (gate["recorded"], gate["whole"]) == (True, True)
    assert document["nodes"]["node2"]["status"] == other.own
    assert document["nodes"]["node3"]["problem"] == "node3 does not answer: it has no address."
    services = [it["service"] for it in document["nodes"].values()]
    assert services == ["normal", "normal", "maintenance"]
    assert control.node_status()["at_us"] == NOW_US
    assert control.word() == {"revision": "7"}
