"""What systemd says of a service, and what follows from it. Pure.

The properties are those of org.freedesktop.systemd1(5).
"""

from dataclasses import dataclass
from typing import Final

PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "InvocationID",
    "ControlGroup",
    "NeedDaemonReload",
    "Result",
    "WantedBy",
    "RequiredBy",
    "UpheldBy",
    "TriggeredBy",
)

_AT_BOOT: Final = frozenset({"enabled", "enabled-runtime"})
_PULLED_IN: Final = {
    "WantedBy": "wants",
    "RequiredBy": "requires",
    "UpheldBy": "upholds",
    "TriggeredBy": "triggers",
}


@dataclass(frozen=True, slots=True)
class Status:
    """One service, as systemd sees it.

    Attributes:
        is_there: whether systemd knows the unit.
        active: `ActiveState`: active, reloading, inactive, failed, activating, deactivating.
        sub: `SubState`, finer.
        file: `UnitFileState`: enabled, disabled, static, masked.
        invocation: changes with every start.
        group: its control group, as systemd calls it; nothing if it has none.
        is_stale: whether systemd must read its files again.
        result: why it failed; success.
        others: what pulls it in, and how: (`web.socket`, `triggers`).
    """

    is_there: bool
    active: str
    sub: str
    file: str
    invocation: str
    group: str
    is_stale: bool
    result: str
    others: tuple[tuple[str, str], ...]

    @property
    def is_down(self) -> bool:
        """Whether systemd has ended it, or never started it. The kernel may see it otherwise."""
        return self.active in {"inactive", "failed"}

    def why_not_ours(self, unit: str) -> str | None:
        """Why Tandem may not start it as it is set up: somebody else would as well.

        Args:
            unit: its name.

        Returns:
            A sentence with the remedy; None: nothing is in the way.
        """
        if not self.is_there:
            return f"systemd knows no unit {unit}. Install it, or correct the name."
        if self.file.startswith("masked"):
            return f"the unit {unit} is masked. Run: systemctl unmask {unit}"
        if self.file in _AT_BOOT:
            return (
                f"the unit {unit} is enabled, so it would start at boot on every node, whether or"
                f" not it runs elsewhere. Run, on each node: systemctl disable {unit}"
            )
        if self.others:
            who = ", ".join(f"{other} {how} it" for other, how in self.others)
            names = " ".join(other for other, _ in self.others)
            return (
                f"the unit {unit} is started by others: {who}. Take it out of them, or disable"
                f" them: systemctl disable --now {names}"
            )
        return None


def read_status(shown: str) -> Status:
    """Read what `systemctl show` prints.

    Args:
        shown: lines `Property=value`; the `PROPERTIES`, where this systemd knows them.
    """
    said = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return Status(
        is_there=said.get("LoadState") not in {None, "not-found"},
        active=said.get("ActiveState", ""),
        sub=said.get("SubState", ""),
        file=said.get("UnitFileState", ""),
        invocation=said.get("InvocationID", ""),
        group=said.get("ControlGroup", ""),
        is_stale=said.get("NeedDaemonReload") == "yes",
        result=said.get("Result", ""),
        others=tuple(
            (other, how) for name, how in _PULLED_IN.items() for other in said.get(name, "").split()
        ),
    )
