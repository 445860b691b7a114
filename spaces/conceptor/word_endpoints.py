"""The public endpoints about one concept: decompose, explain, mix."""

from __future__ import annotations

from typing import Any

from . import requests
from .config import Choice, Words
from .endpoint_parts import CALLS, settings_of
from .requests import ModelName, Target, TierName


@CALLS.endpoint(
    example={"concept": "snowman"},
    command="run conceptor decompose --set concept=snowman --out result",
    grad=True,
)
def conceptor_decompose(
    concept: str,
    n: int | None = None,
    sparsity: float | None = None,
    steps: int | None = None,
    training_pictures: int | None = None,
    repeats: int | None = None,
    seed: int = 0,
    dictionary: Words | None = None,
    exclude_concept: bool = True,
    choice: Choice = "bank",
    guidance: float | None = None,
    settings: dict[str, Any] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.DecomposeRequest:
    """Take a concept apart into a weighted sum of words that makes the model draw the same pictures.

    Args:
        concept: a word that the model knows, or a few.
        n: words that are kept, 1 to 100; 10, and 50 in the full tier.
        sparsity: weight of the term that wants few words to say it all, 0 to 1.
        steps: learning steps of one repeat, 1 to 1000.
        training_pictures: pictures of the concept that are learnt from, 4 to 100.
        repeats: how often it is learnt anew, 1 to 5; several show how sure the words are.
        seed: of every draw.
        dictionary: all words, or the atoms alone: those that mean something by themselves; atoms, and all in the full tier.
        exclude_concept: leave the concept and its near-synonyms out of the dictionary.
        choice: how candidates are compared: by the loss on a fixed bank, or by pictures.
        guidance: weight of classifier-free guidance, 1 to 12.
        settings: further settings by name, such as {"lr": 0.001}.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always decompose.
        weights: first 12 digits of the hash of the model.
        concept: what was taken apart.
        elements: the kept words with share, alpha, mean and spread over repeats, loss without each.
        dictionary: number of tokens that could be chosen.
        excluded: words left out as the concept itself or its near-synonyms.
        stable: whether the decomposition means something.
        verdict: that in words.
        agreement: share of the first ten words that two repeats have in common.
        repeats: curve and words of each repeat.
        chosen: index of the repeat whose coefficients these are, or null for their mean.
        losses: of the concept, of all words, of the kept words, of nearest and of random words.
        similarity: of pictures of the kept words to the concept's pictures.
        distribution: whether the concept is a mixture or a blend.
        truth: for planted words: recipe, recall, chance, correlation.
        pictures: layout of concept.png.
        reconstruction: layout of reconstruction.png.
        tokens: layout of tokens.png.
        mixture: layout of mixture.png.
        stages: seconds and passes of each stage.
        seconds: how long learning took.
        stored: whether it was learnt before.
        ended_early: whether it was ended before its last step.
        base_before: hash of the shared model before the work.
        base_after: the same after it.
        notes: what was done to the settings.
    """
    given: dict[str, Any] = {
        "n": n, "sparsity": sparsity, "steps": steps, "training_pictures": training_pictures,
        "repeats": repeats, "guidance": guidance, "dictionary": dictionary,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    given |= {"seed": seed, "exclude_concept": exclude_concept, "choice": choice}  # fmt: skip
    return requests.DecomposeRequest(
        concept=concept,
        settings=settings_of(tier, given | (settings or {})),
        tier=tier,
        model=model,
    )


@CALLS.endpoint(
    example={"concept": "crane", "seed": 3},
    command="run conceptor explain --set concept=crane --set seed=3 --out result",
    grad=True,
)
def conceptor_explain(
    concept: str,
    seed: int = 0,
    threshold: float = 0.93,
    target: Target = "auto",
    settings: dict[str, Any] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.ExplainRequest:
    """Find the fewest words of a concept's decomposition that still draw one picture of it.

    Args:
        concept: a word that the model knows; it is taken apart first where that was not done before.
        seed: which picture of it.
        threshold: a word is dropped while the picture stays this alike, 0.5 to 0.999.
        target: what it must stay alike to: original, reconstruction, or auto.
        settings: of the decomposition, by name; its defaults otherwise.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always explain.
        weights: first 12 digits of the hash of the model.
        concept: the concept.
        seed: of the picture.
        target: what the pictures were compared with.
        likeness: cosine of original and reconstruction.
        threshold: as asked for.
        survivors: the words that are left.
        log: every try: words, what was left, similarity, whether they were removed.
        similarity: of the last picture to the target.
        three: layout of three.png.
        steps: layout of steps.png.
        alone: layout of survivors.png.
        seen: what the probe sees in the original.
        seconds: how long it took.
    """
    return requests.ExplainRequest(
        concept=concept,
        settings=settings_of(tier, settings),
        seed=seed,
        threshold=threshold,
        target=target,
        tier=tier,
        model=model,
    )


@CALLS.endpoint(
    example={"concept": "snowman", "factors": {"white": 0.0}},
    command="run conceptor mix --set concept=snowman --set factors=white:0 --out result",
    grad=True,
)
def conceptor_mix(
    concept: str,
    factors: dict[str, float] | None = None,
    solo: str = "",
    mute: list[str] | None = None,
    seeds: list[int] | None = None,
    settings: dict[str, Any] | None = None,
    tier: TierName = "embedded",
    model: ModelName = "stable-diffusion-v1-5",
) -> requests.MixRequest:
    """Draw a concept's decomposition with other weights, beside the unchanged one, from the same noise.

    Args:
        concept: a word that the model knows; it is taken apart first where that was not done before.
        factors: what the weight of a word is multiplied by, -1 to 5, such as {"white": 0, "hat": 2}.
        solo: draw this word alone.
        mute: words that are left out.
        seeds: one pair of pictures each, up to 8; 0 to 3 by default.
        settings: of the decomposition, by name; its defaults otherwise.
        tier: embedded, or full for a checkpoint of Stable Diffusion.
        model: checkpoint of the full tier.

    Returns:
        kind: always mix.
        weights: first 12 digits of the hash of the model.
        concept: the concept.
        seeds: columns of mix.png.
        before: words with their shares as learnt.
        after: the same words with their new shares.
        sheet: layout of mix.png, before above after.
        likeness: cosine of each pair.
        seen_before: how often the probe sees each word before.
        seen_after: the same after.
        token: name under which mixed.safetensors loads as a textual inversion.
        seconds: how long it took.
    """
    return requests.MixRequest(
        concept=concept,
        settings=settings_of(tier, settings),
        factors={str(k): float(v) for k, v in (factors or {}).items()},
        solo=solo,
        mute=tuple(mute or ()),
        seeds=tuple(seeds or (0, 1, 2, 3)),
        tier=tier,
        model=model,
    )
