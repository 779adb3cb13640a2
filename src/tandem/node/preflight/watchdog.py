"""Whether a watchdog restarts this machine when it hangs as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.node.preflight.finding import Finding, passed, warned

CHECK: Final = "watchdog"

DEVICES: Final = Path("/sys/class/watchdog")

LONGEST_S: Final = 60
"""Others wait for it where it is the last line: nobody should for longer than a minute."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One watchdog device.

    Attributes:
        name: "watchdog0".
        identity: what its driver calls itself.
        timeout_s: after which it restarts the machine; None: it does not tell.
        is_active: somebody feeds it.
        holder: the process that has it open; empty: nobody, or it cannot be seen.
    """

    name: str
    identity: str
    timeout_s: int | None
    is_active: bool
    holder: str = ""


def judge(devices: Sequence[Facts]) -> Iterator[Finding]:
    """Say whether there is one that can be used."""
    if not devices:
        yield warned(
            CHECK,
            "This machine has no watchdog.",
            "Switch it on in the firmware, or load its driver (`modprobe iTCO_wdt`, in a virtual"
            " machine `i6300esb`; `softdog` where there is none). Without one, a node that hangs as"
            " a whole is known to be off by fencing or after its time alone.",
        )
    for device in devices:
        timeout = "" if device.timeout_s is None else f", {device.timeout_s} s"
        named = f"{device.name} ({device.identity or 'unknown'}{timeout})"
        if device.is_active:
            by = f" by {device.holder}" if device.holder else ""
            said = f"{named} is fed{by}."
        else:
            said = f"{named} is there, and nobody feeds it yet."
        if device.timeout_s is not None and device.timeout_s > LONGEST_S:
            yield warned(
                CHECK, said, f"Set its timeout to {LONGEST_S} s at most (RuntimeWatchdogSec)."
            )
        else:
            yield passed(CHECK, said)


def look(devices: Path = DEVICES, processes: Path = Path("/proc")) -> Iterator[Finding]:
    """Look at this machine's watchdogs; opens none, since that would start it.

    Raises:
        OSError: the kernel does not tell.
    """
    found = []
    for entry in sorted(devices.glob("watchdog*")):
        timeout = _read(entry / "timeout")
        is_active = _read(entry / "state") == "active"
        found.append(
            Facts(
                entry.name,
                _read(entry / "identity"),
                int(timeout) if timeout.isdigit() else None,
                is_active,
                _holder(entry.name, processes) if is_active else "",
            )
        )
    return judge(found)


def _holder(name: str, processes: Path) -> str:
    """Which process has a device open; of other users' processes only root sees that."""
    meant = {f"/dev/{name}"} | ({"/dev/watchdog"} if name == "watchdog0" else set())
    for entry in processes.glob("[0-9]*"):
        try:
            if any(str(file.readlink()) in meant for file in (entry / "fd").iterdir()):
                return (entry / "comm").read_text().strip()
        except OSError:
            continue  # it has ended, or is somebody else's
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
