"""What is known of a planted word, and how much of it a decomposition found (no torch).

The recipe tables of the world are the truth: what was drawn for a word, and how often. A synonym counts as its word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.world import words as world_words
from core.world.diffusion.intervals import spearman
from core.world.recipes import RECIPES, Recipe

from .config import TOP
from .results import Truth, TruthPart

RARE = 0.1  # elements that were drawn less often than this are not asked for


def canonical(word: str) -> str:
    """The word that stands for its synonyms."""
    return world_words.SYNONYMS.get(word, word)


def said_by(atom: str) -> frozenset[str]:
    """The words that say an element of a recipe, such as "wings" and "spread" for "wings spread"."""
    found = {canonical(w) for w in atom.split() if w not in world_words.FUNCTION_WORDS}
    if "spread" in found:
        found.add("spreading")
    return frozenset(found)


def planted(concept: str) -> Recipe | None:
    """The recipe of a concept, where it is a planted word."""
    return RECIPES.get(concept)


def elements(recipe: Recipe) -> dict[str, float]:
    """What a decomposition should find: elements with their probability, the rare ones left out."""
    return {atom: p for atom, p in recipe.atoms.items() if p >= RARE}


def rank_of(atom: str, found: Sequence[str]) -> int | None:
    """Place of an element among found words, 1 for the first."""
    wanted = said_by(atom)
    return next((k for k, word in enumerate(found, 1) if canonical(word) in wanted), None)


def chance_of(atoms: Sequence[str], dictionary: Sequence[str], n: int = TOP) -> float:
    """The recall that `n` random entries of a dictionary would reach."""
    entries = set(dictionary)
    size, total = len(entries), 0.0
    if not atoms or not size:
        return 0.0
    n = min(n, size)
    for atom in atoms:
        hits = sum(canonical(word) in said_by(atom) for word in entries)
        total += 1 - math.comb(size - hits, n) / math.comb(size, n)
    return total / len(atoms)


def against(
    concept: str,
    found: Sequence[tuple[str, float]],
    dictionary: Sequence[str],
    probabilities: Mapping[str, float] | None = None,
) -> Truth | None:
    """A decomposition beside the recipe.

    Args:
        concept: what was taken apart.
        found: words with their shares, the largest first.
        dictionary: entries that could be chosen.
        probabilities: of the elements, if not those that were planted: say what the model itself draws.

    Returns:
        None where the concept is no planted word. The null word has no parts.
    """
    recipe = planted(concept)
    if recipe is None:
        return None
    wanted = elements(recipe)
    first = [word for word, _ in found[:TOP]]
    parts = []
    for atom, probability in wanted.items():
        words = said_by(atom)
        share = sum(s for word, s in found if canonical(word) in words)
        rank = rank_of(atom, [word for word, _ in found])
        parts.append(TruthPart(word=atom, planted=round(probability, 4), rank=rank, share=round(share, 5)))  # fmt: skip
    hits = [rank_of(atom, first) is not None for atom in wanted]
    weights = [probabilities.get(p.word, p.planted) if probabilities else p.planted for p in parts]
    return Truth(
        category=recipe.category,
        parts=tuple(parts),
        recall=round(sum(hits) / len(hits), 4) if hits else 0.0,
        chance=round(chance_of(list(wanted), dictionary), 4),
        correlation=correlation(weights, [p.share for p in parts]),
        meanings=meanings(recipe, first),
    )


def correlation(planted_weights: Sequence[float], found_shares: Sequence[float]) -> float | None:
    """Spearman's, or None where an order cannot be asked for: under three elements, or all equally probable."""
    if len(planted_weights) < 3 or len(set(planted_weights)) < 2:
        return None
    return round(spearman(planted_weights, found_shares), 4)


def meanings(recipe: Recipe, first: Sequence[str]) -> tuple[bool, ...]:
    """For a homograph, whether each meaning has a word of its own among the first ones."""
    if recipe.category != "homograph":
        return ()
    said = [frozenset().union(*(said_by(a) for a, _ in m.atoms)) for m in recipe.meanings]
    out = []
    for k, words in enumerate(said):
        own = words - frozenset().union(*(other for j, other in enumerate(said) if j != k))
        out.append(any(canonical(word) in own for word in first))
    return tuple(out)
