"""Pacemaker on Corosync: two links, quorum of three, and fencing by the lab's power switch."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from benchmarks.failover.engines.engine import (
    LOG,
    NODES,
    STRICT_IP,
    WEB_PORT,
    Engine,
    installed,
    version_of,
)
from tandem.lab.fencing import fence_lab
from tandem.lab.fencing.setup import start_switch

COROSYNC_CONFIG: Final = "/etc/corosync/corosync.conf"
CIB: Final = "/var/lib/pacemaker/cib/cib.xml"
LAYER: Final = "/run/layer"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Corosync's timers.

    Attributes:
        name: for tables.
        totem: lines of its section.
        link: lines of each link.
    """

    name: str
    totem: str = ""
    link: str = ""


STOCK: Final = Tuning("stock")
TUNED: Final = Tuning(
    "token 300 ms",
    # With three nodes the coefficient alone would add 650 ms. Both links at once: what is sent by
    # one of them would be lost until that is found down, and the token with it.
    totem="token: 300\n    token_coefficient: 0\n    consensus: 360\n    link_mode: active",
    # What follows from the token (75 and 150 ms) lets links flap on a machine that is busy.
    link="knet_ping_interval: 100\n        knet_ping_timeout: 1000",
)

RESOURCES: Final = f"""
<primitive id="power" class="stonith" type="fence_lab">
  <instance_attributes id="power-a">
    <nvpair id="power-a1" name="pcmk_host_list" value="{" ".join(NODES)}"/>
    <nvpair id="power-a2" name="pcmk_host_check" value="static-list"/>
  </instance_attributes>
</primitive>
<primitive id="address" class="ocf" provider="heartbeat" type="IPaddr2">
  <instance_attributes id="address-a">
    <nvpair id="address-a1" name="ip" value="{STRICT_IP}"/>
    <nvpair id="address-a2" name="cidr_netmask" value="24"/>
    <nvpair id="address-a3" name="nic" value="users"/>
  </instance_attributes>
  <operations><op id="address-o" name="monitor" interval="10s"/></operations>
</primitive>
"""

CLUSTER: Final = f"""<cib validate-with="pacemaker-3.7" admin_epoch="0" epoch="1" num_updates="0">
<configuration>
<crm_config><cluster_property_set id="options">
  <nvpair id="options-1" name="stonith-enabled" value="true"/>
  <nvpair id="options-2" name="stonith-action" value="off"/>
</cluster_property_set></crm_config>
<nodes/><resources>{RESOURCES}</resources><constraints/>
<rsc_defaults><meta_attributes id="defaults">
  <nvpair id="defaults-1" name="resource-stickiness" value="100"/>
</meta_attributes></rsc_defaults>
</configuration><status/></cib>
"""


class Pacemaker(Engine):
    """Fenced, since without it Pacemaker promises nothing.

    Args:
        tuning: of Corosync; Pacemaker itself is as it comes.
    """

    daemons: ClassVar[str] = "^[/a-z]*corosync -f"

    def __init__(self, tuning: Tuning) -> None:
        self.title = (
            f"Pacemaker {version_of('pacemaker')}, corosync {version_of('corosync')}, {tuning.name}"
        )
        self.pages = {"address": (STRICT_IP, WEB_PORT)}
        self._tuning = tuning
        self._corosync = installed("corosync", "corosync")
        self._pacemaker = installed("pacemakerd", "pacemaker resource-agents")

    def up(self, directory: Path) -> None:
        super().up(directory)
        start_switch(self.lab)

    def start(self, node: str) -> None:
        host = self.host(node)
        config = host.outside(COROSYNC_CONFIG)
        config.write_text(self._config(), "utf-8")
        self._provide_agent(node)
        if not host.outside(CIB).exists():
            draft = host.outside("/tmp/cib.xml")
            draft.write_text(CLUSTER, "utf-8")
            host.run(
                ["install", "-o", "hacluster", "-g", "haclient", "-m", "600", "/tmp/cib.xml", CIB]
            )
        host.run(["mkdir", "-p", "/run/crm", "/var/lib/corosync"])
        host.spawn([self._corosync, "-f"], LOG)
        waits = (
            f"until corosync-cfgtool -s >/dev/null 2>&1; do sleep 0.1; done; exec {self._pacemaker}"
        )
        settings = ["PCMK_logfile=/tmp/pacemaker.log", "PCMK_logfacility=none"]
        host.spawn(["env", *settings, "sh", "-c", waits], LOG)

    def troubles(self) -> str:
        shown = self.host(NODES[0]).run(["crm_mon", "--one-shot", "--output-as=text"])
        online = f"Online: [ {' '.join(NODES)} ]"
        return "" if online in shown and shown.count("Started") == 2 else shown

    def move(self, owner: str, target: str) -> None:  # noqa: ARG002
        self.host(target).run(["crm_resource", "--resource", "address", "--move", "--node", target])

    def next_owner(self, owner: str, number: int) -> str:
        """The owner is the designated controller in every other trial."""
        self._clear(owner)
        leader = self._leader(owner)
        others = [node for node in NODES if node != leader]
        return leader if number % 2 == 0 else others[number // 2 % len(others)]

    def about(self, owner: str) -> dict[str, bool]:
        self._clear(owner)
        return {"leader": self._leader(owner) == owner}

    def _clear(self, asked: str) -> None:
        """A move leaves a constraint behind, which would bring the address back."""
        self.host(asked).run(["crm_resource", "--resource", "address", "--clear"])

    def _leader(self, asked: str) -> str:
        shown = self.host(asked).run(["crmadmin", "--dc_lookup", "--quiet"])
        return next((node for node in NODES if node in shown), "")

    def _provide_agent(self, node: str) -> None:
        """Where Pacemaker looks for agents; the machine's own /usr/sbin stays as it is."""
        host = self.host(node)
        agent = host.outside("/run/fence_lab.py")
        agent.write_bytes(Path(fence_lab.__file__).read_bytes())
        script = f"""
mountpoint -q /usr/sbin && exit 0
mkdir -p {LAYER}/upper {LAYER}/work
printf '#!/bin/sh\\nexec {sys.executable} -I -S /run/fence_lab.py\\n' >{LAYER}/upper/fence_lab
chmod 755 {LAYER}/upper/fence_lab
cd {LAYER}
mount -n -t overlay -o lowerdir=/usr/sbin,upperdir=upper,workdir=work tandem-lab /usr/sbin
"""
        host.run(["sh", "-c", script])

    def _config(self) -> str:
        members = "".join(
            f"""
    node {{
        nodeid: {number}
        name: {node}
        ring0_addr: {self.host(node).address("a")}
        ring1_addr: {self.host(node).address("b")}
    }}"""
            for number, node in enumerate(NODES, 1)
        )
        links = "".join(
            f"\n    interface {{\n        linknumber: {number}\n        {self._tuning.link}\n    }}"
            for number in range(2)
        )
        return f"""
totem {{
    version: 2
    cluster_name: lab
    transport: knet
    {self._tuning.totem}{links if self._tuning.link else ""}
}}
logging {{
    to_stderr: yes
    to_syslog: no
    timestamp: hires
}}
quorum {{
    provider: corosync_votequorum
}}
nodelist {{{members}
}}
"""
