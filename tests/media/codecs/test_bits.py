import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.codecs.writing import BitWriter

from tandem.media.codecs.bits import BitReader, unescape
from tandem.media.codecs.errors import CodecError


@given(st.lists(st.tuples(st.sampled_from(["u", "ue", "se"]), st.integers(0, 2**31 - 2))))
def test_every_code_is_read_as_it_was_written(fields: list[tuple[str, int]]) -> None:
    writer = BitWriter()
    for kind, value in fields:
        if kind == "u":
            writer.u(31, value)
        elif kind == "ue":
            writer.ue(value)
        else:
            writer.se(value // 2 if value % 2 else -(value // 2))
    reader = BitReader(unescape(writer.nal()))
    for kind, value in fields:
        if kind == "u":
            assert reader.bits(31) == value
        elif kind == "ue":
            assert reader.ue() == value
        else:
            assert reader.se() == (value // 2 if value % 2 else -(value // 2))


def test_reading_past_the_end_is_refused() -> None:
    reader = BitReader(b"\xa5")
    assert reader.bits(7) == 0x52
    with pytest.raises(CodecError, match="8 bits"):
        reader.bits(2)


def test_a_skip_past_the_end_is_refused() -> None:
    with pytest.raises(CodecError):
        BitReader(b"").skip(1)


def test_an_exp_golomb_prefix_without_end_is_refused_instead_of_counted() -> None:
    reader = BitReader(bytes(1_000_000))
    with pytest.raises(CodecError, match="Exp-Golomb"):
        reader.ue()
    assert reader.position < 64


def test_a_value_above_its_limit_is_refused() -> None:
    data = BitWriter().ue(32).unpadded()
    assert BitReader(data).ue(32) == 32
    with pytest.raises(CodecError, match="at most 31"):
        BitReader(data).ue(31)


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (b"\x67\x00\x00\x03\x01", b"\x67\x00\x00\x01"),
        (b"\x67\x00\x00\x03\x00\x00\x03\x00", b"\x67\x00\x00\x00\x00\x00"),
        (b"\x67\x00\x00\x03\x03", b"\x67\x00\x00\x03"),
        (b"\x67\x00\x03\x00\x00\x04", b"\x67\x00\x03\x00\x00\x04"),
    ],
)
def test_emulation_prevention_is_removed_once(escaped: bytes, plain: bytes) -> None:
    assert unescape(escaped) == plain
