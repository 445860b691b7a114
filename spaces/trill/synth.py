"""Synthetic speech for the recipe: procedural voices in numpy, and eSpeak NG when installed.

The procedural voices are a source and filter model: a pulse train with jitter and breath, through
formants that move from one vowel to the next. They are no speech, but they have what the training
needs (a voice that stays, a content that changes), weigh nothing and are the same on every machine.
eSpeak NG is free software under the GPL; it is used by the recipe only, and never required.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.errors import InputError

RATE = 16_000
# First three formants in Hz of five vowels (Peterson and Barney 1952, men, rounded).
VOWELS = np.array(
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]],
    dtype=np.float64,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A procedural voice."""

    pitch: float  # Hz
    tract: float  # factor on all formants
    breath: float  # share of noise in the source, 0-1
    tilt: float  # dB per octave
    rate: float  # vowels per second
    bandwidth: float  # factor on the formant bandwidths


def voice(seed: int) -> Voice:
    """Draw a voice; the same seed gives the same voice."""
    rng = np.random.default_rng([seed, 77])
    return Voice(
        pitch=float(np.exp(rng.uniform(np.log(85), np.log(280)))),
        tract=float(rng.uniform(0.85, 1.25)),
        breath=float(rng.uniform(0.01, 0.35)),
        tilt=float(rng.uniform(-14, -5)),
        rate=float(rng.uniform(2.5, 6.0)),
        bandwidth=float(rng.uniform(0.7, 1.8)),
    )


def procedural(who: Voice, seconds: float, seed: int) -> np.ndarray:
    """Speech-like sound of one voice, float32 (T,) within [-0.9, 0.9]; `seed` decides what it says."""
    rng = np.random.default_rng([seed, 78])
    total, hop = int(seconds * RATE), 160
    num_frames = total // hop + 2
    time = np.arange(num_frames) * hop / RATE
    num_vowels = int(seconds * who.rate) + 3
    path = VOWELS[rng.integers(0, 5, num_vowels)] * who.tract
    knots = np.cumsum(rng.uniform(0.6, 1.4, num_vowels)) / who.rate
    formants = np.stack([np.interp(time, knots, path[:, k]) for k in range(3)], 1)
    loud = np.interp(time, knots, rng.uniform(0.05, 1.0, num_vowels))
    melody = np.interp(time, knots, rng.normal(0, 0.09, num_vowels)) - 0.05 * np.sin(time)
    pitch = who.pitch * np.exp(melody)
    harmonics = np.arange(1, 1 + int(7600 / who.pitch))
    freq = harmonics[None] * pitch[:, None]  # (F, H)
    gain = 10 ** (who.tilt * np.log2(np.maximum(harmonics, 1)) / 20)[None] * np.ones_like(freq)
    gain[freq > 7800] = 0
    widths = np.array([80.0, 110.0, 160.0]) * who.bandwidth
    shape = _resonance(freq, formants, widths)
    phase = np.cumsum(np.repeat(pitch, hop)[:total]) * 2 * np.pi / RATE
    phase += np.cumsum(rng.normal(0, 0.01, total))
    amplitude = (gain * shape * loud[:, None]).repeat(hop, 0)[:total]
    voiced = np.zeros(total)
    for index, number in enumerate(harmonics):
        voiced += amplitude[:, index] * np.sin(number * phase)
    noise = _breath(rng, formants, widths, loud, total, hop)
    mix = (1 - who.breath) * voiced / _rms(voiced) + who.breath * noise / _rms(noise)
    return (0.6 * mix / np.abs(mix).max()).astype(np.float32)


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)) + 1e-9)


def _resonance(freq: np.ndarray, formants: np.ndarray, widths: np.ndarray) -> np.ndarray:
    shape = np.zeros_like(freq)
    for k in range(3):
        detune = (freq - formants[:, k : k + 1]) / widths[k]
        shape += (0.6**k) / (1 + detune**2)
    return shape


