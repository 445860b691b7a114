"""The NOSS-style probes: planted truths, chance, choice on validation, metrics, personalisation."""

import json

import numpy as np
import pytest

from core.errors import InputError
from core.methods.trill import choice, metrics, personal, probe, protocol


def planted(seed: int = 0, per_class: int = 20, classes: int = 4, width: int = 12, gap: float = 9):
    rng = np.random.default_rng(seed)
    y = np.repeat([f"class {k}" for k in range(classes)], per_class)
    x = rng.normal(size=(len(y), width))
    x[np.arange(len(y)), np.repeat(np.arange(classes), per_class)] += gap
    return x, y


@pytest.mark.parametrize("kind", probe.KINDS)
def test_planted_classes_are_found_without_error(kind):
    x, y = planted()
    head = probe.fit_classifier(x[::2], y[::2], kind)
    assert (head.predict(x[1::2]) == y[1::2]).all()
    assert np.allclose(head.predict_proba(x).sum(1), 1)


@pytest.mark.parametrize("kind", probe.KINDS)
def test_permuted_labels_give_chance(kind):
    x, y = planted(per_class=50)
    values = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(y)
        head = probe.fit_classifier(x[::2], shuffled[::2], kind)
        values.append(metrics.accuracy(shuffled[1::2], head.predict(x[1::2])))
    error = np.sqrt(0.25 * 0.75 / (100 * 6))
    assert abs(np.mean(values) - 0.25) < 3 * error


@pytest.mark.parametrize("kind", probe.KINDS)
def test_a_constant_feature_stays_finite(kind):
    x, y = planted()
    x[:, 5] = 3.0
    head = probe.fit_classifier(x, y, kind, l2=True)
    assert np.isfinite(head.predict_proba(x)).all()


def test_standardising_by_speaker_gives_mean_zero_and_std_one_for_each():
    rng = np.random.default_rng(0)
    who = np.repeat(["a", "b", "c"], 20)
    x = rng.normal(3, 5, (60, 7)) + (who == "b")[:, None] * 10
    x[who == "c", 2] = 4.0  # does not vary for this speaker
    out = probe.standardise_by_group(x, who)
    for name in "abc":
        assert np.abs(out[who == name].mean(0)).max() < 1e-5
        std = out[who == name].std(0)
        assert np.abs(std - (np.arange(7) != 2 if name == "c" else 1)).max() < 1e-5


def test_the_inverse_covariance_is_that_of_sklearn_for_wide_and_tall_data():
    from sklearn.covariance import ledoit_wolf

    rng = np.random.default_rng(0)
    for count, width in ((50, 80), (200, 30)):
        x = rng.normal(size=(count, width)) @ rng.normal(size=(width, width))
        rows = rng.normal(size=(3, width))
        covariance, _ = ledoit_wolf(x, assume_centered=True)
        expected = rows @ np.linalg.inv(covariance)
        assert np.allclose(probe._shrunk_inverse(x, rows), expected, rtol=1e-4, atol=1e-8)


def test_the_rotation_of_wide_features_changes_no_probability():
    x, y = planted(per_class=6, width=200, gap=2)
    z, basis = probe._rotate(x)
    assert basis is not None
    assert np.allclose(z @ z.T, x @ x.T)
    wide = probe.fit_classifier(x, y, C=0.1, standardise=False)
    narrow = probe.fit_classifier(np.pad(z, ((0, 0), (0, 0))), y, C=0.1, standardise=False)
    assert np.allclose(wide.predict_proba(x), narrow.predict_proba(z), atol=5e-3)


def test_a_head_survives_json_with_its_answers():
    x, y = planted(gap=2)
    head = probe.fit_classifier(x, y, l2=True, info={"layer": "layer19"})
    back = probe.Head.from_dict(json.loads(json.dumps(head.to_dict())))
    assert np.allclose(back.predict_proba(x), head.predict_proba(x), atol=1e-4)
    assert back.info == {"layer": "layer19"}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"kind": "forest"},
        {"bias": [1.0]},
        {"mean": "x"},
        {"scale": [0.0] * 12},
        {"weight": [1e999] * 48},
    ],
)
def test_a_damaged_head_is_refused_in_words(change):
    x, y = planted()
    data = probe.fit_classifier(x, y).to_dict() | change
    with pytest.raises(InputError, match="JSON file"):
        probe.Head.from_dict(data)


def test_a_head_refuses_features_of_another_layer():
    x, y = planted()
    with pytest.raises(InputError, match="12"):
        probe.fit_classifier(x, y).predict(x[:, :5])


def test_one_class_unknown_classifiers_and_nan_are_refused():
    x, y = planted()
    for arguments in ((x, ["same"] * len(x)), (x, y, "forest"), (x * np.nan, y), (x, y[:3])):
        with pytest.raises(InputError):
            probe.fit_classifier(*arguments)


def test_leave_one_out_counts_every_clip_once():
    x, y = planted(per_class=5, width=5, gap=30)
    found = probe.leave_one_out(x, y, "centroid")
    assert found.accuracy == 1
    assert found.confusion.sum() == len(x)
    assert found.interval[0] < 1 <= found.interval[1] + 1e-9
    with pytest.raises(InputError, match="Only one clip"):
        probe.leave_one_out(x[:6], y[:6])


