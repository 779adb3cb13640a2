"""Which media of a description are recorded: the first video, and the first sound of the camera."""

from tandem.media.rtsp.errors import Cause, RtspError
from tandem.media.sdp import Direction, MediaDescription, SessionDescription


def select(description: SessionDescription, *, with_audio: bool) -> list[MediaDescription]:
    """Choose what to set up, the video first.

    Args:
        description: what the camera offers.
        with_audio: whether sound is wanted, where there is any that can be recorded.

    Raises:
        RtspError: there is no video (`NO_VIDEO`), or none that can be recorded
            (`UNSUPPORTED_CODEC`).
    """
    videos = [media for media in description.media if media.kind == "video"]
    if not videos:
        raise RtspError(
            Cause.NO_VIDEO,
            "The camera offers no video under this URL. Switch the stream on in the camera's "
            "settings, or check the path of its URL.",
        )
    video = next((media for media in videos if media.codec and media.codec.is_video), None)
    if video is None:
        offered = ", ".join(media.encodings or "an unnamed codec" for media in videos)
        raise RtspError(
            Cause.UNSUPPORTED_CODEC,
            f"The camera sends its video as {offered}, which cannot be recorded. Set this stream "
            "to H.264 or H.265 in the camera's settings.",
        )
    audio = (media for media in description.media if with_audio and _is_sound(media, video))
    return [video, *list(audio)[:1]]


def _is_sound(media: MediaDescription, video: MediaDescription) -> bool:
    """Whether this is sound from the camera, not the way back to its loudspeaker.

    "sendonly" is the mark of that way back (ONVIF Streaming Specification section 5.3), but some
    cameras mark all they send with it, the video too.
    """
    is_way_back = media.direction is Direction.SENDONLY and media.direction is not video.direction
    is_audio = media.kind == "audio" and media.codec is not None and not media.codec.is_video
    return is_audio and not is_way_back and media.direction is not Direction.INACTIVE
