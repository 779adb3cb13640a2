from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from tests.media.mp4.synthetic import nal

from tandem.media.depacketise.h264 import H264Depacketiser
from tandem.media.depacketise.parameter_sets import ParameterSets
from tandem.media.mp4.identity import audio_identity, video_identity
from tandem.media.units import AccessUnit, Codec

DELIMITER, SEI, SPS, IDR, SLICE = (bytes([kind]) + b"abc" for kind in (9, 6, 7, 0x65, 0x41))


def identity(codec: Codec, *nals: bytes) -> bytes:
    return video_identity(codec, memoryview(b"".join(map(nal, nals))))


def test_what_one_recorder_has_beside_the_slices_does_not_change_who_a_picture_is() -> None:
    bare = identity(Codec.H264, IDR, SLICE)
    assert bare == blake3(nal(IDR) + nal(SLICE)).digest(length=16)
    assert identity(Codec.H264, DELIMITER, SPS, SEI, IDR, SEI, SLICE) == bare


def test_the_same_slices_cut_elsewhere_are_another_picture() -> None:
    assert identity(Codec.H264, IDR + SLICE) != identity(Codec.H264, IDR, SLICE)
    assert identity(Codec.H264, SLICE, IDR) != identity(Codec.H264, IDR, SLICE)


def test_h265_tells_slices_from_the_rest_by_other_bits() -> None:
    slice_, sps = b"\x26\x01abc", b"\x42\x01abc"
    assert identity(Codec.H265, sps, slice_) == identity(Codec.H265, slice_)
    last_vcl, vps = b"\x3e\x01a", b"\x40\x01a"
    assert identity(Codec.H265, vps) == identity(Codec.H265)
    assert identity(Codec.H265, last_vcl) != identity(Codec.H265)


@given(st.binary(max_size=60), st.sampled_from([Codec.H264, Codec.H265]))
def test_lengths_that_do_not_add_up_are_nobody(sample: bytes, codec: Codec) -> None:
    found = video_identity(codec, memoryview(sample))
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + 4], "big")
        if not 0 < length <= len(sample) - at - 4:
            assert found == b""
            return
        at += 4 + length
    assert len(found) == 16


def test_an_empty_nal_unit_is_nobody_wherever_it_stands() -> None:
    for nals in ((b"", IDR), (IDR, b"", SLICE), (IDR, b"")):
        assert identity(Codec.H264, *nals) == b""


def test_the_receiver_and_the_verifier_agree_who_a_picture_is() -> None:
    receiver = H264Depacketiser(ParameterSets(Codec.H264))
    first_slice, later_slice = b"\x65\x88abc", b"\x65\x08abc"
    for content in (DELIMITER, SPS, SEI, first_slice, SEI, later_slice):
        receiver.receive(memoryview(content), 0, len(content), 90_000, content is later_slice)
    (unit,) = receiver.take()
    assert isinstance(unit, AccessUnit)
    assert video_identity(Codec.H264, memoryview(unit.data)) == unit.identity


def test_the_whole_frame_of_sound_counts() -> None:
    assert audio_identity(memoryview(b"abc")) == blake3(b"abc").digest(length=16)
