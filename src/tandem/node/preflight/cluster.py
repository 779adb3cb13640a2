"""What can only be judged of all nodes together: who answers, links, the store, releases. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tandem.node.control.links import link_concerns, link_troubles, links_of
from tandem.node.preflight import versions
from tandem.node.preflight.finding import Finding, Json, failed, passed, warned

NODES: Final = "nodes"
LINKS: Final = "links"
STORE: Final = "store"


def judge_nodes(problems: Mapping[str, str | None]) -> Iterator[Finding]:
    """Say which nodes do not answer.

    Args:
        problems: of each node: why it does not; None: it does.
    """
    for node_id, problem in sorted(problems.items()):
        if problem:
            yield failed(
                NODES,
                problem,
                f"Look whether {node_id} runs, and at its log; see also the ports and links below.",
            )
    if problems and not any(problems.values()):
        yield passed(NODES, f"All {len(problems)} nodes answer.")


def judge_links(statuses: Mapping[str, Json | None]) -> Iterator[Finding]:
    """Say how each link between two nodes is, by its heartbeats.

    Args:
        statuses: of each node, as docs/reference/status.md has it; None: it does not answer.
    """
    for link in links_of(statuses):
        troubles, concerns = link_troubles([link], statuses), link_concerns([link])
        for sentence in troubles:
            yield failed(LINKS, *_parted(sentence))
        for sentence in concerns:
            yield warned(LINKS, *_parted(sentence))
        if not troubles and not concerns and link["state"] == "up":
            yield passed(LINKS, _well(link))


def _well(link: Json) -> str:
    first, second = link["nodes"]
    round_trip_us, lost_at = link["round_trip_us"], link["lost_at"]
    trip = "" if round_trip_us is None else f", {round_trip_us / 1000:.1f} ms there and back"
    lost = "".join(
        f", {lost_at[node_id]:.1%} lost on the way to {node_id}"
        for node_id in (first, second)
        if lost_at.get(node_id) is not None
    )
    return f"Link {link['link']} between {first} and {second} is up{trip}{lost}."


def _parted(sentence: str) -> tuple[str, str]:
    """What was seen, and what to do: of a sentence of the status, which has both."""
    evidence, _, remedy = sentence.partition(". ")
    return f"{evidence}.", remedy


def judge_store(store: Json | None) -> Iterator[Finding]:
    """Say how the store's members are.

    Args:
        store: as one node sees it; docs/reference/status.md.
    """
    members: Sequence[Json] = (store or {}).get("members") or ()
    if problem := (store or {}).get("problem"):
        yield failed(STORE, str(problem), "See the store's members in `tandem status`.")
    bad = [it for it in members if it.get("problem") or it.get("alarms")]
    for member in bad:
        alarms = ", ".join(map(str, member.get("alarms") or ()))
        said = member.get("problem") or f"it raises an alarm: {alarms}"
        yield failed(
            STORE, f"Member {member.get('name')}: {said}.", "See docs/reference/store.md, Alarms."
        )
    found = {str(it.get("version")) for it in members if it.get("version")}
    if len(found) > 1:
        yield warned(
            STORE,
            f"The store's members run different releases: {', '.join(sorted(found))}.",
            "Install the same etcd on all nodes.",
        )
    leader = next((it.get("name") for it in members if it.get("leader")), None)
    if members and not bad and leader is None:
        yield failed(STORE, "The store has no leader.", "Start the nodes that are down.")
    elif members and not bad:
        yield passed(STORE, f"{len(members)} members, led by {leader}: etcd {', '.join(found)}.")


def judge_releases(statuses: Mapping[str, Json | None]) -> Iterator[Finding]:
    """Say whether all nodes that answer run the same Tandem."""
    releases = {
        node_id: str(status.get("release"))
        for node_id, status in statuses.items()
        if status is not None
    }
    if releases:
        yield versions.judge_releases(releases)
