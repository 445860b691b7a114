"""The public endpoints about several concepts: audit, compare, check; and training."""

from __future__ import annotations

from typing import Any

from . import requests
from .endpoint_parts import CALLS, settings_of
from .requests import ModelName, TierName


@CALLS.endpoint(
    example={"concepts": ["doctor"], "pictures": 16},
    command="run conceptor audit --set concepts=doctor,artist --set pictures=16 --out result",
    grad=True,
)
def conceptor_audit(
    concepts: list[str],
    group_a: list[str] | None = None,
    group_b: list[str] | None = None,
    pictures: int = 32,
    strength: float = 1.0,
    settings: dict[str, Any] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.AuditRequest:
    """Read how concepts lean between two groups of words, count it in pictures, and balance it.

    Args:
        concepts: such as professions, up to 12; each is taken apart first where that was not done before.
        group_a: words of the first group; the round heads of the small world and named figures with one by default.
        group_b: words of the second group; its square heads by default.
        pictures: counted for each concept, before and after, 4 to 256.
        strength: of the mitigation, 0 to 1; 1 gives both groups equal shares.
        settings: of the decompositions, by name; their defaults otherwise.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always audit.
        weights: first 12 digits of the hash of the model.
        group_a: words of the first group.
        group_b: words of the second group.
        rows: for each concept its shares, leaning, and rates measured, reconstructed, mitigated and planted.
        strength: of the mitigation.
        correlation: rank correlation of leaning and measured rate.
        measured_by: what counts.
        sheet: layout of audit.png.
        caution: what such a figure does not say.
        seconds: how long it took.
    """
    plain = requests.AuditRequest(concepts=tuple(concepts))
    return requests.AuditRequest(
        concepts=tuple(concepts),
        group_a=plain.group_a if group_a is None else tuple(group_a),
        group_b=plain.group_b if group_b is None else tuple(group_b),
        pictures=pictures,
        strength=strength,
        settings=settings_of(tier, settings),
        tier=tier,
        model=model,
    )


@CALLS.endpoint(
    example={"one": "snowman", "other": "frostling"},
    command="run conceptor compare --set one=snowman --set other=frostling --out result",
    grad=True,
)
def conceptor_compare(
    one: str,
    other: str,
    settings: dict[str, Any] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.CompareRequest:
    """Lay the decompositions of two concepts side by side: shared words, and the meanings of each.

    Args:
        one: a word that the model knows.
        other: another one.
        settings: of the decompositions, by name; their defaults otherwise.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always compare.
        weights: first 12 digits of the hash of the model.
        one: the first concept with its elements and meanings.
        other: the second.
        shared: words that both have.
        jaccard: shared words over all words.
        cosine: of the two vectors of shares.
    """
    return requests.CompareRequest(
        one=one, other=other, settings=settings_of(tier, settings), tier=tier, model=model
    )


@CALLS.endpoint(example={"num_words": 1}, grad=True)
def conceptor_check(
    num_words: int = 1, seed: int = 0, steps: int = 120, tier: TierName = "embedded"
) -> requests.CheckRequest:
    """Take planted words apart whose recipe is known, and count what was found, beside the simple way.

    Args:
        num_words: how many, 1 to 12; each is learnt from the start.
        seed: which words, and of every draw.
        steps: learning steps.
        tier: embedded; the recipes are those of the small world.

    Returns:
        kind: always check.
        weights: first 12 digits of the hash of the model.
        rows: questions with what was measured, n, interval, the simple way and chance.
        cases: the words with their elements and truth.
        sheet: layout of check.png.
        seconds: how long it took.
    """
    return requests.CheckRequest(num_words=num_words, seed=seed, steps=steps, tier=tier)


@CALLS.endpoint(example={"preset": "smoke"}, grad=True)
def conceptor_train(
    preset: requests.Preset = "smoke", resume: bool = True
) -> requests.TrainRequest:
    """Teach the text tower of the small model to read sums of words, on the machine of the hub.

    Args:
        preset: smoke (seconds, proves the recipe), cpu (half an hour) or gpu.
        resume: go on from the last checkpoint of the same preset.

    Returns:
        kind: always train.
        weights: first 12 digits of the hash of the new weights.
        preset: the one that was asked for.
        steps: of the recipe.
        points: the curve: step, error on sums, and the change of ordinary captions.
        captions: the sums in samples.png, drawn before in its first row and after in its second.
        sheet: layout of samples.png.
        seconds: how long it took.
    """
    return requests.TrainRequest(preset=preset, resume=resume)
