"""The small CLIP of the world: an ordinary `transformers.CLIPModel`, trained with exact positives.

Most captions fit several pictures of a batch ("a photo of a dog"), and here that is known: a caption's
positives are all pictures of which it is true. Half of each batch are edits, before and after, so that a
wrong pose with everything else alike is the ordinary negative.
"""

# B pictures of a batch, T tokens, W words

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.cache.construction import construction
from core.training import Ema, OnStep, Run, accelerator_for, cosine_with_warmup, fit
from core.world import asking, curriculum, sampling, truth
from core.world.curriculum import Curriculum
from core.world.diffusion import vocabulary
from core.world.diffusion.judge import prepared
from core.world.diffusion.vae import initialise
from core.world.language import Description, describe, shorten, write
from core.world.planting import planted_scene
from core.world.render import render
from core.world.scene import Scene

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer

TRAIN, CHECK = 70, 71  # streams; no other part of the world begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTraining:
    """Everything that decides the weights of the small CLIP."""

    name: str
    world: str = "small"
    image_size: int = 64
    patch_size: int = 8
    hidden: int = 128
    vision_layers: int = 4
    text_layers: int = 2
    heads: int = 4
    projection: int = 128
    max_length: int = 24
    num_steps: int = 1_200
    batch_size: int = 96
    lr: float = 1.5e-3
    warmup_steps: int = 150
    weight_decay: float = 0.05
    ema_decay: float = 0.998
    words: float = 2.0  # weight of naming the words that can be seen, in training only
    mixed_precision: str = "bf16"
    seed: int = 0
    save_every: int = 250
    log_every: int = 25

    @property
    def curriculum(self) -> Curriculum:
        """The part of the world that is learnt."""
        return getattr(curriculum, self.world)()


def smoke() -> ClipTraining:
    """Seconds on one core: proves the recipe, teaches nothing."""
    return ClipTraining(
        name="smoke", world="tiny", patch_size=16, hidden=16, vision_layers=1, text_layers=1, heads=2, projection=8,
        num_steps=8, batch_size=8, warmup_steps=2, mixed_precision="no", save_every=4, log_every=2,
    )  # fmt: skip


def cpu() -> ClipTraining:
    """The shipped weights: under an hour on one core."""
    return ClipTraining(name="cpu")


def gpu() -> ClipTraining:
    """The whole world on an accelerator."""
    return ClipTraining(
        name="gpu", world="full", hidden=192, vision_layers=8, text_layers=4, heads=6, projection=192,
        num_steps=30_000, batch_size=512, lr=1e-3, save_every=2_000, log_every=100,
    )  # fmt: skip


PRESETS = {"smoke": smoke, "cpu": cpu, "gpu": gpu}


