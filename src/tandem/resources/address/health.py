"""What the holder of an address says of how it is."""

from tandem.resources.address.holding import Phase, State
from tandem.resources.address.neighbours import mac_text
from tandem.resources.address.timing import TROUBLE_US


def health(state: State, now_us: int) -> tuple[bool, str]:
    """Whether users reach the address here, as far as this node can see.

    Args:
        state: of the holder.
        now_us: CLOCK_BOOTTIME.

    Returns:
        Whether all is well, and why so, as a sentence.
    """
    if state.phase is Phase.IDLE:
        return False, f"This node does not have the address {state.ip}."
    if state.phase is not Phase.HOLDING:
        return False, f"The address {state.ip} is being taken."
    trouble = _trouble(state, now_us)
    link = state.link.name if state.link else ""
    return not trouble, trouble or f"The address {state.ip} is on {link}."


def _trouble(state: State, now_us: int) -> str:
    link = state.link
    if link is None:
        return (
            f"The interface of the address {state.ip} is gone. The address is added again when it"
            " is back."
        )
    where = f"The interface {link.name}, where the address {state.ip} is,"
    if not link.is_up:
        return f"{where} was switched off. Switch it on: ip link set {link.name} up"
    if not link.is_running:
        return f"{where} has no carrier. Look at its cable and its switch."
    if state.trouble:
        return state.trouble
    if state.conflict and now_us - state.conflict_us < TROUBLE_US:
        return (
            f"Another host on {link.name} claims the address {state.ip}: the one with the hardware"
            f" address {mac_text(state.conflict.mac)}. Remove the address there."
        )
    return ""
