"""Made-up results of every verb with real pictures of the world; they stand in where no weights are needed."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from core.methods.conceptor import requests, results, truth
from core.methods.conceptor.results import (
    AuditRow,
    CheckCase,
    CheckRow,
    Distribution,
    Element,
    Losses,
    Meaning,
    Point,
    Rate,
    Repeat,
    Sheet,
    Side,
    Similarity,
    Stage,
)
from core.methods.conceptor.rethreshold import leave_out
from core.world.curriculum import small
from core.world.diffusion.training_job import TrainPoint
from core.world.planting import planted_scene
from core.world.render import render

SHARES = {
    "snow": 0.24, "ball": 0.2, "white": 0.16, "carrot": 0.11, "hat": 0.09, "cat": 0.06, "scarf": 0.05,
    "star": 0.04, "balloon": 0.03, "door": 0.02,
}  # fmt: skip
WORDS = tuple(SHARES)
TILE = 64


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def row(word, count):
    """Pictures of a planted word, drawn by the world itself, side by side."""
    scenes = [planted_scene(np.random.default_rng([5, k]), small(), word) for k in range(count)]
    return np.concatenate(list(render(scenes, size=TILE)), axis=1)


def sheet(file, columns, rows=1):
    return Sheet(file=file, rows=rows, columns=columns, tile=TILE)


def elements(words=WORDS, repeats=3):
    total = sum(SHARES[w] for w in words)
    return tuple(
        Element(
            word=w,
            share=round(SHARES[w] / total, 5),
            alpha=0.3,
            forms=(w,),
            mean=round(SHARES[w] / total * 0.95, 5),
            spread=round(0.02 + 0.1 * SHARES[w], 5),
            kept=repeats - (k % repeats if k > 4 else 0),
            loss=round(0.004 * SHARES[w] - 0.0001, 6),
            column=k,
        )
        for k, w in enumerate(words)
    )


def curve(shift=0.0):
    return tuple(
        Point(step=s, loss=0.16 + 0.06 * 0.98**s + shift, sparsity=0.4 * 0.985**s)
        for s in range(0, 201, 40)
    )


def decompose_result(concept="snowman", repeats=3, **changes):
    found = elements(repeats=repeats)
    told = truth.against(concept, [(e.word, e.share) for e in found], WORDS * 17)
    files = {
        "concept.png": png(row("snowman", 8)),
        "reconstruction.png": png(row("frostling", 8)),
        "tokens.png": png(row("snowman", len(found))),
        "mixture.png": png(row("frostling", 16)),
        "coefficients.json": b"{}\n",
        "concept.safetensors": b"",
    }
    files["picture.png"] = files["concept.png"]
    given = {
        "weights": "abcdef123456", "concept": concept, "elements": found, "dictionary": 168,
        "excluded": (concept, f"{concept}s"), "stable": True,
        "verdict": "“snow”, “ball” and “white” together hold 60% of the sum. Two repeats have 80% of their first words in common.",
        "agreement": 0.8 if repeats > 1 else None,
        "repeats": tuple(Repeat(seed=k, steps=200, kept=160, curve=curve(0.004 * k), top=WORDS) for k in range(repeats)),
        "chosen": None if repeats > 1 else 0,
        "losses": Losses(concept=0.1512, whole=0.1533, kept=0.1561, nearest=0.1804, chance=0.2133),
        "similarity": Similarity(image=0.91, pairs=(0.95, 0.9, 0.88, 0.91, 0.93, 0.9, 0.92, 0.89), seen=0.82),
        "distribution": Distribution(kind="blend", mixture=0.21, drawn=("snow", "ball") * 8, words_apart=0.4, kept_apart=0.1),
        "truth": told, "pictures": sheet("concept.png", 8), "reconstruction": sheet("reconstruction.png", 8),
        "tokens": sheet("tokens.png", len(found)), "mixture": sheet("mixture.png", 16),
        "stages": (Stage(name="pictures", seconds=12.3, passes=1920), Stage(name="learning", seconds=51.0, passes=14400)),
        "seconds": 74.2, "base_before": "a" * 64, "base_after": "a" * 64, "files": files,
    }  # fmt: skip
    return results.DecomposeResult(**(given | changes))


def explain_result(**changes):
    """The log is that of the real rule, over likenesses that fall with every share that is missing."""
    words = tuple(reversed(WORDS))
    groups = {w: (w,) for w in words}
    left, log = leave_out(words, groups, lambda rest: round(0.62 + 0.38 * sum(SHARES[w] for w in rest), 4), 0.93)  # fmt: skip
    kept = tuple(replace(e, column=k) for k, e in enumerate(elements(left)))
    given = {
        "weights": "abcdef123456", "concept": "snowman", "seed": 3, "target": "original", "likeness": 0.94,
        "threshold": 0.93, "survivors": kept, "words": words, "groups": tuple(groups[w] for w in words),
        "log": tuple(log), "similarity": 0.945, "three": sheet("three.png", 3), "steps": sheet("steps.png", len(log)),
        "alone": sheet("survivors.png", len(left)), "seen": "a white ball in the snow", "seconds": 9.4,
        "files": {
            "three.png": png(row("snowman", 3)), "steps.png": png(row("snowman", len(log))),
            "survivors.png": png(row("frostling", len(left))), "picture.png": png(row("snowman", 3)),
        },
    }  # fmt: skip
    return results.ExplainResult(**(given | changes))


def mix_result(request=None, **changes):
    asked = request or requests.MixRequest(concept="snowman", factors={"snow": 3.0}, mute=("hat",))
    seeds = asked.seeds
    before = elements()
    share = {e.word: e.share * asked.factors.get(e.word, 1.0) for e in before if e.word not in asked.mute}  # fmt: skip
    if asked.solo:
        share = {asked.solo: 1.0}
    total = sum(share.values()) or 1.0
    after = tuple(replace(e, share=round(share[e.word] / total, 5)) for e in before if e.word in share)  # fmt: skip
    file = png(np.concatenate([row("snowman", len(seeds)), row("frostling", len(seeds))], axis=0))
    given = {
        "weights": "abcdef123456", "concept": asked.concept, "seeds": seeds, "before": before, "after": after,
        "sheet": sheet("mix.png", len(seeds), 2), "likeness": (0.8,) * len(seeds),
        "seen_before": {"snow": 0.75, "hat": 0.5}, "seen_after": {"snow": 1.0, "hat": 0.0},
        "token": "<conceptor-snowman>", "seconds": 4.1,
        "files": {"mix.png": file, "mixed.safetensors": b"", "picture.png": file},
    }  # fmt: skip
    return results.MixResult(**(given | changes))


def rate(value, n=32):
    half = 0.16
    return Rate(value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n)


def audit_result(**changes):
    rows = tuple(
        AuditRow(
            concept=word, share_a=0.1 * planted, share_b=0.1 * (1 - planted), leaning=round(1.6 * planted - 0.8, 3),
            measured=rate(planted), reconstructed=rate(planted), mitigated=rate(0.5 + 0.2 * (planted - 0.5)), planted=planted,
        )
        for word, planted in (("doctor", 0.05), ("farmer", 0.2), ("sailor", 0.6), ("judge", 0.9), ("artist", 0.95))
    )  # fmt: skip
    file = png(np.concatenate([row(r.concept, 8) for r in rows for _ in range(2)], axis=0))
    given = {
        "weights": "abcdef123456", "group_a": ("roundhead",), "group_b": ("squarehead",), "rows": rows, "strength": 1.0,
        "correlation": 0.97, "measured_by": "the scene probe", "sheet": sheet("audit.png", 8, 2 * len(rows)),
        "caution": "These figures are of one model and one prompt.", "seconds": 61.0,
        "files": {"audit.png": file, "picture.png": file},
    }  # fmt: skip
    return results.AuditResult(**(given | changes))


def compare_result(**changes):
    other = tuple(replace(e, share=round(0.5 * e.share, 5)) for e in elements(WORDS[:3]))
    meanings = (Meaning(words=("spiral", "black"), pictures=(0, 2, 3)), Meaning(words=("tree",), pictures=(1, 4, 5, 6, 7)))  # fmt: skip
    given = {
        "weights": "abcdef123456", "shared": ("snow", "ball", "white"), "jaccard": 0.3, "cosine": 0.61,
        "one": Side(concept="snowman", elements=elements(), meanings=(), apart=0.05, pictures=sheet("one.png", 8)),
        "other": Side(concept="spring", elements=other, meanings=meanings, apart=0.44, pictures=sheet("other.png", 8)),
        "files": {"one.png": png(row("snowman", 8)), "other.png": png(row("spring", 8)), "picture.png": png(row("snowman", 8))},
    }  # fmt: skip
    return results.CompareResult(**(given | changes))


def check_result(**changes):
    told = decompose_result()
    rows = (
        CheckRow(name="parts of the recipe found", question="Which share?", value=0.8, n=5, interval=(0.38, 0.96),
            baseline=0.4, baseline_name="nearest by CLIP", chance=0.06),
        CheckRow(name="scale", question="Does w* stay?", value=0.0, unit="", better="lower", passed=True),
    )  # fmt: skip
    assert told.truth is not None
    case = CheckCase(concept="snowman", elements=told.elements, truth=told.truth, verdict=told.verdict)  # fmt: skip
    file = png(np.concatenate([row("snowman", 8), row("frostling", 8)], axis=0))
    given = {
        "weights": "abcdef123456", "rows": rows, "cases": (case,), "sheet": sheet("check.png", 8, 2), "seconds": 80.0,
        "files": {"check.png": file, "picture.png": file},
    }  # fmt: skip
    return results.CheckResult(**(given | changes))


def train_result(**changes):
    points = tuple(
        TrainPoint(stage=stage, step=k, loss=1.0 / (1 + k))
        for stage, steps in (("vae", range(0, 40, 10)), ("unet", range(40, 100, 10)))
        for k in steps
    )
    given = {
        "weights": "abcdef123456", "preset": "smoke", "steps": 100, "points": points, "captions": ("a dog", "a cat"),
        "sheet": sheet("samples.png", 2), "seconds": 60.0,
        "files": {"samples.png": png(row("snowman", 2)), "model.zip": b"PK"},
    }  # fmt: skip
    return results.TrainResult(**(given | changes))


def glimpse(step=80, **changes):
    given = {
        "stage": "learning", "step": step, "of": 200, "repeat": 1, "repeats": 3, "words": tuple(SHARES.items()),
        "curve": curve()[: 1 + step // 40], "concept": png(row("snowman", 8)), "current": png(row("frostling", 4)), "columns": 8,
    }  # fmt: skip
    return results.Glimpse(**(given | changes))


EVERY = {
    "decompose": decompose_result,
    "explain": explain_result,
    "mix": mix_result,
    "audit": audit_result,
    "compare": compare_result,
    "check": check_result,
    "train": train_result,
}
