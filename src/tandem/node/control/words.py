"""What a node says of its cameras to other nodes, as JSON. Pure.

    {"version": 1, "node_id": "node1", "revision": "7f3a.12",
     "unable": {"gate": ["sub"]}, "holds": {"yard": {"main": 2381, "sub": null}}}

`revision` is another one whenever anything else is.
"""

from itertools import groupby
from operator import itemgetter

from tandem.cluster.duties import Word
from tandem.node.control.protocol import VERSION, Json


def encode_word(node_id: str, revision: str, word: Word) -> Json:
    """A node's word as `decode_word` reads it."""
    return {
        "version": VERSION,
        "node_id": node_id,
        "revision": revision,
        "unable": {
            camera_id: [stream for _, stream in streams]
            for camera_id, streams in groupby(sorted(word.unable), itemgetter(0))
        },
        "holds": {camera_id: dict(ports) for camera_id, ports in sorted(word.holds.items())},
    }


def decode_word(node_id: str, document: Json) -> Word:
    """Read what another node says.

    Args:
        node_id: who was asked.
        document: what came.

    Raises:
        ValueError: it is no word of that node that this release understands.
    """
    try:
        if document["version"] != VERSION or document["node_id"] != node_id:
            raise ValueError(f"what {node_id} answers is not for this release")
        return Word(
            unable=frozenset(
                (_text(camera_id), _text(stream))
                for camera_id, streams in document["unable"].items()
                for stream in _list(streams)
            ),
            holds={
                _text(camera_id): {_text(name): _port(port) for name, port in ports.items()}
                for camera_id, ports in document["holds"].items()
            },
        )
    except (AttributeError, KeyError, TypeError) as problem:
        raise ValueError(f"what {node_id} answers cannot be read: {problem!r}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _port(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 16:
        raise TypeError(f"{value!r} is no port")
    return value
