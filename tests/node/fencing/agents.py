"""Fence agents of a few lines, as programs: they behave as badly as real ones may."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tandem.node.fencing.definition import Device
from tandem.node.fencing.device import OpenDevice

LOOK_S = 0.01

METADATA = """<?xml version="1.0" ?>
<resource-agent name="fence_test" shortdesc="for tests">
<parameters>
 <parameter name="action" required="1"><content type="string" default="reboot"/></parameter>
 <parameter name="ip" required="1" obsoletes="ipaddr"><content type="string"/></parameter>
 <parameter name="ipaddr" required="1" deprecated="1"><content type="string"/></parameter>
 <parameter name="username"><content type="string"/></parameter>
 <parameter name="password"><content type="string"/></parameter>
 <parameter name="lanplus"><content type="boolean" default="0"/></parameter>
 <parameter name="power_wait"><content type="second" default="2"/></parameter>
 <parameter name="method"><content type="select" default="onoff">
  <option value="onoff"/><option value="cycle"/></content></parameter>
</parameters>
<actions>
 <action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
 <action name="monitor"/><action name="metadata"/>
</actions>
</resource-agent>
"""

_WELL = """
    case $action in
    on | off) echo "$action" >"$state"; echo "Success: Powered $action" ;;
    status) [ "$(cat "$state" 2>/dev/null)" = off ] && exit 2 || exit 0 ;;
    esac
"""


class Agents:
    """A directory of agents.

    Args:
        directory: an empty one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def places(self) -> tuple[Path]:
        return (self.directory,)

    def write(self, name: str = "fence_test", body: str = _WELL) -> Path:
        """An agent: `body` is shell, with $action, and $state, a file that is there for it."""
        path = self.directory / name
        (self.directory / f"{name}.xml").write_text(METADATA)
        path.write_text(
            "#!/bin/sh\n"
            f"state={path}.state log={path}.log\n"
            "action=\n"
            "while IFS= read -r line; do\n"
            '    echo "$line" >>"$log.told"\n'
            "    case $line in action=*) action=${line#action=} ;; esac\n"
            "done\n"
            f'[ "$action" = metadata ] && {{ cat {path}.xml; exit 0; }}\n'
            'echo "$action" >>"$log"\n' + body
        )
        path.chmod(0o755)
        return path

    def asked(self, name: str = "fence_test") -> list[str]:
        """For what it was asked, in order."""
        log = self.directory / f"{name}.log"
        return log.read_text().split() if log.exists() else []

    def told(self, name: str = "fence_test") -> list[str]:
        """The lines that it was told, in order."""
        return (self.directory / f"{name}.log.told").read_text().splitlines()

    def state(self, name: str = "fence_test") -> str:
        return (self.directory / f"{name}.state").read_text().strip()


def device(agent: str = "fence_test", timeout_s: int = 10, **changes: object) -> Device:
    fields = {"options": {"ip": "192.0.2.9"}, **changes}
    return Device(agent, timeout_s=timeout_s, **fields)  # type: ignore[arg-type]


def opened(one: Device, **secrets: str) -> OpenDevice:
    return OpenDevice(one, secrets)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not reaped yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, 10 s at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
