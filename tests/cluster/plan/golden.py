"""Situations as TOML: what is there, and what is planned.

`python -m tests.cluster.plan.golden` writes the plan into each file anew; read what changed before
you commit it. The input is that of a saved decision (`tandem.cluster.plan.saved`), shorter where
that reads better:

    [nodes]       n1 = {}                  numbers have defaults
    [resources]   web = {}                 kind and mode have defaults
    [orders]      web = ["n1", "n2"]       generation 1, mode of the resource
    [running]     web = "n1"               by the generation of its order
    ago_s         in failures, node_changes and moves: before now, in seconds
    until_s       in wishes: from now, in seconds; made a second ago
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from tandem.cluster.document import VERSION
from tandem.cluster.plan.saved import Input, decode_input

SITUATIONS = Path(__file__).parent / "situations"
NOW_US = 1_000_000_000_000_000
EXPECTED = "\n[expected]\nplan = '''\n"

Json = dict[str, Any]


def situations() -> list[Path]:
    return sorted(SITUATIONS.glob("*.toml"))


def read(path: Path) -> tuple[Input, str]:
    """What is there, and what was planned when the file was written."""
    text = path.read_text(encoding="utf-8")
    document = tomllib.loads(text)
    expected = document.pop("expected", {}).get("plan", "")
    return decode_input(json.dumps(complete(document)).encode()), expected


def complete(short: Json) -> Json:
    resources = {
        name: {"kind": "process", "mode": "strict", **it}
        for name, it in short.get("resources", {}).items()
    }
    modes = {name: it["mode"] for name, it in resources.items()}
    orders = {
        name: order(it, modes.get(name, "strict")) for name, it in short.get("orders", {}).items()
    }
    return {
        "version": VERSION,
        "of": "resources",
        "now_us": NOW_US,
        "nodes": {name: node(it) for name, it in short.get("nodes", {}).items()},
        "resources": resources,
        "orders": orders,
        "running": {
            name: running(it, orders.get(name, {}).get("generation", 1))
            for name, it in short.get("running", {}).items()
        },
        "failures": [dated(it) for it in short.get("failures", [])],
        "wishes": {name: wish(it) for name, it in short.get("wishes", {}).items()},
        "node_changes": [dated(it) for it in short.get("node_changes", [])],
        "leader_changes_us": [ago(it) for it in short.get("leader_changes_ago_s", [])],
    }


def node(short: Json) -> Json:
    return {"capacity_mbps": 1000, "disk_mb_s": 1000, "streams": 100, **short}


def order(short: list[str] | Json, mode: str) -> Json:
    found: Json = {"nodes": short} if isinstance(short, list) else dict(short)
    moved = [ago(it) for it in found.pop("moved_ago_s", [])]
    return {"generation": 1, "mode": mode, "moved_us": moved, **found}


def running(short: str | list[Json], generation: int) -> list[Json]:
    found = [{"node": short}] if isinstance(short, str) else short
    return [{"generation": generation, **it} for it in found]


def wish(short: Json) -> Json:
    made, until = short.pop("made_ago_s", 1), short.pop("until_s")
    return {"made_us": ago(made), "until_us": ago(-until), **short}


def dated(short: Json) -> Json:
    return {"at_us": ago(short.pop("ago_s")), **short}


def ago(seconds: float) -> int:
    return NOW_US - int(seconds * 1_000_000)


def rewrite(path: Path) -> None:
    made_from, _ = read(path)
    plan = "\n".join(made_from.outcome())
    before = path.read_text(encoding="utf-8").partition(EXPECTED)[0].rstrip("\n")
    path.write_text(f"{before}\n{EXPECTED}{plan}\n'''\n", encoding="utf-8")


if __name__ == "__main__":
    for situation in situations():
        rewrite(situation)
