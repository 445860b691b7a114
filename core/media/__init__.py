"""Sound, and later pictures and video, at the edge: what came in, within which limits, decoded.

`core.media.probe` says what a file is without decoding it; `core.media.audio.load` turns
a recording into a mono waveform. Bytes from outside are treated as hostile.
"""

from __future__ import annotations

from core.media.container import MediaInfo, probe
from core.media.limits import AudioLimits, audio_limits

__all__ = ["AudioLimits", "MediaInfo", "audio_limits", "probe"]