@construction()
def build(cfg: ClipTraining, tokenizer: CLIPTokenizer) -> CLIPModel:
    """An untrained CLIP of the sizes in `cfg`."""
    from transformers import CLIPConfig, CLIPModel

    special: Any = tokenizer
    shape = {
        "hidden_size": cfg.hidden,
        "intermediate_size": 4 * cfg.hidden,
        "num_attention_heads": cfg.heads,
        "projection_dim": cfg.projection,
    }
    text = {
        **shape,
        "num_hidden_layers": cfg.text_layers,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": cfg.max_length,
        "bos_token_id": special.bos_token_id,
        "eos_token_id": special.eos_token_id,
        "pad_token_id": special.pad_token_id,
    }
    vision = {
        **shape,
        "num_hidden_layers": cfg.vision_layers,
        "image_size": cfg.image_size,
        "patch_size": cfg.patch_size,
    }
    return CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=cfg.projection)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A caption and what it says: a description, or one word of the one-word template."""

    text: str
    said: Description = field(default_factory=Description)
    word: str = ""

    def true_of(self, scene: Scene) -> bool:
        """Whether the caption fits a picture."""
        return truth.present(self.word, scene) if self.word else truth.holds(self.said, scene)


def examples(rng: np.random.Generator, c: Curriculum, n: int) -> tuple[list[Scene], list[Claim]]:
    """Scenes with a true caption each; half of them are edits, before and after."""
    scenes: list[Scene] = []
    claims: list[Claim] = []
    while len(scenes) < n:
        if len(scenes) < n // 2:
            edit, text = asking.random_edit(rng, c)
            before = _telling(rng, c, edit.before, edit.after)
            scenes += [edit.before, edit.after]
            claims += [before, Claim(text=text, said=edit.target)]
            continue
        scene, claim = _plain(rng, c)
        scenes.append(scene)
        claims.append(claim)
    return scenes[:n], claims[:n]


def _plain(rng: np.random.Generator, c: Curriculum) -> tuple[Scene, Claim]:
    names = [use for use, _ in c.mix]
    use = str(rng.choice(names, p=[share for _, share in c.mix]))
    if use == "template":
        scene, word = sampling.template_scene(rng, c)
        return scene, Claim(text=f"a photo of a {word}", word=word)
    if use == "planted":
        word = sampling.pick(rng, c.planted)
        return planted_scene(rng, c, word), Claim(text=f"a photo of a {word}", word=word)
    scene = sampling.pair_scene(rng, c) if use == "pair" else sampling.subject_scene(rng, c)
    return scene, _said(rng, c, shorten(describe(scene), rng))


def _said(rng: np.random.Generator, c: Curriculum, said: Description) -> Claim:
    return Claim(text=write(said, rng, synonyms=c.synonyms), said=said)


def _telling(rng: np.random.Generator, c: Curriculum, scene: Scene, other: Scene) -> Claim:
    """A caption of a scene that is, if it can be, not true of another."""
    whole = describe(scene)
    for _ in range(6):
        said = shorten(whole, rng)
        if not truth.holds(said, other):
            return _said(rng, c, said)
    return _said(rng, c, whole)


def positives(scenes: Sequence[Scene], claims: Sequence[Claim]) -> Tensor:
    """Of which picture which caption is true, (B, B) float32, pictures in rows."""
    true = [[claim.true_of(scene) for claim in claims] for scene in scenes]
    return torch.tensor(true, dtype=torch.float32)


def vocabulary_of(c: Curriculum) -> tuple[str, ...]:
    """Words that can be seen in a picture: what the net is asked to name while it is trained."""
    poses = (p for k in c.kinds for p in c.poses(k) if p)
    return tuple(dict.fromkeys((*c.kinds, *poses, *c.colours, *c.textures, *c.backgrounds, *c.accessories, "small")))  # fmt: skip


class Contrast(nn.Module):
    """The CLIP together with its loss, as one forward, so that processes can share it."""

    def __init__(self, clip: CLIPModel, cfg: ClipTraining, words: tuple[str, ...]) -> None:
        super().__init__()
        self.clip, self.cfg = clip, cfg
        self.naming = nn.Linear(cfg.hidden, len(words))

    def forward(
        self, x: Tensor, ids: Tensor, mask: Tensor, true: Tensor, seen: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and the shares of first choices that are true.

        Args:
            x: (B, 3, S, S) pictures as CLIP sees them.
            ids: (B, T) tokens.
            mask: (B, T) which of them count.
            true: (B, B) of which picture which caption is true.
            seen: (B, W) words that can be seen.
        """
        clip: Any = self.clip
        pooled = clip.vision_model(pixel_values=x).pooler_output
        image = F.normalize(clip.visual_projection(pooled).float(), dim=-1)
        told = clip.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
        text = F.normalize(told.float(), dim=-1)
        logits = clip.logit_scale.float().clamp(max=4.6052).exp() * image @ text.T
        loss = 0.5 * (_spread(logits, true) + _spread(logits.T, true.T))
        named = F.binary_cross_entropy_with_logits(self.naming(pooled).float(), seen)
        values = {
            "contrast": loss.detach(),
            "image": _hit(logits, true),
            "text": _hit(logits.T, true.T),
        }
        return loss + self.cfg.words * named, values


