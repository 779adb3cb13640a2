"""What a node says of its cameras to others: read as it was written, or refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.duties import Word
from tandem.node.control.words import decode_word, encode_word

names = st.text(max_size=8)
ports = st.none() | st.integers(1, 65535)
words = st.builds(
    Word,
    st.frozensets(st.tuples(names, names), max_size=4),
    st.dictionaries(names, st.dictionaries(names, ports, max_size=2), max_size=4),
)


@given(words)
def test_a_word_is_read_as_it_was_said(word: Word) -> None:
    assert decode_word("n1", encode_word("n1", "7", word)) == word


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"node_id": "n2"},
        {"unable": None},
        {"unable": ["gate"]},
        {"unable": {"gate": None}},
        {"unable": {"gate": "sub"}},
        {"unable": {"gate": [7]}},
        {"holds": []},
        {"holds": {"gate": 2381}},
        {"holds": {"gate": {"main": "2381"}}},
        {"holds": {"gate": {"main": 0}}},
        {"holds": {"gate": {"main": 65536}}},
        {"holds": {"gate": {"main": True}}},
    ],
)
def test_what_is_no_word_of_that_node_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="n1 answers"):
        decode_word("n1", encode_word("n1", "7", Word()) | change)


@pytest.mark.parametrize("document", [None, [], "word", 7, {}])
def test_so_is_what_is_no_word_at_all(document: Any) -> None:
    with pytest.raises(ValueError, match="n1 answers"):
        decode_word("n1", document)
