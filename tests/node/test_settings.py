"""A node's settings: read as meant, or refused with the key and a remedy."""

import re
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tandem.archive.space import Limits
from tandem.node.beats import PORT, Route
from tandem.node.joining.peers import routes_to
from tandem.node.settings import (
    DATA,
    CapacitySettings,
    LinkSettings,
    PeerSettings,
    VolumeSettings,
    option_names,
    parse_settings,
    read_settings,
)
from tandem.node.store.endpoint import Endpoint
from tandem.node.toml_table import SettingsError

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "node-settings.md"

LEAST = """
node = "n1"
cluster = 7
[[links]]
name = "a"
address = "10.0.1.1"
"""
VOLUME = '[[volumes]]\npath = "/srv/a"\n'
PEER = '[[peers]]\nnode = "n2"\nlinks = { a = "10.0.1.2" }\n'
ENDPOINT = '[[store.endpoints]]\nnode = "e1"\nurl = "https://10.0.9.1:2379"\n'
EVERYTHING = f"""
node = "n1"
cluster = 7
zone = "rack-1"
data = "/var/lib/other"
heartbeat_port = 4000
[capacity]
network_mbps = 9000
disk_mb_s = 600
streams = 800
[[links]]
name = "a"
address = "10.0.1.1"
interface = "eth1"
{PEER}
{VOLUME}
id = "00000000-0000-0000-0000-000000000001"
max = "3.5 TB"
floor = "10 GiB"
[store]
embedded = false
{ENDPOINT}
"""


def test_the_least_that_is_needed_makes_a_node_that_works_alone() -> None:
    found = parse_settings(LEAST)
    assert (found.node_id, found.cluster, found.data, found.heartbeat_port) == (
        "n1",
        7,
        DATA,
        PORT,
    )
    assert found.links == (LinkSettings("a", "10.0.1.1"),)
    assert found.store_is_embedded
    assert not found.peers + found.volumes + found.endpoints


def test_everything_that_can_be_said_is_understood() -> None:
    found = parse_settings(EVERYTHING)
    assert (found.data, found.zone) == (Path("/var/lib/other"), "rack-1")
    assert found.capacity == CapacitySettings(9000, 600, 800)
    assert found.peers == (PeerSettings("n2", {"a": "10.0.1.2"}),)
    limits = Limits(3_500_000_000_000, 10 << 30)
    assert found.volumes == (VolumeSettings(Path("/srv/a"), UUID(int=1), limits),)
    assert found.endpoints == (Endpoint("https://10.0.9.1:2379", "e1"),)
    assert not found.store_is_embedded
    assert routes_to(found, found.peers) == (
        Route("n2", "a", "10.0.1.1", "10.0.1.2", 4000, "eth1"),
    )


def test_the_test_above_leaves_no_option_out() -> None:
    def leaves(values: dict[str, Any], table: str = "") -> set[str]:
        found: set[str] = set()
        for key, value in values.items():
            name = table + key
            inner = value if isinstance(value, list) else [value]
            if isinstance(inner[0], dict) and name != "peers.links":
                found |= set().union(*(leaves(one, f"{name}.") for one in inner))
            else:
                found.add(name)
        return found

    assert leaves(tomllib.loads(EVERYTHING)) == set(option_names())


def test_the_reference_has_each_option_once_and_no_other() -> None:
    documented = re.findall(r"^\| `([a-z_.]+)` \|", REFERENCE.read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(option_names())


def test_the_example_of_the_reference_is_valid() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", REFERENCE.read_text(), re.DOTALL)
    example_settings = parse_settings(example)
    assert len(routes_to(example_settings, example_settings.peers)) == 4


def test_what_the_reference_says_of_defaults_is_true() -> None:
    text = REFERENCE.read_text()
    assert f"`{DATA}`" in text
    assert f"| {PORT} |" in text
    assert Limits().min_free_bytes == 1 << 30


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("2000 MB", 2_000_000_000),
        ("2 GB", 2_000_000_000),
        ("0.004TB", 4_000_000_000),
        ("2048 MiB", 2_147_483_648),
        ("2 GiB", 2_147_483_648),
        ("1 TiB", 1_099_511_627_776),
    ],
)
def test_a_size_is_what_its_unit_says_to_the_byte(text: str, size_bytes: int) -> None:
    (volume,) = parse_settings(LEAST + VOLUME + f'max = "{text}"').volumes
    assert volume.limits.max_bytes == size_bytes


