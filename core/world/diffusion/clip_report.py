"""How well the small CLIP tells edits apart, and the folder it is shipped in."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from core.training import Card, device_name, read_curve, save_weights, write_card
from core.world import sampling
from core.world.curriculum import Curriculum
from core.world.diffusion import clip
from core.world.diffusion.clip import ClipTraining
from core.world.diffusion.intervals import wilson
from core.world.diffusion.judge import Judge
from core.world.render import render

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer


def measure(judge: Judge, c: Curriculum, n: int = 600) -> dict[str, Any]:
    """What a text score is worth: how often the edited picture fits its text better than the source.

    Args:
        judge: with a CLIP.
        c: its curriculum.
        n: edits of every family, and pictures whose kind is named.

    Returns:
        "n", "edits" (share right; chance is 0.5) with its interval, "families", and "kind": how often
        "a photo of a {kind}" of the right kind is the best of all (chance is one over their number).
    """
    rng = np.random.default_rng((clip.CHECK, 0))
    found = clip.pairs(rng, c, n)
    texts = list(dict.fromkeys(text for _, _, text, _ in found))
    told = judge.embed_text(texts)
    before = judge.embed(render([p[0] for p in found]))
    after = judge.embed(render([p[1] for p in found]))
    rows = told[[texts.index(text) for _, _, text, _ in found]]
    right = ((after * rows).sum(1) > (before * rows).sum(1)).numpy()
    families: dict[str, list[bool]] = defaultdict(list)
    for hit, (_, _, _, family) in zip(right, found, strict=True):
        families[family].append(bool(hit))
    scenes = [sampling.subject_scene(rng, c) for _ in range(n)]
    prompts = judge.embed_text([f"a photo of a {kind}" for kind in c.kinds])
    best = (judge.embed(render(scenes)) @ prompts.T).argmax(1).tolist()
    kinds = [c.kinds[k] == s.entities[0].kind for k, s in zip(best, scenes, strict=True)]
    low, high = wilson(int(right.sum()), n)
    return {
        "n": n,
        "edits": round(float(right.mean()), 4),
        "interval": [round(low, 4), round(high, 4)],
        "families": {k: round(float(np.mean(v)), 4) for k, v in sorted(families.items())},
        "kind": round(float(np.mean(kinds)), 4),
    }


def save(
    model: CLIPModel, tokenizer: CLIPTokenizer, cfg: ClipTraining, out: Path, seconds: float
) -> Path:
    """Measure a trained CLIP and write the folder that `CLIPModel.from_pretrained` reads; return it."""
    folder = out / "weights"
    half: Any = model.half().float()  # as it will be read
    measured = measure(Judge(half, tokenizer), cfg.curriculum, 24 if cfg.name == "smoke" else 600)
    config = {**half.config.to_dict(), "architectures": ["CLIPModel"], "world": cfg.world}
    save_weights(folder, half.state_dict(), {**config, "measured": measured})
    tokenizer.save_pretrained(folder)
    curve = read_curve(out / "curve.jsonl")
    kept = [{k: row[k] for k in ("step", "contrast", "image", "text")} for row in curve]
    families = [
        {"edit": name, "share right": share} for name, share in measured["families"].items()
    ]
    write_card(
        folder / "CARD.md",
        Card(
            title="Small CLIP of the captioned world",
            summary="A `CLIPModel` that scores how well a 64x64 picture of this world fits a text. Its text "
            f"score puts the edited picture above the source for {100 * measured['edits']:.1f} % of "
            f"{measured['n']} fresh edits (chance 50 %), and names the kind of {100 * measured['kind']:.1f} % "
            f"of {measured['n']} pictures among {len(cfg.curriculum.kinds)}.",
            command=f"python -m core.world.diffusion.instruments clip --preset {cfg.name} --out OUT",
            seed=cfg.seed,
            minutes=seconds / 60,
            device=device_name("cuda" if torch.cuda.is_available() else "cpu"),
            data=[
                f"Drawn while training: {cfg.num_steps * cfg.batch_size:,} pictures of the {cfg.world} world, "
                "each seen once; half of them edits, before and after. All pictures of which a caption is "
                "true are its positives. In training only, a second head names the words that can be seen."
            ],
            curve=kept[:: max(1, len(kept) // 12)],
            scores=families,
            limits=["It knows the words of this world only, and says something of any photograph."],
        ),
    )
    return folder
