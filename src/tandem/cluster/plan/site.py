"""What a plan is made from: a view and what is wanted, put in order and looked up by name."""

from collections.abc import Iterable, Sequence

from tandem.cluster.order import Order
from tandem.cluster.plan.brake import is_held, recent_moves, unrest
from tandem.cluster.plan.bundles import Bundle, Precedence
from tandem.cluster.plan.obstacles import Failures, Obstacle, away, lack
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Member, Running, Service, View, Wish


class Site:
    """A view and what is wanted.

    Args:
        view: what is there.
        wanted: the resources, in any order.

    Attributes:
        view: what is there.
        resources: by id, in the order of their names.
        members: by id, in the order of their names.
        precedence: what must run before what.
        failures: that are not forgiven.
        unrest: why nothing moves by itself; empty where it may.
    """

    def __init__(self, view: View, wanted: Iterable[Resource]) -> None:
        self.view = view
        self.resources = {
            it.resource_id: it for it in sorted(wanted, key=lambda it: it.resource_id)
        }
        self.members = {it.node_id: it for it in sorted(view.members, key=lambda it: it.node_id)}
        self.precedence = Precedence(self.resources)
        self.failures = Failures(view, self.resources)
        self.unrest = unrest(view)
        self._rivals = {name: set(it.never_together) for name, it in self.resources.items()}
        for name, it in self.resources.items():
            for other in it.never_together:
                self._rivals.setdefault(other, set()).add(name)

    def order_of(self, bundle: Bundle) -> Order | None:
        """The committed order of a bundle: that of the first of its members that has one."""
        orders = self.view.orders
        found = (orders[it.resource_id] for it in bundle.members if it.resource_id in orders)
        return next(found, None)

    def moves(self, bundle: Bundle) -> tuple[int, ...]:
        """When a bundle last moved by itself."""
        orders = [self.view.orders.get(it.resource_id) for it in bundle.members]
        return recent_moves(self.view, [order for order in orders if order])

    def braked(self, bundle: Bundle) -> str:
        """Why a bundle may not move by itself, as a clause; empty where it may."""
        moves = self.moves(bundle)
        if is_held(moves):
            return f"it has moved {len(moves)} times in a row"
        return self.unrest

    def running(self, resource_id: str) -> Sequence[Running]:
        """Where a resource runs, or ran before its node went; the nodes by name."""
        found = self.view.running.get(resource_id, ())
        return sorted(it for it in found if it.node_id in self.members)

    def is_alive(self, node_id: str) -> bool:
        """Whether a node is there."""
        return node_id in self.members and not self.members[node_id].is_down

    def obstacle(self, resource: Resource, member: Member) -> Obstacle | None:
        """What keeps a resource from a node, whether that is there or not."""
        return lack(resource, member) or self.failures.obstacle(resource, member.node_id)

    def unfit(self, bundle: Bundle, node_id: str) -> Obstacle | None:
        """What keeps a bundle from a node, whether that is there or not."""
        found = (self.obstacle(it, self.members[node_id]) for it in bundle.members)
        return next((it for it in found if it), None)

    def lacking(self, bundle: Bundle, node_id: str) -> Obstacle | None:
        """The same, failures aside."""
        found = (lack(it, self.members[node_id]) for it in bundle.members)
        return next((it for it in found if it), None)

    def refusals(self, bundle: Bundle) -> tuple[str, ...]:
        """Why each node does not run a bundle, as clauses."""
        found = (self.unfit(bundle, it.node_id) or away(it) for it in self.members.values())
        return tuple(map(str, filter(None, found)))

    def is_open(self, node_id: str) -> bool:
        """Whether a node takes what is not on it yet."""
        return away(self.members[node_id]) is None

    def service(self, node_id: str) -> Service:
        """What the operator has said of a node."""
        return self.members[node_id].service

    def rivals(self, bundle: Bundle) -> set[str]:
        """What must not be on the node of a bundle."""
        found = (self._rivals.get(it.resource_id, set()) for it in bundle.members)
        return set().union(*found) - {it.resource_id for it in bundle.members}

    def wish(self, bundle: Bundle) -> Wish | None:
        """The last wish that is in force for a bundle, and not older than a brake's last move."""
        wishes = [self.view.wishes.get(it.resource_id) for it in bundle.members]
        found = [it for it in wishes if it and it.until_us > self.view.now_us]
        last = max(found, key=lambda it: (it.made_us, it.node_id), default=None)
        moves = self.moves(bundle)
        if last and is_held(moves) and last.made_us <= moves[-1]:
            return None
        return last