def _spread(logits: Tensor, true: Tensor) -> Tensor:
    """Cross entropy with all positives of a row as likely (Khosla et al. 2020, arXiv 2004.11362)."""
    share = true / true.sum(1, keepdim=True)
    return -(share * logits.log_softmax(1)).sum(1).mean()


def _hit(logits: Tensor, true: Tensor) -> Tensor:
    best = logits.detach().argmax(1)
    return true[torch.arange(len(true), device=true.device), best].mean()


def batch(
    rng: np.random.Generator, cfg: ClipTraining, tokenizer: CLIPTokenizer, words: tuple[str, ...], n: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """What `Contrast` takes, drawn anew."""
    c = cfg.curriculum
    scenes, claims = examples(rng, c, n)
    x = prepared(render(scenes, size=cfg.image_size), cfg.image_size)
    said = tokenizer(
        [claim.text for claim in claims],
        padding="longest", max_length=cfg.max_length, truncation=True, return_tensors="pt",
    )  # fmt: skip
    seen = torch.tensor([[truth.present(w, s) for w in words] for s in scenes], dtype=torch.float32)
    return x, said.input_ids, said.attention_mask, positives(scenes, claims), seen


def train(
    cfg: ClipTraining,
    out: Path,
    *,
    resume: bool = False,
    on_step: OnStep | None = None,
    check: Callable[[], None] | None = None,
) -> tuple[CLIPModel, CLIPTokenizer, float]:
    """Train, and return the averaged CLIP on the CPU, its tokenizer, and the seconds that it took.

    Args:
        cfg: a preset, or one of your own.
        out: checkpoints and `curve.jsonl` go here.
        resume: go on from the newest checkpoint.
        on_step: called after each logged step.
        check: called before every step; it may raise to stop.
    """
    accelerator = accelerator_for(cfg.mixed_precision)
    tokenizer = vocabulary.build(cfg.curriculum, cfg.max_length)
    words = vocabulary_of(cfg.curriculum)
    model = Contrast(build(cfg, tokenizer), cfg, words)
    _initialise(model, cfg.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=cfg.lr, betas=(0.9, 0.98), weight_decay=cfg.weight_decay, fused=True
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    run = Run(model, optimizer, Ema(accelerator.unwrap_model(model), cfg.ema_decay))
    share = cfg.batch_size // accelerator.num_processes

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng((cfg.seed, TRAIN, step, accelerator.process_index))
        given = batch(rng, cfg, tokenizer, words, share)
        loss, values = model(*(t.to(accelerator.device) for t in given))
        return loss, {k: float(v) for k, v in values.items()}

    fit(
        run,
        loss_of,
        num_steps=cfg.num_steps,
        lr_of=lambda k: cfg.lr * cosine_with_warmup(k, cfg.num_steps, cfg.warmup_steps),
        out=out,
        accelerator=accelerator,
        resume=resume,
        save_every=cfg.save_every,
        log_every=cfg.log_every,
        clip_norm=1.0,
        on_step=on_step,
        check=check,
    )
    assert run.ema is not None
    trained = build(cfg, tokenizer)
    own = trained.state_dict()
    state = {k.removeprefix("clip."): v for k, v in run.ema.state.items() if k.startswith("clip.")}
    trained.load_state_dict({**own, **state})
    return trained.eval().requires_grad_(False), tokenizer, run.seconds


def _initialise(model: Contrast, seed: int) -> None:
    """Draw the weights from a generator of our own; embeddings of places small, as CLIP has them."""
    generator = torch.Generator().manual_seed(seed)
    initialise(model, generator)
    vision: Any = model.clip.vision_model
    nn.init.normal_(vision.embeddings.class_embedding, std=0.02, generator=generator)


def pairs(rng: np.random.Generator, c: Curriculum, n: int) -> list[tuple[Scene, Scene, str, str]]:
    """Edits to tell apart: before, after, the text that is true of the second alone, and its family."""
    out = []
    for _ in range(n):
        edit, text = asking.random_edit(rng, c)
        out.append((edit.before, edit.after, text, edit.family))
    return out
