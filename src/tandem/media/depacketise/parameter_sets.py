"""The parameter sets a camera has told, and the configuration that the active ones make."""

from collections.abc import Callable, Iterable
from typing import Final

from tandem.media.codecs import h264, h265
from tandem.media.codecs.errors import CodecError
from tandem.media.codecs.video import Kind, ParameterSet, parse_parameter_set, video_config
from tandem.media.units import Codec, VideoConfig

_SLICE_PPS_ID: Final[dict[Codec, Callable[[bytes], int]]] = {
    Codec.H264: h264.slice_pps_id,
    Codec.H265: h265.slice_pps_id,
}


class ParameterSets:
    """Keeps the latest parameter set of every kind and id; ids bound how many there can be.

    A configuration holds the SPS that pictures use, its VPS, and every PPS that builds on it. It
    stays the same object until one of these changes in substance: a camera repeats its sets with
    every keyframe, some with other timing, or with stray bytes behind them.

    Attributes:
        config: of the active sets; None until they are all known.

    Args:
        codec: H264 or H265.
        initial: those of the session description; nonsense among them is passed over, since
            cameras whose description is broken send good ones in-band.
    """

    __slots__ = ("_active_pps", "_codec", "_essence", "_nals", "_sets", "_stale", "config")

    def __init__(self, codec: Codec, initial: Iterable[bytes] = ()) -> None:
        self._codec = codec
        self._sets: dict[tuple[Kind, int], ParameterSet] = {}
        self._nals: frozenset[bytes] = frozenset()
        self._stale = False
        self._active_pps = -1
        self._essence: tuple[bytes, ...] = ()
        self.config: VideoConfig | None = None
        for nal in initial:
            self.learn(nal)
        pps_ids = [set_id for kind, set_id in self._sets if kind is Kind.PPS]
        if pps_ids:
            self._activate(min(pps_ids))

    def learn(self, nal: bytes) -> None:
        """Take a parameter set as it came; nonsense never takes the place of a good one."""
        if nal in self._nals:
            return
        try:
            parsed = parse_parameter_set(self._codec, nal)
        except CodecError:
            return
        self._sets[parsed.kind, parsed.set_id] = parsed
        self._nals = frozenset(known.nal for known in self._sets.values())
        self._stale = True

    def activate(self, slice_nal: bytes) -> VideoConfig | None:
        """Choose the sets that a picture uses.

        Args:
            slice_nal: the beginning of a slice of it.

        Returns:
            Its configuration; the one before where its own sets are not known.
        """
        if not self._sets:
            return None
        try:
            pps_id = _SLICE_PPS_ID[self._codec](slice_nal)
        except CodecError:
            return self.config
        if self._stale or pps_id != self._active_pps:
            self._activate(pps_id)
        return self.config

    def _activate(self, pps_id: int) -> None:
        self._stale = False
        self._active_pps = pps_id
        sets = self._used_with(pps_id)
        essence = tuple(used.essence for used in sets)
        if essence == self._essence:
            return
        try:
            config = video_config(self._codec, (used.nal for used in sets))
        except CodecError:
            return
        self.config = config
        self._essence = essence

    def _used_with(self, pps_id: int) -> list[ParameterSet]:
        """The sets that belong together with a PPS, VPS first; fewer where some are not known."""
        pps = self._sets.get((Kind.PPS, pps_id))
        sps = self._sets.get((Kind.SPS, pps.parent_id)) if pps else None
        if sps is None:
            return []
        vps = self._sets.get((Kind.VPS, sps.parent_id))
        ordered = (self._sets[key] for key in sorted(self._sets))
        siblings = [s for s in ordered if s.kind is Kind.PPS and s.parent_id == sps.set_id]
        return [*([vps] if vps else []), sps, *siblings]
