"""What runs on the hosts of a cluster, and how each is started."""

import json
import sys
from pathlib import Path
from typing import Final

from tandem.lab.cluster import mix
from tandem.lab.cluster.nodes import provide_etcd
from tandem.lab.cluster.plan import ClusterPlan
from tandem.lab.cluster.record import Record, Service
from tandem.lab.hosts import Host
from tandem.node.provision import ETCD_VARIABLE
from tandem.node.settings import DATA, PATH

CAMERA_HOST: Final = "cameras"
CAMERA_HOME: Final = Path("/var/lib/tandem")
LEDGERS: Final = CAMERA_HOME / "ledgers"
CONTROL: Final = CAMERA_HOME / "control"
AGENT_LOG: Final = "/var/lib/tandem/agent.log"
CAMERA_LOG: Final = "/var/lib/tandem/cameras.log"

# What a node runs, as patterns for `Host.pids`.
AGENT: Final = "[m] tandem.node.agent"
PULSE: Final = "[m] tandem.node.pulse"
ETCD: Final = "[e]tcd --name"

_WORDS_OF_ERRORS: Final = (" ERROR ", " CRITICAL ", "Error: ")
_MOST_LINES: Final = 3
_LONGEST_LINE: Final = 300


def agent(host: Host) -> Service:
    """A node's agent, which starts all else of the node.

    Raises:
        LabError: there is no etcd for it.
    """
    program = [sys.executable, "-m", "tandem.node.agent", "--settings", str(PATH)]
    argv = ["env", f"{ETCD_VARIABLE}={provide_etcd(host)}", *program]
    return Service("agent", argv, AGENT_LOG)


def cameras(host: Host, plan: ClusterPlan) -> Service:
    """The camera server; its configuration is written to the host."""
    config = CAMERA_HOME / "cameras.json"
    host.outside(config).write_text(json.dumps(mix.as_configured(plan)), "utf-8")
    argv = [sys.executable, "-m", "tandem.lab.camera", "--config", str(config)]
    argv += ["--cache", str(CAMERA_HOME / "cache"), "--ledgers", str(LEDGERS)]
    return Service("cameras", [*argv, "--control", str(CONTROL)], CAMERA_LOG)


def start(host: Host, record: Record) -> None:
    """Start all that is to run on a host that was just switched on.

    Raises:
        LabError: the host is off or frozen.
    """
    for service in record.services.get(host.name, ()):
        host.spawn(service.argv, service.log)


def sync(host: Host) -> None:
    """Let what a host was given survive a loss of power, as an installer would.

    Raises:
        LabError: the host is off or frozen.
    """
    host.run(["sync", "--file-system", str(DATA)])


def last_words(host: Host, log: str) -> str:
    """What a service's log has to say about a failure: errors if there are any, else its end."""
    if not host.is_on:
        return ""
    try:
        every = host.outside(log).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    errors = [line for line in every if any(word in line for word in _WORDS_OF_ERRORS)]
    return "\n".join(f"    {line[:_LONGEST_LINE]}" for line in (errors or every)[-_MOST_LINES:])
