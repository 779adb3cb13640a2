"""Plans as text: what is compared when a decision is repeated, and what people read.

A line that is not indented names a resource or camera with its nodes, or a node with one of its
steps; the lines below say why. `!` goes before what the administrator should know.
"""

from tandem.cluster.model import SECOND_US
from tandem.cluster.placement import Plan as CameraPlan
from tandem.cluster.plan.planner import Plan


def render(plan: Plan, now_us: int) -> list[str]:
    """Write a plan of resources.

    Args:
        plan: what was planned.
        now_us: when.
    """
    lines: list[str] = []
    for name, order in plan.orders.items():
        nodes = " ".join(order.nodes) or "nowhere"
        mark = f" (generation {order.generation})" if name in plan.changed else ""
        lines.append(f"{name}: {nodes}{mark}")
        lines += [f"    {plan.verdicts[name]}"] if name in plan.verdicts else []
        lines += [f"    {choice}" for choice in plan.why.get(name, ())]
    lines += [f"{name}: no longer defined" for name in plan.removed]
    for step in plan.steps:
        lines.append(f"{step.node_id} > {step}")
    lines += [f"! {concern}" for concern in plan.concerns]
    if plan.again_us is not None:
        lines.append(f"to be planned again in {(plan.again_us - now_us) / SECOND_US:g} s")
    return lines


def render_cameras(plan: CameraPlan) -> list[str]:
    """Write a plan of cameras."""
    lines: list[str] = []
    changed = {placement.camera_id for placement in plan.changed}
    for name, placement in plan.placements.items():
        mark = f" (generation {placement.generation})" if name in changed else ""
        lines.append(f"{name}: {' '.join(placement.nodes)}{mark}")
        lines += [f"    {choice}" for choice in plan.why[name]]
    lines += [f"{name}: no longer wanted" for name in plan.removed]
    lines += [f"! {concern}" for concern in plan.concerns]
    return lines
