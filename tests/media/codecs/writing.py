"""Writes parameter sets bit by bit from the syntax tables, as an encoder would."""

from typing import Self


class BitWriter:
    """Bits in the order in which a syntax table lists them."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, width: int, value: int) -> Self:
        self._bits += f"{value:0{width}b}" if width else ""
        return self

    def ue(self, *values: int) -> Self:
        for value in values:
            code = f"{value + 1:b}"
            self._bits += "0" * (len(code) - 1) + code
        return self

    def se(self, value: int) -> Self:
        return self.ue(2 * value - 1 if value > 0 else -2 * value)

    def unpadded(self) -> bytes:
        """The bits, with zeros up to the next byte."""
        bits = self._bits + "0" * (-len(self._bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    def nal(self) -> bytes:
        """The bits with rbsp_trailing_bits and emulation prevention."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        escaped = bytearray()
        for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
            if escaped[-2:] == b"\0\0" and byte <= 3:
                escaped.append(3)
            escaped.append(byte)
        return bytes(escaped)


def h264_sps(
    *,
    profile: int = 100,
    compatibility: int = 0,
    sps_id: int = 0,
    chroma: int = 1,
    planes_apart: int = 0,
    poc_type: int = 0,
    columns: int = 20,
    rows: int = 15,
    frames_only: bool = True,
    crop: tuple[int, int, int, int] | None = None,
    fps: int | None = None,
    reorder: int | None = None,
) -> bytes:
    """ITU-T H.264 section 7.3.2.1.1. `crop` is left, right, top, bottom in crop units."""
    w = BitWriter().u(8, 0x67).u(8, profile).u(8, compatibility).u(8, 40).ue(sps_id)
    if profile in {100, 110, 122, 244}:
        w.ue(chroma)
        if chroma == 3:
            w.u(1, planes_apart)
        w.ue(0, 0).u(1, 0).u(1, 0)
    w.ue(0, poc_type)
    if poc_type == 0:
        w.ue(2)
    elif poc_type == 1:
        w.u(1, 0).se(-1).se(3).ue(2).se(4).se(-4)
    w.ue(4).u(1, 0).ue(columns - 1, rows - 1).u(1, frames_only)
    if not frames_only:
        w.u(1, 0)
    w.u(1, 1).u(1, crop is not None).ue(*(crop or ()))
    if fps is None and reorder is None:
        return w.u(1, 0).nal()
    w.u(1, 1).u(1, 1).u(8, 1).u(1, 0).u(1, 0).u(1, 0)  # square pixels, nothing on video signal
    w.u(1, fps is not None)
    if fps is not None:
        w.u(32, 1).u(32, 2 * fps).u(1, 1)
    w.u(1, 0).u(1, 0).u(1, 0).u(1, reorder is not None)
    if reorder is not None:
        w.u(1, 1).ue(0, 0, 10, 10, reorder, 4)
    return w.nal()


def h264_pps(pps_id: int = 0, sps_id: int = 0, *, cabac: int = 1) -> bytes:
    """ITU-T H.264 section 7.3.2.2."""
    w = BitWriter().u(8, 0x68).ue(pps_id, sps_id).u(1, cabac).u(1, 0).ue(0, 0, 0)
    return w.u(1, 0).u(2, 0).se(0).se(0).se(0).u(1, 1).u(1, 0).u(1, 0).nal()


def h264_slice(*, key: bool = False, first_mb: int = 0, pps_id: int = 0, body: bytes) -> bytes:
    """ITU-T H.264 section 7.3.3: a slice header as far as its PPS id, and any bytes."""
    w = BitWriter().u(8, 0x65 if key else 0x41).ue(first_mb, 7 if key else 5, pps_id)
    return w.unpadded() + body


def h265_vps(vps_id: int = 0) -> bytes:
    """ITU-T H.265 section 7.3.2.1, as far as anybody reads."""
    w = BitWriter().u(16, 0x4001).u(4, vps_id).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    return w.u(8, 1).u(32, 0x60000000).u(48, 0x900000000000).u(8, 93).u(1, 0).ue(4, 2, 0).nal()


def h265_sps(
    *,
    sps_id: int = 0,
    vps_id: int = 0,
    chroma: int = 1,
    size: tuple[int, int] = (320, 240),
    window: tuple[int, int, int, int] | None = None,
    reorder: tuple[int, ...] = (2,),
    ordering_per_layer: bool = True,
    depths: tuple[int, int] = (8, 8),
) -> bytes:
    """ITU-T H.265 section 7.3.2.2, one sub-layer for each entry of `reorder`."""
    layers = len(reorder)
    w = BitWriter().u(16, 0x4201).u(4, vps_id).u(3, layers - 1).u(1, 1)
    w.u(2, 0).u(1, 1).u(5, 2).u(32, 0x20000000).u(48, 0x900000000000).u(8, 120)
    if layers > 1:
        for _ in range(layers - 1):
            w.u(1, 1).u(1, 1)
        w.u(2 * (9 - layers), 0)
        for _ in range(layers - 1):
            w.u(88, 5).u(8, 90)
    w.ue(sps_id, chroma)
    if chroma == 3:
        w.u(1, 0)
    w.ue(*size).u(1, window is not None).ue(*(window or ()))
    w.ue(depths[0] - 8, depths[1] - 8, 4).u(1, ordering_per_layer)
    for depth in reorder if ordering_per_layer else reorder[-1:]:
        w.ue(4, depth, 0)
    return w.nal()


def h265_pps(pps_id: int = 0, sps_id: int = 0, *, extra: int = 0) -> bytes:
    """ITU-T H.265 section 7.3.2.3, as far as anybody reads."""
    return BitWriter().u(16, 0x4401).ue(pps_id, sps_id).u(8, extra).nal()


def h265_slice(nal_type: int = 1, *, first: bool = True, pps_id: int = 0, body: bytes) -> bytes:
    """ITU-T H.265 section 7.3.6.1: a slice segment header as far as its PPS id, and any bytes."""
    w = BitWriter().u(16, nal_type << 9 | 1).u(1, first)
    if 16 <= nal_type <= 23:
        w.u(1, 0)
    return w.ue(pps_id).unpadded() + body
