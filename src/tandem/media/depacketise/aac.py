"""RTP payloads of AAC in MPEG-4 generic form (RFC 3640): modes AAC-hbr, AAC-lbr and their like.

A payload is several whole access units or a fragment of one, behind a section that gives their
sizes. Interleaving is refused: its packets count as damaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tandem.media.codecs.bits import BitReader
from tandem.media.codecs.errors import CodecError
from tandem.media.depacketise.audio import AudioDepacketiser
from tandem.media.units import AudioConfig

_MAX_FRAME_BYTES: Final = 65_535
_MAX_FIELD_BITS: Final = 32
_MAX_UNITS: Final = 256


@dataclass(frozen=True, slots=True)
class AuHeaderFormat:
    """Lengths in bits of the fields of an AU header (RFC 3640 sections 3.2.1.1 and 4.1).

    Attributes:
        size: AU-size; without it `constant_bytes` counts.
        index: AU-Index, in the first header.
        index_delta: AU-Index-delta, in the others.
        cts_delta: CTS-delta, behind a flag.
        dts_delta: DTS-delta, behind a flag.
        random_access: 1 where there is a RAP-flag.
        stream_state: Stream-state.
        auxiliary: auxiliary-data-size, in the section behind the headers.
        constant_bytes: size of every access unit, or 0.
    """

    size: int
    index: int
    index_delta: int
    cts_delta: int
    dts_delta: int
    random_access: int
    stream_state: int
    auxiliary: int
    constant_bytes: int

    @classmethod
    def from_fmtp(cls, fmtp: Mapping[str, str]) -> Self:
        """Read the format parameters of a session description.

        Raises:
            CodecError: one is not a number, or too large to be one of these.
        """

        def number(name: str, limit: int = _MAX_FIELD_BITS) -> int:
            text = fmtp.get(name, "0").strip()
            if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= limit):
                raise CodecError(f"AAC parameter {name}={text[:40]} is not a number up to {limit}.")
            return int(text)

        return cls(
            size=number("sizelength"),
            index=number("indexlength"),
            index_delta=number("indexdeltalength"),
            cts_delta=number("ctsdeltalength"),
            dts_delta=number("dtsdeltalength"),
            random_access=number("randomaccessindication", 1),
            stream_state=number("streamstateindication"),
            auxiliary=number("auxiliarydatasizelength"),
            constant_bytes=number("constantsize", _MAX_FRAME_BYTES),
        )

    @property
    def has_headers(self) -> bool:
        """Whether payloads begin with an AU header section at all."""
        return any((
            self.size, self.index, self.index_delta, self.cts_delta,
            self.dts_delta, self.random_access, self.stream_state,
        ))  # fmt: skip

    def read_sizes(self, payload: bytes) -> tuple[list[int], int]:
        """Read the sections before the access units (RFC 3640 sections 3.2.1 and 3.2.2).

        Returns:
            The size of each access unit in bytes, 0 where it goes to the end of the payload; and
            the offset of the first.

        Raises:
            CodecError: they end too early, or access units are interleaved.
        """
        reader = BitReader(payload)
        sizes = [self.constant_bytes]
        if self.has_headers:
            headers_end = 16 + reader.bits(16)
            sizes = []
            while reader.position < headers_end:
                sizes.append(self._read_header(reader, is_first=not sizes))
                if len(sizes) > _MAX_UNITS:
                    raise CodecError(f"There are more than {_MAX_UNITS} access units in a packet.")
            if reader.position > headers_end:
                raise CodecError("The AU headers are longer than they say.")
            reader.skip(-headers_end % 8)
        if self.auxiliary:
            reader.skip(reader.bits(self.auxiliary))
            reader.skip(-reader.position % 8)
        return sizes, reader.position // 8

    def _read_header(self, reader: BitReader, *, is_first: bool) -> int:
        start = reader.position
        size = reader.bits(self.size) if self.size else self.constant_bytes
        if self.size and not size:
            raise CodecError("An access unit without a byte is none.")
        if is_first:
            reader.skip(self.index)
        elif reader.bits(self.index_delta):
            raise CodecError("Interleaved AAC is not recorded.")
        for bits in (self.cts_delta, self.dts_delta):
            if bits and reader.flag():
                reader.skip(bits)
        reader.skip(self.random_access + self.stream_state)
        if reader.position == start:
            raise CodecError("An AU header without a bit in it never ends.")
        return size


class AacDepacketiser(AudioDepacketiser):
    """Joins AAC payloads into access units, one raw_data_block each.

    Args:
        config: of the track; `samples_per_frame` is what timestamps in one packet are apart.
        headers: lengths of the fields of its AU headers.
    """

    __slots__ = ("_dropped_time", "_fragment", "_fragment_bytes", "_fragment_time", "_headers")

    def __init__(self, config: AudioConfig, headers: AuHeaderFormat) -> None:
        super().__init__(config)
        self._headers = headers
        self._fragment = bytearray()
        self._fragment_bytes = 0  # size of the access unit in fragments; 0 where there is none
        self._fragment_time = 0
        self._dropped_time: int | None = None  # what comes of this frame later is counted already

    def receive(
        self, buffer: memoryview, start: int, end: int, rtp_time: int, marker: bool
    ) -> None:
        """Take a payload; see `Depacketiser.receive`."""
        if start == end:
            return
        payload = bytes(buffer[start:end])
        try:
            sizes, at = self._headers.read_sizes(payload)
        except CodecError:
            self._drop_fragment()
            self.damaged_units += 1
            return
        if len(sizes) == 1 and sizes[0] > len(payload) - at:
            self._add_fragment(payload[at:], sizes[0], rtp_time)
            if marker:
                self._drop_fragment()
        else:
            self._drop_fragment()
            self._add_whole(payload, at, sizes, rtp_time)

    def lose(self) -> None:
        """Packets are missing before the next one: a frame in fragments can never be whole."""
        self._drop_fragment()

    def flush(self) -> None:
        """The stream ends here, and a frame in fragments with it."""
        self._drop_fragment()

    def _add_whole(self, payload: bytes, at: int, sizes: list[int], rtp_time: int) -> None:
        if self._headers.constant_bytes and not self._headers.has_headers:
            sizes = sizes * ((len(payload) - at) // self._headers.constant_bytes)
        for size in sizes:
            after = at + size if size else len(payload)
            if after > len(payload) or after == at:
                self.damaged_units += 1
                return
            self._emit(payload[at:after], rtp_time)
            at = after
            rtp_time += self.config.samples_per_frame

    def _add_fragment(self, piece: bytes, size: int, rtp_time: int) -> None:
        """RFC 3640 section 3.2.3: every fragment tells the size of the whole access unit."""
        if self._fragment_bytes and (size, rtp_time) != (self._fragment_bytes, self._fragment_time):
            self._drop_fragment()
        self._fragment_bytes, self._fragment_time = size, rtp_time
        self._fragment += piece
        if len(self._fragment) > size or size > _MAX_FRAME_BYTES:
            self._drop_fragment()
        elif len(self._fragment) == size:
            frame = bytes(self._fragment)
            self._fragment.clear()
            self._fragment_bytes = 0
            self._emit(frame, rtp_time)

    def _drop_fragment(self) -> None:
        if self._fragment_bytes and self._fragment_time != self._dropped_time:
            self.damaged_units += 1
            self._dropped_time = self._fragment_time
        self._fragment.clear()
        self._fragment_bytes = 0
