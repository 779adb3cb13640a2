"""Cameras made of gst-rtsp-server. Run by the system's Python, which has GStreamer's bindings.

It prints its port, and serves /h264-aac, /h264-pcma and /h265-opus, 25 pictures a second.
"""

import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402

PICTURES = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1"
)
SOUND = "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate={rate},channels=1"
STREAMS = {
    "/h264-aac": (
        "x264enc tune=zerolatency key-int-max=50 ! rtph264pay name=pay0 pt=96",
        f"{SOUND.format(rate=48000)} ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    ),
    "/h264-pcma": (
        "x264enc key-int-max=50 bframes=2 ! rtph264pay name=pay0 pt=96",
        f"{SOUND.format(rate=8000)} ! alawenc ! rtppcmapay name=pay1 pt=8",
    ),
    "/h265-opus": (
        (
            "x265enc tune=zerolatency key-int-max=50 speed-preset=ultrafast "
            "! rtph265pay name=pay0 pt=96"
        ),
        f"{SOUND.format(rate=48000)} ! opusenc ! rtpopuspay name=pay1 pt=97",
    ),
}


def main() -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for path, (pictures, sound) in STREAMS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {PICTURES} ! {pictures} {sound} )")
        factory.set_shared(True)
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
