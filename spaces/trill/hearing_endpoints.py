"""The public endpoints of TRILL that listen: explore, embed, compare, change, triplet, check, personalise."""

from __future__ import annotations

from typing import Any

from gradio.data_classes import FileData

from core.ui.calls import Asked, example

from . import requests
from .config import Layer, Padding
from .endpoint_parts import CALLS, take, take_parts
from .results import ExploreResult


@CALLS.endpoint(
    example={"clip": example("two-readers-in-turn")},
    command="run trill explore {clip} --out result",
)
def trill_explore(
    clip: FileData, layer: Layer = "embedding", hop_frames: int = 17, padding: Padding = "tile"
) -> requests.ExploreRequest:
    """Hear what TRILL hears in a recording of speech.

    Answers with the nearest shipped voices, a two-dimensional map, moments at which the voice
    changes, the log-mel spectrogram and the self-similarity matrix (as PNGs in base64).

    Args:
        clip: a recording of speech; WAV, FLAC, OGG, MP3, M4A, WebM or a video with sound.
        layer: embedding (final layer, suits distances) or layer19 (middle layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always explore.
        weights: first 12 digits of the sha256 of the weights that answered.
        heard: what is known of the recording: seconds, format, sample_rate, level_db, notes, ...
        layer: the layer that answered.
        dimensions: length of one vector.
        num_patches: how many patches of about a second were heard.
        hop_seconds: time between two patches.
        log_mel: picture of the sound: png (base64), rows, columns, and the values low and high.
        similarity: picture of every patch against every patch, by cosine.
        other_similarity: the same from the other layer.
        vectors: picture of the dimensions that move most, over time.
        similarity_span: centres of the first and the last patch, in seconds.
        dots: the patches on the map, in time order: x, y, seconds.
        gallery: the shipped voices on the map: x, y, label, example.
        explained: share of the spread of the shipped voices on each axis.
        nearest: the five shipped voices that sound most alike: example, cosine.
        turns: seconds at which the voice seems to change.
    """
    return requests.ExploreRequest(
        clip=take(clip), layer=layer, hop_frames=hop_frames, padding=padding
    )


@CALLS.endpoint(example={"clip": example("reader-1841-a")}, action="explore")
def trill_embed(
    clip: FileData,
    layer: Layer = "layer19",
    hop_frames: int = 17,
    padding: Padding = "tile",
    series: bool = False,
) -> Asked:
    """Turn a recording of speech into one vector that says how it sounds.

    Args:
        clip: a recording of speech.
        layer: layer19 (middle layer, suits small classifiers) or embedding (final layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.
        series: also give the vector of every patch, with its time in seconds.

    Returns:
        layer: the layer that answered.
        weights: first 12 digits of the sha256 of the weights that answered.
        seconds: length of the recording.
        notes: what was noticed about the recording, such as that it was cut.
        mean: the vector, averaged over the patches.
        times: with series, the middle of each patch in seconds.
        series: with series, the vector of each patch.
    """

    def answer(result: ExploreResult) -> dict[str, Any]:
        from safetensors.numpy import load

        arrays = load(result.files["embedding.safetensors"])
        vectors = arrays[layer]
        found: dict[str, Any] = {
            "layer": layer,
            "weights": result.weights,
            "seconds": result.heard.seconds,
            "notes": list(result.heard.notes),
            "mean": [round(float(v), 6) for v in vectors.mean(axis=0)],
        }
        if series:
            found["times"] = [round(float(t), 3) for t in arrays["times"]]
            found["series"] = [[round(float(v), 5) for v in row] for row in vectors]
        return found

    request = requests.ExploreRequest(
        clip=take(clip), layer=layer, hop_frames=hop_frames, padding=padding
    )
    return Asked(request, answer)