REFUSED = {
    "not TOML": ("node = ", "is not TOML"),
    "no node": (LEAST.replace('node = "n1"', ""), "node: it is missing"),
    "a node that leaves its directory": (LEAST.replace('"n1"', '"../n1"'), "node: '../n1' is no"),
    "no cluster": (LEAST.replace("cluster = 7", ""), "cluster: it is missing"),
    "cluster 0": (LEAST.replace("7", "0"), "cluster: 0 is impossible; it is from 1"),
    "a cluster in quotes": (LEAST.replace("7", '"7"'), "cluster: it has to be a whole number"),
    "a cluster that is true": (LEAST.replace("7", "true"), "cluster: it has to be a whole number"),
    "a typing mistake": ('datta = "/x"' + LEAST, "datta: there is no such option. Did you mean 'd"),
    "an unknown option": ("zzz = 1" + LEAST, "zzz: there is no such option. Known are node, "),
    "one in a table": (
        LEAST + VOLUME + "size = 1",
        r"[[volumes]] number 1: size: there is no such option.",
    ),
    "a relative path": ('data = "tandem"' + LEAST, "data: 'tandem' is no whole path"),
    "a path that climbs": ('data = "/srv/../x"' + LEAST, "is no whole path"),
    "port 0": ("heartbeat_port = 0" + LEAST, "heartbeat_port: 0 is impossible"),
    "no link": ('node = "n1"\ncluster = 7', "links: there is none"),
    "one link in single brackets": (
        LEAST.replace("[[links]]", "[links]"),
        "links: it is a list of tables. Write [[links]]",
    ),
    "a host name": (LEAST.replace("10.0.1.1", "n1.example"), "'n1.example' is no IP address"),
    "an address with its mask": (LEAST.replace("1.1", "1.1/24"), "'10.0.1.1/24' is no IP"),
    "any address": (LEAST.replace("10.0.1.1", "0.0.0.0"), "no address of one machine"),
    "a link twice": (
        LEAST + '[[links]]\nname = "a"\naddress = "10.0.2.1"',
        "[[links]] number 2: name: a is there twice",
    ),
    "an address twice": (
        LEAST + '[[links]]\nname = "b"\naddress = "10.0.1.1"',
        "[[links]] number 2: address: 10.0.1.1 is there twice",
    ),
    "a peer twice": (
        LEAST + PEER + PEER.replace("1.2", "1.3"),
        "[[peers]] number 2: node: n2 is there twice",
    ),
    "itself as a peer": (LEAST + PEER.replace("n2", "n1"), "n1 is this node itself"),
    "a peer on an unknown link": (LEAST + PEER.replace("a =", "x ="), "[links]: x: there is no"),
    "a peer without address": (LEAST + '[[peers]]\nnode = "n2"', "number 1: links: it has no"),
    "a peer with this node's address": (
        LEAST + PEER.replace("1.2", "1.1"),
        "10.0.1.1 is node n1's already",
    ),
    "two peers with one address": (
        LEAST + PEER + PEER.replace("n2", "n3"),
        "[[peers]] number 2: links: 10.0.1.2 is node n2's already",
    ),
    "a peer of another kind of IP": (LEAST + PEER.replace("10.0.1.2", "fd00::2"), "not both IPv4"),
    "a size without unit": (LEAST + VOLUME + "max = 500", "max: it has to be a size with its unit"),
    "an unknown unit": (LEAST + VOLUME + 'max = "500 gb"', "max: '500 gb' is no size"),
    "a bit rate": (LEAST + VOLUME + 'max = "500 Mbit"', "one of MB, GB, TB, MiB, GiB, TiB"),
    "a negative size": (LEAST + VOLUME + 'max = "-5 GB"', "max: '-5 GB' is no size"),
    "too small a cap": (LEAST + VOLUME + 'max = "900 MB"', "max: less than 1 GiB"),
    "no floor": (LEAST + VOLUME + 'floor = "0 GB"', "floor: without any free space"),
    "a volume twice": (LEAST + VOLUME + VOLUME, "number 2: path: /srv/a is there twice"),
    "a volume inside another": (
        LEAST + VOLUME + '[[volumes]]\npath = "/srv/a/b"',
        "number 2: path: /srv/a/b lies inside the volume /srv/a",
    ),
    "an id twice": (
        LEAST + "".join(f'[[volumes]]\npath = "/srv/{it}"\nid = "{UUID(int=1)}"\n' for it in "ab"),
        "number 2: id: 00000000-0000-0000-0000-000000000001 is there twice",
    ),
    "a wrong id": (LEAST + VOLUME + 'id = "7"', "id: '7' is no volume's id"),
    "the node's data among recordings": (
        'data = "/srv/a/tandem"' + LEAST + VOLUME,
        "number 1: path: the node's data (/srv/a/tandem) would lie on it",
    ),
    "a store here and elsewhere": (
        LEAST + "[store]\nembedded = true\n" + ENDPOINT,
        "[store]: embedded: either",
    ),
    "a store nowhere": (LEAST + "[store]\nembedded = false", "[store]: endpoints: there is none"),
    "a flag in quotes": (LEAST + '[store]\nembedded = "no"', "embedded: it has to be true or f"),
    "a URL without port": (LEAST + ENDPOINT.replace(":2379", ""), "url: it is no endpoint"),
    "a URL with a path": (LEAST + ENDPOINT.replace("2379", "2379/v3"), "url: it is no endpoint"),
    "a URL with a login": (LEAST + ENDPOINT.replace("10.0.9", "a:b@10.0.9"), "it is no endpoint"),
    "TLS here and not there": (
        LEAST + ENDPOINT + ENDPOINT.replace("https", "http"),
        "endpoints: some are https://",
    ),
    "an endpoint twice": (LEAST + ENDPOINT + ENDPOINT, "[[store.endpoints]] number 2: url"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_wrong_is_refused_with_its_key(kind: str) -> None:
    text, sentence = REFUSED[kind]
    with pytest.raises(SettingsError, match=re.escape(sentence)) as refusal:
        parse_settings(text, "/etc/tandem/node.toml")
    assert str(refusal.value).startswith("/etc/tandem/node.toml")
    assert "a:b" not in str(refusal.value)  # no login


def test_a_file_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(LEAST)
    assert read_settings(path) == parse_settings(LEAST)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"node\.toml: No such file or directory"):
        read_settings(tmp_path / "node.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(b"node = '\xff'")
    with pytest.raises(SettingsError, match=r"node\.toml is not UTF-8, from byte 8 on"):
        read_settings(path)
