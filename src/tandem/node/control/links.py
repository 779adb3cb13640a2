"""The links between nodes, of what both ends of each say; what is wrong with them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tandem.node.control.protocol import Json

MOST_LOSS: Final = 0.01
"""Of ten beats a second: more than one lost in ten seconds, which no sound cable does."""

SLOW_US: Final = 50_000
"""There and back. The store elects another leader after 300 ms without a word of the present one,
and advises ten round trips at least; a move of an address is to take no longer than 100 ms."""

NOTED_US: Final = 10_000
"""Below this a link is not called slow, however fast it usually is: a busy node makes 5 ms."""

TIMES_USUAL: Final = 10


def links_of(statuses: Mapping[str, Json | None]) -> list[Json]:
    """Each link between two nodes once, though both ends tell of it.

    Args:
        statuses: of each node; None: it does not answer, and the other end's word stands alone.

    Returns:
        The documents of docs/reference/status.md, by link and nodes.
    """
    ends: dict[tuple[str, str, str], dict[str, Json]] = {}
    for node_id, status in statuses.items():
        for peer in (status or {}).get("peers") or ():
            first, second = sorted((node_id, str(peer.get("node_id"))))
            for end in peer.get("links") or ():
                ends.setdefault((str(end.get("link")), first, second), {})[node_id] = end
    return [
        _link(name, first, second, said) for (name, first, second), said in sorted(ends.items())
    ]


def _link(name: str, first: str, second: str, said: Mapping[str, Json]) -> Json:
    deaf, lost = [], {}
    for node_id, other in ((first, second), (second, first)):
        own, theirs = said.get(node_id) or {}, said.get(other) or {}
        if own.get("inbound") is False or theirs.get("outbound") is False:
            deaf.append(node_id)
        lost[node_id] = own.get("loss") if own else theirs.get("loss_there")
    measured = [end for end in said.values() if end.get("round_trip_us") is not None]
    worst = max(measured, key=lambda it: int(it["round_trip_us"]), default=Json())
    return {
        "link": name,
        "nodes": [first, second],
        "state": ("up", "one_way", "down")[len(deaf)],
        "deaf": deaf,
        "lost_at": lost,
        "round_trip_us": worst.get("round_trip_us"),
        "usual_round_trip_us": worst.get("usual_round_trip_us"),
    }


def link_troubles(links: Sequence[Json], statuses: Mapping[str, Json | None]) -> list[str]:
    """Which links are cut; those of a node that does not answer are not told as well.

    Args:
        links: as `links_of` makes them.
        statuses: of each node; None: it does not answer.
    """
    sentences = []
    for link in links:
        first, second = link["nodes"]
        if statuses.get(first) is None or statuses.get(second) is None:
            continue
        if link["state"] == "down":
            sentences.append(
                f"Link {link['link']} between {first} and {second} is down. Check that link."
            )
        elif link["state"] == "one_way":
            (deaf,) = link["deaf"]
            other = second if deaf == first else first
            sentences.append(
                f"{deaf} hears nothing of {other} on link {link['link']}, while {other} hears"
                f" {deaf}: it works one way only. Check that link."
            )
    return sentences


def link_concerns(links: Sequence[Json]) -> list[str]:
    """Which links work, and worse than they should.

    Args:
        links: as `links_of` makes them.
    """
    return [sentence for link in links if link["state"] == "up" for sentence in _concerns(link)]


def _concerns(link: Json) -> Iterator[str]:
    first, second = link["nodes"]
    for receiver, sender in ((second, first), (first, second)):
        loss = link["lost_at"].get(receiver)
        if loss is not None and loss > MOST_LOSS:
            yield (
                f"Link {link['link']} loses {loss:.1%} of what {sender} sends to {receiver}. See"
                f" `ip -s link` on both, and the cable, the ports and the switch between them."
            )
    round_trip_us, usual_us = link["round_trip_us"], link["usual_round_trip_us"]
    if round_trip_us is None or usual_us is None or round_trip_us <= NOTED_US:
        return
    if round_trip_us > SLOW_US or round_trip_us > TIMES_USUAL * usual_us:
        yield (
            f"Link {link['link']} between {first} and {second} takes {round_trip_us / 1000:.0f} ms"
            f" there and back, usually {usual_us / 1000:.1f} ms. See whether something fills that"
            " network, or one of the two nodes is overloaded (`uptime`)."
        )
