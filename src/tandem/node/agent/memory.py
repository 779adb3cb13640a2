"""What the store said last, on this node's own disk.

So a node that starts while the store has no quorum records its cameras all the same (G6), and one
that merely restarts does not wait for it. Nothing is promised or dropped by it: placements of the
past are for recording alone.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tandem.cluster import keys
from tandem.cluster.joining import Removal
from tandem.cluster.model import Node
from tandem.node.agent.shelf import Shelf
from tandem.node.home import Home
from tandem.node.joining.peers import peers_of
from tandem.node.secret_file import write_secret
from tandem.node.settings import NodeSettings, PeerSettings
from tandem.node.store.model import Entry

log = logging.getLogger(__name__)

VERSION: Final = 1


def remember(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write down what the store holds. Blocks.

    Args:
        path: of the file.
        entries: by key; values are text.

    Raises:
        OSError: the disk refuses; what was remembered before still is.
    """
    # What is not text, no release of Tandem has written.
    kept = {key: entry.value.decode(errors="replace") for key, entry in entries.items()}
    write_secret(path, json.dumps({"version": VERSION, f"entries_v{VERSION}": kept}).encode())


def recall(path: Path) -> dict[str, Entry]:
    """Read what was remembered; nothing, where nothing was or it cannot be used. Blocks.

    Returns:
        By key, with a revision that no entry of the store has.
    """
    try:
        document = json.loads(path.read_bytes())
        return {
            str(key): Entry(str(key), str(value).encode(), -1, -1, 1)
            for key, value in document[f"entries_v{VERSION}"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        log.warning("%s is of no use (%r); recording waits for the store.", path, problem)
        return {}


def remembered_peers(settings: NodeSettings) -> tuple[PeerSettings, ...]:
    """The other nodes, for whoever has no agent to ask. Blocks.

    Args:
        settings: of this node.
    """
    nodes, removed = Shelf(keys.NODES, Node.decode), Shelf(keys.REMOVED, Removal.decode)
    found = recall(Home(settings.data).memory)
    nodes.take({key: entry for key, entry in found.items() if key.startswith(keys.NODES)})
    removed.take({key: entry for key, entry in found.items() if key.startswith(keys.REMOVED)})
    return peers_of(settings, nodes.values, removed.values)


def was_removed(settings: NodeSettings) -> bool:
    """Whether this node knows that it was taken out of its cluster for good. Blocks."""
    return keys.key(keys.REMOVED, settings.node_id) in recall(Home(settings.data).memory)


def remember_removal(settings: NodeSettings) -> None:
    """Write down that this node was taken out, and nothing else: it needs no more. Blocks."""
    removal = keys.key(keys.REMOVED, settings.node_id)
    value = Removal(settings.node_id, 0).encode()
    remember(Home(settings.data).memory, {removal: Entry(removal, value, -1, -1, 1)})
