"""A small segment file from made-up pictures, for tests that need no decoder."""

from itertools import pairwise

from blake3 import blake3
from tests.media.mp4.material import BASE, BASE_US, FRAME_TICKS, HEADER, Written

from tandem.media.mp4.fragment import Sample, fragment
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.media.units import AudioConfig, Codec, VideoConfig

H264 = VideoConfig(
    codec=Codec.H264,
    parameter_sets=(
        bytes.fromhex("6764000bacd942847e5c0440000003004000000c83c50a6580"),
        bytes.fromhex("68ebe3cb22c0"),
    ),
    width_px=160,
    height_px=120,
    reorder_depth=2,
)
"""By x264, High profile."""

H265 = VideoConfig(
    codec=Codec.H265,
    parameter_sets=(
        bytes.fromhex("40010c01ffff01600000030090000003000003001e959809"),
        bytes.fromhex(
            "42010101600000030090000003000003001ea014207965959a4932bc05a02000000300200000030321"
        ),
        bytes.fromhex("4401c172b46240"),
    ),
    width_px=160,
    height_px=120,
    reorder_depth=2,
)
"""By x265, Main profile."""

AAC = AudioConfig(Codec.AAC, 48_000, 1, bytes.fromhex("118856e500"), 1024)
OPUS = AudioConfig(Codec.OPUS, 48_000, 2, b"", 960)
PCMU = AudioConfig(Codec.PCMU, 8_000, 1)

AUDIO_BASE = BASE_US * 48_000 // 1_000_000


def nal(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def picture(number: int, *, is_keyframe: bool, size: int = 40) -> Sample:
    """An access unit delimiter and one slice whose bytes tell its number."""
    vcl = nal(bytes([0x65 if is_keyframe else 0x41]) + number.to_bytes(4, "big") * (size // 4))
    return Sample(
        data=nal(b"\x09\xf0") + vcl,
        dts=BASE + number * FRAME_TICKS,
        composition_offset=2 * FRAME_TICKS,
        duration=FRAME_TICKS,
        is_keyframe=is_keyframe,
        identity=blake3(vcl).digest(length=16),
    )


def sound(number: int) -> Sample:
    data = number.to_bytes(4, "big") * 3
    identity = blake3(data).digest(length=16)
    return Sample(data, AUDIO_BASE + number * 1024, 0, 1024, True, identity)


def gop(start: int, pictures: int) -> list[Sample]:
    return [picture(start + i, is_keyframe=i == 0) for i in range(pictures)]


def small_file(fragments: int = 4, pictures: int = 5) -> Written:
    """H.264 and AAC; the second fragment goes on with the GOP of the first, the last is silent."""
    content = init_segment(H264, AAC, HEADER)
    ends = [len(content)]
    points = []
    for number, (start, end) in enumerate(
        pairwise(range(0, pictures * (fragments + 1), pictures)), 1
    ):
        video = gop(start, end - start)
        if number == 2:
            video[0] = picture(start, is_keyframe=False)
        else:
            points.append(SyncPoint(video[0].dts + video[0].composition_offset, len(content)))
        audio = [sound(2 * i) for i in range(start, end)] if number < fragments else []
        content += b"".join(fragment(number, video, audio))
        ends.append(len(content))
    return Written(content + mfra(points), ends)