def _breath(
    rng: np.random.Generator,
    formants: np.ndarray,
    widths: np.ndarray,
    loud: np.ndarray,
    total: int,
    hop: int,
) -> np.ndarray:
    """Noise shaped by the formants, by overlap-add of spectra of 20 ms."""
    size = 2 * hop
    window = np.hanning(size)
    bins = np.fft.rfftfreq(size, 1 / RATE)
    out = np.zeros(total + 2 * size)
    for frame in range(min(len(loud), total // hop + 1)):
        spectrum = np.fft.rfft(rng.normal(size=size))
        shape = _resonance(bins[None], formants[frame : frame + 1], 3 * widths)[0] + 0.02
        out[frame * hop : frame * hop + size] += (
            window * np.fft.irfft(spectrum * shape, size) * loud[frame]
        )
    return out[:total]


LANGUAGES = ("en-us", "en-gb", "de", "fr-fr", "es", "it", "pl", "ru", "tr", "sv", "el", "hi")
VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "croak",
    "whisper",
    "Alex",
    "Alicia",
    "Andrea",
    "Andy",
    "Annie",
    "anikaRobot",
    "aunty",
    "belinda",
    "benjamin",
    "boris",
    "caleb",
    "david",
    "ed",
    "Gene",
    "Gene2",
    "grandma",
    "grandpa",
    "gustave",
    "iven",
    "iven2",
    "iven3",
    "iven4",
    "jacky",
    "Jacky",
    "john",
    "kaukovalta",
    "klatt",
    "klatt2",
    "klatt3",
    "klatt4",
    "klatt5",
    "klatt6",
    "lee",
    "linda",
    "Lee",
    "marcelo",
    "Marco",
    "Mario",
    "max",
    "Michael",
    "michel",
    "Mike",
    "miguel",
    "Mr-serious",
    "Nguyen",
    "norbert",
    "pablo",
    "paul",
    "pedro",
    "quincy",
    "Reed",
    "RicishayMax",
    "RicishayMax2",
    "RicishayMax3",
    "rob",
    "robert",
    "robosoft",
    "robosoft2",
    "robosoft3",
    "robosoft4",
    "robosoft5",
    "robosoft6",
    "robosoft7",
    "robosoft8",
    "sandro",
    "shelby",
    "steph",
    "steph2",
    "steph3",
    "Storm",
    "travis",
    "Tweaky",
    "UniRobot",
    "victor",
    "zac",
    "adam",
]
# Letters that all of the languages can read aloud; the words mean nothing.
_ONSETS = [
    "b",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "br",
    "dr",
    "fl",
    "gr",
    "kl",
    "pl",
    "pr",
    "sk",
    "st",
    "tr",
]
_NUCLEI = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "au", "ei", "ia", "ou"]
_CODAS = ["", "", "", "", "n", "r", "s", "l", "m", "t", "k"]
_ENGLISH = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "we",
    "walk",
    "along",
    "this",
    "quiet",
    "river",
    "and",
    "think",
    "about",
    "what",
    "she",
    "said",
    "when",
    "they",
    "came",
    "home",
    "late",
    "last",
    "night",
    "because",
    "nobody",
    "could",
    "find",
    "the",
    "key",
    "to",
    "that",
    "old",
    "house",
    "which",
    "stood",
    "near",
    "our",
    "garden",
    "before",
    "winter",
    "rain",
    "washed",
    "every",
    "road",
    "away",
]


def text(language: str, seed: int) -> str:
    """A line to read: numbers (read in each language), invented words, or English words."""
    rng = np.random.default_rng([seed, 79])
    words = []
    for _ in range(int(rng.integers(5, 12))):
        kind = rng.random()
        if kind < 0.25:
            words.append(str(rng.integers(0, 10)))
        elif kind < 0.4:
            words.append(str(rng.integers(10, 2000)))
        elif language.startswith("en") and kind < 0.8:
            words.append(str(rng.choice(_ENGLISH)))
        else:
            parts = [
                str(rng.choice(_ONSETS)) + str(rng.choice(_NUCLEI)) + str(rng.choice(_CODAS))
                for _ in range(int(rng.integers(1, 4)))
            ]
            words.append("".join(parts))
        if rng.random() < 0.12:
            words[-1] += ","
    return " ".join(words) + str(rng.choice([".", ".", "?", "!"]))


def has_espeak() -> bool:
    """Whether the eSpeak NG library can be loaded here."""
    return importlib.util.find_spec("espeakng_loader") is not None


class Espeak:
    """eSpeak NG in this process through ctypes: text in, float32 samples at `rate` out."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            InputError: the wheel `espeakng-loader` is not installed.
        """
        if not has_espeak():
            raise InputError(
                "eSpeak NG is not installed, so no synthetic voices can be made. Install it with "
                "`pip install -r requirements-recipes.txt`, or train with --preset smoke."
            )
        import espeakng_loader

        self._lib = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
        self.rate = self._lib.espeak_Initialize(
            2, 200, str(espeakng_loader.get_data_path()).encode(), 0x8000
        )  # 2: synchronous, samples to the callback; 0x8000: never exit the process
        self._parts: list[np.ndarray] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        self._callback = kind(self._collect)  # kept: the library holds only a pointer
        self._lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes.Array, count: int, events: int) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    def say(
        self, line: str, name: str, *, rate: int = 170, pitch: int = 50, spread: int = 50
    ) -> np.ndarray | None:
        """Speak `line` with the voice `name` (`language+variant`); None when there is no such voice."""
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            return None
        for parameter, value in ((1, rate), (3, pitch), (4, spread)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._parts = []
        data = line.encode() + b"\0"
        self._lib.espeak_Synth(data, len(data), 0, 0, 0, 1, None, None)
        if not self._parts:
            return None
        return np.concatenate(self._parts).astype(np.float32) / 32768


def espeak_clips(count: int, seed: int) -> Iterator[tuple[np.ndarray, int, str, str]]:
    """Yield `count` clips as (samples, rate, language, variant); about 100x real time on one core."""
    engine = Espeak()
    rng = np.random.default_rng([seed, 80])
    made = 0
    for index in range(3 * count):
        if made == count:
            return
        language = str(rng.choice(LANGUAGES))
        variant = str(rng.choice(VARIANTS))
        samples = engine.say(
            text(language, int(rng.integers(1 << 31)) + index),
            f"{language}+{variant}",
            rate=int(rng.integers(120, 260)),
            pitch=int(rng.integers(15, 90)),
            spread=int(rng.integers(15, 100)),
        )
        if samples is None or len(samples) < 2 * engine.rate:
            continue
        made += 1
        yield samples[: 9 * engine.rate], engine.rate, language, variant