@CALLS.endpoint(
    example={"first": example("reader-1841-a"), "second": example("reader-1898-a")},
    command="run trill compare {first} {second} --out result",
)
def trill_compare(
    first: FileData,
    second: FileData,
    layer: Layer = "embedding",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> requests.CompareRequest:
    """Compare how two recordings of speech sound.

    Gives the cosine for both layers, and the share of known different-voice and same-voice pairs
    that are less alike. It compares sounds, not people, and is no proof of who speaks.

    Args:
        first: a recording of speech.
        second: another one.
        layer: which layer comes first on the page: embedding or layer19; the answer holds both.
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always compare.
        weights: first 12 digits of the sha256 of the weights that answered.
        first: what is known of the first recording: seconds, format, level_db, notes, ...
        second: the same of the second.
        layer: the layer that the page's sentence is about.
        answers: for each layer: cosine, and the shares above_different and above_same.
    """
    return requests.CompareRequest(
        first=take(first),
        second=take(second),
        layer=layer,
        hop_frames=hop_frames,
        padding=padding,
    )


@CALLS.endpoint(
    example={"clip": example("reader-1841-a"), "pitch": 3.0},
    command="run trill survive {clip} --set pitch=3 --out result",
)
def trill_change(
    clip: FileData,
    pitch: float = 0.0,
    rate: float = 1.0,
    noise_db: float | None = None,
    telephone: bool = False,
    reverb_seconds: float = 0.0,
    seed: int = 0,
    layer: Layer = "embedding",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> requests.SurviveRequest:
    """Change the sound of a recording, and see how far the embedding moves.

    Your change stands beside fifteen usual ones (pitch, rate, noise, telephone, room) and beside the
    distance to other voices. The changed recording is among the files of the run.

    Args:
        clip: a recording of speech; the first 12 seconds are used.
        pitch: semitones, -6 to 6.
        rate: 0.7 to 1.4; 1.4 is 40 % faster at the same pitch.
        noise_db: level of added noise in dB below the voice, 0 to 40; leave it out for none.
        telephone: keep 300 to 3400 Hz only.
        reverb_seconds: reverberation, 0 to 2 s.
        seed: of noise and room.
        layer: embedding (final layer) or layer19 (middle layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always survive.
        weights: first 12 digits of the sha256 of the weights that answered.
        heard: what is known of the recording: seconds, format, level_db, notes, ...
        layer: the layer that answered.
        chosen: your change: label, and the squared distance by which it moved the embedding.
        sweep: the usual changes: group, label, distance.
        other_voice: distance to the shipped voices: 5 %, median, 95 %.
        same_clip: distance of the first half to the second; null when the clip is too short.
    """
    return requests.SurviveRequest(
        clip=take(clip),
        pitch=pitch,
        rate=rate,
        snr_db=noise_db,
        telephone=telephone,
        reverb_seconds=reverb_seconds,
        seed=seed,
        layer=layer,
        hop_frames=hop_frames,
        padding=padding,
    )


@CALLS.endpoint(
    example={
        "anchor": example("reader-1841-a"),
        "positive": example("reader-1841-b"),
        "negative": example("reader-1898-a"),
    }
)
def trill_triplet(
    anchor: FileData,
    positive: FileData,
    negative: FileData,
    parts: list[str] | None = None,
    margin: float = 0.2,
    layer: Layer = "embedding",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> requests.TripletRequest:
    """Ask what the training loss would say about three moments.

    Args:
        anchor: a recording.
        positive: one that should be near the anchor, such as the same voice later.
        negative: one that should be farther away, such as another voice.
        parts: what to hear of each of the three, in seconds, such as 1.5-3.0; "" for all.
        margin: of the loss, 0 to 2.
        layer: embedding (final layer) or layer19 (middle layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always triplet.
        weights: first 12 digits of the sha256 of the weights that answered.
        names: of anchor, positive and negative.
        margin: the one that was asked for.
        triangles: for each layer: squared distances positive and negative, loss, verdict.
    """
    three = take_parts([anchor, positive, negative], parts)
    return requests.TripletRequest(
        anchor=three[0],
        positive=three[1],
        negative=three[2],
        margin=margin,
        layer=layer,
        hop_frames=hop_frames,
        padding=padding,
    )


@CALLS.endpoint(example={})
def trill_check(
    layer: Layer = "embedding", hop_frames: int = 17, padding: Padding = "tile"
) -> requests.CheckRequest:
    """Ask three questions whose answers are known, on the shipped clips, and count the right ones.

    Args:
        layer: embedding (final layer) or layer19 (middle layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always check.
        weights: first 12 digits of the sha256 of the weights that answered.
        layer: the layer that was checked.
        rows: for each question: n, chance, shares of right answers by representation, interval.
        mistakes: clips whose nearest other clip is another voice: example, taken_for, cosine.
    """
    return requests.CheckRequest(layer=layer, hop_frames=hop_frames, padding=padding)


@CALLS.endpoint(example={"speaker": "jackson"})
def trill_personalise(
    speaker: str = "george",
    resamples: int = 20,
    seed: int = 0,
    layer: Layer = "layer19",
    hop_frames: int = 17,
    padding: Padding = "tile",
) -> requests.PersonaliseRequest:
    """See how much a few clips of one's own help, for one speaker of the shipped digits.

    Args:
        speaker: george, jackson, nicolas or yweweler.
        resamples: random draws of own clips for each point, 1 to 50.
        seed: of the draws.
        layer: layer19 (middle layer) or embedding (final layer).
        hop_frames: frames of 10 ms between patches, 4 to 96.
        padding: how a clip under one second is filled: tile repeats it, zero adds silence.

    Returns:
        kind: always personalise.
        weights: first 12 digits of the sha256 of the weights that answered.
        speaker: whose digits were recognised.
        classes: the digits.
        num_test: clips of the speaker that are never learnt from.
        resamples: the number of draws.
        points: by own clips of each class: accuracy generic, personal, both (mean, 10 %, 90 %).
    """
    return requests.PersonaliseRequest(
        speaker=speaker,
        resamples=resamples,
        seed=seed,
        layer=layer,
        hop_frames=hop_frames,
        padding=padding,
    )