def test_equal_error_rate_of_separated_random_and_known_scores():
    assert metrics.equal_error_rate(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 0
    assert metrics.equal_error_rate(np.array([0.1, 0.2]), np.array([0.9, 0.8])) == 1
    assert metrics.equal_error_rate(np.array([0.5]), np.array([0.5])) == 0.5
    same, different = np.array([1, 2, 3, 4.0]), np.array([0, 0.5, 1.5, 2.5])
    assert metrics.equal_error_rate(same, different) == pytest.approx(0.25, abs=0.13)
    rng = np.random.default_rng(0)
    assert metrics.equal_error_rate(rng.normal(size=4000), rng.normal(size=4000)) == pytest.approx(
        0.5, abs=0.03
    )


def test_auc_of_separated_tied_and_random_scores():
    assert metrics.auc(np.array([2.0, 3]), np.array([0.0, 1])) == 1
    assert metrics.auc(np.array([1.0, 1]), np.array([1.0])) == 0.5
    assert metrics.auc(np.array([1.0, 0]), np.array([0.5])) == 0.5


def test_unweighted_recall_counts_classes_not_clips():
    truth = np.array(["a"] * 9 + ["b"])
    assert metrics.uar(truth, np.array(["a"] * 10)) == 0.5


def test_the_bootstrap_interval_holds_the_value_and_widens_with_groups():
    rng = np.random.default_rng(0)
    truth = np.ones(200)
    guess = np.repeat(rng.random(20) < 0.7, 10).astype(float)  # whole speakers right or wrong
    low, high = metrics.bootstrap(truth, guess)
    wide = metrics.bootstrap(truth, guess, groups=np.repeat(np.arange(20), 10))
    assert low < guess.mean() < high
    assert wide[1] - wide[0] > 1.5 * (high - low)


def test_choice_on_validation_stays_at_chance_where_best_on_test_does_not():
    """The reason for our protocol: with pure noise, taking the best of twenty on test looks like skill."""
    rng = np.random.default_rng(0)
    y = np.tile(["a", "b"], 40)
    candidate = choice.Candidate("centroid")
    best, chosen = [], []
    for _ in range(12):
        variants = {str(k): rng.normal(size=(80, 5)) for k in range(20)}
        train, test = np.arange(40), np.arange(40, 80)
        scores = {
            k: metrics.accuracy(y[test], candidate.fit(x[train], y[train]).predict(x[test]))
            for k, x in variants.items()
        }
        best.append(max(scores.values()))
        picked = choice.choose(
            {k: x[train] for k, x in variants.items()}, y[train], None, candidates=[candidate]
        )
        chosen.append(scores[picked.variant])
    error = 0.5 / np.sqrt(40 * 12)
    assert np.mean(best) > 0.5 + 3 * error
    assert abs(np.mean(chosen) - 0.5) < 3 * error


def test_choice_finds_the_variant_that_carries_the_label():
    x, y = planted(gap=3)
    noise = np.random.default_rng(1).normal(size=x.shape)
    assert choice.choose({"noise": noise, "signal": x}, y).variant == "signal"


def test_folds_keep_speakers_whole_and_cover_every_row_once():
    who = np.repeat([f"s{k}" for k in range(7)], 4)
    parts = choice.folds(np.tile(["a", "b"], 14), who, 3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(28))
    for part in parts:
        rest = np.setdiff1d(np.arange(28), part)
        assert not set(who[part]) & set(who[rest])


def test_no_speaker_is_in_both_train_and_test_of_a_speaker_disjoint_task(monkeypatch):
    who = np.repeat(["a", "b", "c", "d"], 12)
    y = np.tile(["x", "y", "z"], 16)
    rng = np.random.default_rng(0)
    x = np.column_stack([np.arange(48), rng.normal(size=(48, 3))])  # the first column is the row
    fitted = []

    def fit(self, features, labels):
        fitted.append({who[int(row)] for row in features[:, 0]})
        return probe.fit_classifier(features, labels, "centroid")

    monkeypatch.setattr(choice.Candidate, "fit", fit)
    outcome = protocol.held_out({"v": x}, y, who, ["a", "b", "c", "d"], metrics.accuracy)
    assert set(outcome.extra["speakers"]) == {"a", "b", "c", "d"}
    finals = [seen for seen in fitted if len(seen) == 3]
    assert len(finals) >= 4  # one final fit for each speaker left out, never on that speaker
    assert all(len(seen) < 4 for seen in fitted)


def test_own_clips_help_a_speaker_who_differs_from_the_others():
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(["one", "two"], 20), 3)
    speakers = np.repeat(["a", "b", "odd"], 40)
    x = rng.normal(size=(120, 4))
    flip = np.where(speakers == "odd", -1, 1)  # the odd speaker says it the other way round
    x[:, 0] += 4 * flip * np.where(labels == "one", 1, -1)
    found = personal.personalise(
        x,
        labels,
        speakers,
        "odd",
        clips=(1, 5),
        resamples=5,
        candidate=choice.Candidate("centroid"),
    )
    assert found.generic < 0.1
    assert found.points[-1].personal[0] > 0.9
    assert [p.clips for p in found.points] == [1, 5]
    with pytest.raises(InputError, match="too few"):
        personal.personalise(x, labels, speakers, "nobody")
