"""keepalived: VRRP on the network of the users, where the address is. No quorum, no fencing."""

from typing import ClassVar

from benchmarks.failover.engines.engine import (
    LOG,
    NODES,
    STRICT_IP,
    WEB_PORT,
    Engine,
    installed,
    version_of,
)

CONFIG = "/etc/keepalived/keepalived.conf"
FIRST_PRIORITY = 150


class Keepalived(Engine):
    """A virtual router of three, the first of which is preferred.

    Args:
        advert_s: between advertisements.
    """

    daemons: ClassVar[str] = "^[/a-z]*keepalived --dont-fork"

    def __init__(self, advert_s: float) -> None:
        self.title = f"keepalived {version_of('keepalived')}, advert {advert_s:g} s"
        self.pages = {"address": (STRICT_IP, WEB_PORT)}
        self.settling_s = 2.0 + 4 * advert_s  # who is preferred takes the address back
        self._advert_s = advert_s
        self._program = installed("keepalived", "keepalived")

    def start(self, node: str) -> None:
        config = self.host(node).outside(CONFIG)
        config.parent.mkdir(exist_ok=True)
        config.write_text(self._config(node), "utf-8")
        self.host(node).spawn([self._program, "--dont-fork", "--log-console", "--vrrp"], LOG)

    def troubles(self) -> str:
        return ", ".join(f"nothing runs on {node}" for node in NODES if not self.pids(node))

    def move(self, owner: str, target: str) -> None:  # noqa: ARG002 - it goes where priority says
        self.host(owner).run(["kill", "-TERM", *self.pids(owner)])

    def _config(self, node: str) -> str:
        version = 2 if self._advert_s == int(self._advert_s) else 3
        return f"""
global_defs {{
    router_id {node}
    vrrp_version {version}
}}
vrrp_instance service {{
    state BACKUP
    interface users
    virtual_router_id 51
    priority {FIRST_PRIORITY - 10 * NODES.index(node)}
    advert_int {self._advert_s:g}
    virtual_ipaddress {{
        {STRICT_IP}/24 dev users
    }}
}}
"""
