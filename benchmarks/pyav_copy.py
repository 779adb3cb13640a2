"""The library way: PyAV demuxes and muxes, a thread a camera, one process.

`python -m benchmarks.pyav_copy DIRECTORY URL...`
"""

import sys
import threading
from pathlib import Path

import av


def copy(url: str, path: Path) -> None:
    """Remux one stream into fragmented MP4 until killed."""
    source = av.open(url, options={"rtsp_transport": "tcp", "timeout": "5000000"})
    target = av.open(
        str(path), "w", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    )
    stream = target.add_stream_from_template(source.streams.video[0])
    for packet in source.demux(source.streams.video[0]):
        if packet.dts is not None:
            packet.stream = stream
            target.mux(packet)


def main() -> None:
    """Copy until killed."""
    directory, *urls = sys.argv[1:]
    for number, url in enumerate(urls):
        path = Path(directory) / f"{number}.mp4"
        threading.Thread(target=copy, args=(url, path)).start()


if __name__ == "__main__":
    main()
