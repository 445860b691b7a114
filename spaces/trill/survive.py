"""Change the sound: how far each change moves the embedding, against another voice."""

from __future__ import annotations

import base64

import numpy as np

from core.jobs import Job

from . import gallery, transforms
from .listening import (
    SAMPLE_RATE,
    embedder,
    gallery_means,
    hear,
    open_clip,
    shade,
    squared_distance,
    weights_id,
)
from .requests import SurviveRequest
from .results import Change, Picture, SurviveResult

MAX_SECONDS = 12.0  # of the clip that is changed; 17 versions of it are heard
SWEEP: tuple[tuple[str, str, dict[str, float | bool]], ...] = (
    ("Pitch", "−6 semitones", {"pitch": -6.0}),
    ("Pitch", "−3 semitones", {"pitch": -3.0}),
    ("Pitch", "+3 semitones", {"pitch": 3.0}),
    ("Pitch", "+6 semitones", {"pitch": 6.0}),
    ("Rate", "0.7 times", {"rate": 0.7}),
    ("Rate", "0.85 times", {"rate": 0.85}),
    ("Rate", "1.2 times", {"rate": 1.2}),
    ("Rate", "1.4 times", {"rate": 1.4}),
    ("Noise", "40 dB below", {"snr_db": 40.0}),
    ("Noise", "20 dB below", {"snr_db": 20.0}),
    ("Noise", "10 dB below", {"snr_db": 10.0}),
    ("Noise", "as loud as the voice", {"snr_db": 0.0}),
    ("Line", "telephone band", {"telephone": True}),
    ("Room", "0.3 s of reverberation", {"reverb_seconds": 0.3}),
    ("Room", "1.2 s of reverberation", {"reverb_seconds": 1.2}),
)


def apply(
    waveform: np.ndarray,
    *,
    pitch: float = 0.0,
    rate: float = 1.0,
    snr_db: float | None = None,
    telephone: bool = False,
    reverb_seconds: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Change a waveform in the order in which a voice would meet the changes.

    Voice first (rate, pitch), then room, noise and line.

    Args:
        waveform: (T,) at 16 kHz.
        pitch: semitones.
        rate: speed at the same pitch.
        snr_db: level of added noise below the clip; None adds none.
        telephone: keep 300 to 3400 Hz.
        reverb_seconds: reverberation time.
        seed: of noise and room.
    """
    rng = np.random.default_rng(seed)
    changed = transforms.change_rate(waveform, rate)
    changed = transforms.change_pitch(changed, pitch, SAMPLE_RATE)
    changed = transforms.reverberate(changed, reverb_seconds, SAMPLE_RATE, rng)
    if snr_db is not None:
        changed = transforms.add_noise(changed, snr_db, rng)
    return transforms.telephone(changed, SAMPLE_RATE) if telephone else changed


def survive(job: Job, request: SurviveRequest) -> SurviveResult:
    """Measure the chosen change and the usual ones on one clip."""
    from core.media import audio

    sound = open_clip(request.clip)
    waveform = sound.waveform[: int(MAX_SECONDS * SAMPLE_RATE)]
    chosen = apply(
        waveform,
        pitch=request.pitch,
        rate=request.rate,
        snr_db=request.snr_db,
        telephone=request.telephone,
        reverb_seconds=request.reverb_seconds,
        seed=request.seed,
    )
    with embedder(job, request) as net:

        def mean(samples: np.ndarray, low: float, text: str) -> np.ndarray:
            heard = hear(job, net, samples, request, share=(low, low + 0.04), text=text)
            return heard.mean(request.layer)

        original = mean(waveform, 0.02, "Listening to the clip")
        moved = squared_distance(original, mean(chosen, 0.06, "Listening to your change"))
        others = _other_voices(gallery_means(job, net, request, share=(0.1, 0.3)), request)
        sweep = []
        for index, (group, label, change) in enumerate(SWEEP):
            heard = mean(
                apply(waveform, **change, seed=request.seed),  # type: ignore[arg-type]
                0.3 + 0.6 * index / len(SWEEP),
                f"{group}: {label}",
            )
            distance = round(squared_distance(original, heard), 4)
            sweep.append(Change(group=group, label=label, distance=distance))
        same = None
        if len(waveform) >= 2 * SAMPLE_RATE:
            half = len(waveform) // 2
            same = squared_distance(
                mean(waveform[:half], 0.92, "First half"),
                mean(waveform[half:], 0.95, "Second half"),
            )
        weights = weights_id(net)
    distances = [squared_distance(original, other) for other in others]
    low, middle, high = (round(float(v), 4) for v in np.percentile(distances, [5, 50, 95]))
    return SurviveResult(
        weights=weights,
        files={
            "changed.flac": audio.encode(chosen, SAMPLE_RATE, "flac"),
            "original.flac": audio.encode(waveform, SAMPLE_RATE, "flac"),
            "picture.png": base64.b64decode(_bars(sweep, middle).png),
        },
        heard=sound.heard,
        layer=request.layer,
        chosen=Change(group="Yours", label=describe(request), distance=round(moved, 4)),
        sweep=tuple(sweep),
        other_voice=(low, middle, high),
        same_clip=None if same is None else round(same, 4),
    )


def _bars(sweep: list[Change], reference: float) -> Picture:
    """The sweep as columns, as high as another voice is far."""
    heights = np.clip([change.distance / max(2 * reference, 1e-9) for change in sweep], 0, 1)
    columns = (np.arange(48)[::-1, None] < 48 * heights[None]).astype(float)
    return shade(np.kron(columns, np.array([[1.0, 1.0, 1.0, 0.0]])), 0.0, 1.3)


def describe(request: SurviveRequest) -> str:
    """The chosen change in words."""
    words = []
    if request.pitch:
        words.append(f"{request.pitch:+g} semitones")
    if request.rate != 1:
        words.append(f"{request.rate:g} times as fast")
    if request.reverb_seconds:
        words.append(f"{request.reverb_seconds:g} s of reverberation")
    if request.snr_db is not None:
        words.append(f"noise {request.snr_db:g} dB below")
    if request.telephone:
        words.append("telephone band")
    return ", ".join(words) or "nothing changed"


def _other_voices(means: dict[str, np.ndarray], request: SurviveRequest) -> list[np.ndarray]:
    """Examples by speakers other than the clip's own, as far as that is known."""
    own = ""
    if request.clip.source.startswith("example:"):
        own = gallery.example(request.clip.source.partition(":")[2]).speaker
    return [mean for name, mean in means.items() if gallery.example(name).speaker != own]
