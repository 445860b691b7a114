"""What a concept is learnt from: its own pictures, and the words that it may be written in."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from core.world.diffusion.parts import Pictures

from . import choosing, shelf, tokens
from .borrowing import Bench
from .choosing import Chosen
from .config import Settings
from .denoising import Pairs, bank
from .drawing import latents_of, own, seeds_of
from .following import Follower


@dataclass
class Material:
    """What a concept is learnt from.

    Attributes:
        training: latents of the pictures that are learnt from.
        pictures: of the validation latents.
        chosen: the dictionary.
        pairs: the fixed bank, of validation latents.
    """

    training: Tensor
    pictures: Pictures
    chosen: Chosen
    pairs: Pairs


def gather(b: Bench, concept: str, settings: Settings, follower: Follower) -> Material:
    """Draw the pictures and choose the words.

    Args:
        b: the bench.
        concept: that `check_concept` has seen.
        settings: how many pictures, and which words.
        follower: told how far it is.

    Raises:
        InputError: no word is left.
    """
    own_prompt = own(b, concept)
    with follower.stage("pictures"):
        seeds = seeds_of("validation", settings.validation_pictures, settings.seed)
        validation = latents_of(b, own_prompt, seeds, settings, follower.tick)
        pictures = b.model.decode(validation)
        follower.row(concept=pictures)
        seeds = seeds_of("training", settings.training_pictures, settings.seed)
        training = latents_of(b, own_prompt, seeds, settings, follower.tick)
    with follower.stage("dictionary"):
        chosen = _dictionary(b, concept, settings, training, follower)
    return Material(
        training=training,
        pictures=pictures,
        chosen=chosen,
        pairs=bank(validation[: settings.bank_pictures], settings.bank_pairs, b.model.num_times),
    )


def _dictionary(
    b: Bench, concept: str, settings: Settings, training: Tensor, follower: Follower
) -> Chosen:
    def tell(share: float) -> None:
        follower.show(step=round(100 * share), of=100)

    live = tokens.live(b.model, b.tier, settings.dictionary, b.world)
    texts = shelf.texts_of(b.judge, live, b.tier, tell)
    seen = said = None
    if texts is not None:
        seen = b.judge.embed(b.model.decode(training)).mean(0)
        said = choosing.features(b.judge, [concept], choosing.templates_of(b.tier))[0]
    return choosing.choose(
        b.model, live, concept, settings,
        tier=b.tier, texts=texts, concept_text=said, pictures=seen,
    )  # fmt: skip
