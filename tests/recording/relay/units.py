"""Made-up pictures and sound of every kind."""

from hypothesis import strategies as st

from tandem.media.units import AccessUnit, AudioConfig, Codec, VideoConfig

VIDEO_CODECS = [codec for codec in Codec if codec.is_video]
AUDIO_CODECS = [codec for codec in Codec if not codec.is_video]

times = st.integers(-(1 << 63), (1 << 63) - 1)
identities = st.binary(min_size=16, max_size=16)
video_configs = st.builds(
    VideoConfig,
    codec=st.sampled_from(VIDEO_CODECS),
    parameter_sets=st.lists(st.binary(max_size=30), max_size=5).map(tuple),
    width_px=st.integers(0, 1 << 16),
    height_px=st.integers(0, 1 << 16),
    reorder_depth=st.none() | st.integers(0, 16),
)
audio_configs = st.builds(
    AudioConfig,
    codec=st.sampled_from(AUDIO_CODECS),
    sample_rate_hz=st.integers(1, 192_000),
    channels=st.integers(0, 255),
    specific=st.binary(max_size=8),
    samples_per_frame=st.integers(0, (1 << 32) - 1),
)
data = st.binary(max_size=100) | st.binary(max_size=100).map(bytearray)
video_units = st.builds(
    AccessUnit,
    data=data,
    rtp_time=times,
    is_keyframe=st.booleans(),
    config=st.none() | video_configs,
    identity=identities,
    follows_loss=st.booleans(),
)
audio_units = st.builds(
    AccessUnit,
    data=data,
    rtp_time=times,
    is_keyframe=st.just(True),
    config=audio_configs,
    identity=identities,
)
