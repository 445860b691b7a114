"""What Imagic answers: one frozen, JSON-able dataclass for each verb, and the files beside it.

Pictures travel as files: a `Sheet` is one lossless PNG of equal tiles without gaps, row by row. Numbers
are rounded where they are made, so that equal requests give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from core.runs.kinds import Kinds
from core.world.diffusion.training_job import TrainPoint

Rows = tuple[tuple[float, ...], ...]  # one row for each seed, one value for each column


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file of the run that holds equal square pictures side by side.

    Attributes:
        file: name among the result's files, such as "strip.png".
        rows: pictures below each other.
        columns: pictures beside each other.
        tile: side of one picture, pixels.
    """

    file: str
    rows: int
    columns: int
    tile: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The picture that was edited.

    Attributes:
        name: what to call it.
        source: as in the request.
        format: of the file, such as "JPEG"; "scene" for a picture of the world.
        width: of the file as it is meant to be seen, pixels.
        height: likewise.
        notes: what was done to it, in words.
        caption: for a picture of the world, what it shows.
    """

    name: str
    source: str
    format: str
    width: int
    height: int
    notes: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a page may show while an edit works; the `preview` of a job's report.

    Attributes:
        stage: embedding, tuning, joint, sampling or baselines.
        step: steps of the stage that are done.
        of: steps of the stage.
        curve: loss of the batch now and then in this stage, as (step, loss).
        strip: PNG of a rough strip, one row; empty before the first.
        etas: its columns.
    """

    stage: str
    step: int
    of: int
    curve: tuple[tuple[int, float], ...] = ()
    strip: bytes = b""
    etas: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """Loss on the fixed bank of (t, noise) pairs after so many steps of a stage."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Loss on the fixed bank: the curves of both stages and the three reference heights.

    Attributes:
        embedding: stage 1, the embedding is learnt.
        tuning: stage 2, the model is tuned; in joint mode both are learnt here.
        target: L(e_tgt, base).
        optimised: L(e_opt, base).
        tuned: L(e_opt, tuned); equal to `optimised` without tuning.
    """

    embedding: tuple[LossPoint, ...]
    tuning: tuple[LossPoint, ...]
    target: float
    optimised: float
    tuned: float

    @property
    def first_share(self) -> float | None:
        """Share of the whole gain that stage 1 made; None where nothing was gained."""
        whole = self.target - self.tuned
        return (self.target - self.optimised) / whole if whole > 1e-9 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the work.

    Attributes:
        name: picture, embedding, tuning, sampling, baselines or scores.
        seconds: how long it took.
        peak_bytes: highest memory during it: of the device, or of the process on a CPU; 0 unknown.
        steps: steps that were made; 0 where it has none.
        steps_asked: steps that were asked for; more than `steps` after an early end.
    """

    name: str
    seconds: float
    peak_bytes: int = 0
    steps: int = 0
    steps_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What the judge says of pictures, one row for each seed and one value for each column.

    Attributes:
        text: how well each fits the text; higher is better.
        similarity: how alike each is to the input, by image features; 1 is the same.
        distance: root mean square difference to the input over all pixels, 0 to 1.
        measured_by: the judge in words.
    """

    text: Rows
    similarity: Rows
    distance: Rows
    measured_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthCell:
    """One picture against the true answer.

    Attributes:
        right: whether what the text asks for is read in the picture.
        found: what is read there, in a few words.
        kept: share of the things that no text names (hue, build, place, horizon) that stayed, 0 to 1.
        background: root mean square difference to the input outside the mask, 0 to 1; None where the
            edit may change everything.
    """

    right: bool
    found: str
    kept: float
    background: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The true answer of an edit of a scene, and every picture of the strip beside it.

    Attributes:
        family: what kind of edit it is, such as pose or background.
        was: what the input shows, in words.
        asked: what was asked for, in words.
        cells: for each seed and eta.
        best: (seed row, eta column) of the right picture that keeps most; None if none is right.
    """

    family: str
    was: str
    asked: str
    cells: tuple[tuple[TruthCell, ...], ...]
    best: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A simpler way to the same text, from the same seeds; a column of the baselines' sheet.

    Attributes:
        name: such as "text to image", "SDEdit 0.6" or "DDIM inversion".
        about: how it is made, in one sentence.
        strength: of SDEdit, 0 to 1.
        text: for each seed, as in `Scores`.
        similarity: likewise.
        distance: likewise.
        cells: for each seed; empty where no truth is known.
    """

    name: str
    about: str
    strength: float | None = None
    text: tuple[float, ...] = ()
    similarity: tuple[float, ...] = ()
    distance: tuple[float, ...] = ()
    cells: tuple[TruthCell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Which eta to look at first; a suggestion that is never applied in silence.

    Attributes:
        column: index of the suggested eta for the mean over all seeds; None where no rule holds.
        rows: the same for each seed alone.
        reason: why, in one sentence.
    """

    column: int | None
    rows: tuple[int | None, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Shared by all answers: which weights gave them."""

    weights: str  # first 12 digits of the hash of the model
    tier: str = "embedded"
    model: str = ""  # of the full tier
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripResult(Result):
    """A strip of edits, and everything that is known about it.

    Files: `strip.png` (a row for each seed, a column for each eta), `input.png` (as the model gets it),
    `reconstruction.png` (what the autoencoder alone gives back), `baselines.png` (a row for each seed, a
    column for each baseline), `kit.zip`, `lora.safetensors` (the adapter alone, as diffusers reads it),
    `picture.png` (input and suggestion side by side), and for scenes `answer.png` and `mask.png`.

    Attributes:
        target: the text that was asked for.
        known: whether the kit's own text was asked for; False is a fast re-target, an approximation.
        seen: the picture.
        etas: columns of the strip.
        seeds: rows of the strip.
        strip: where the pictures are.
        scores: of the strip.
        suggestion: which eta to look at first.
        losses: what the two stages gained.
        stages: time and memory of what was done now.
        learning_seconds: how long learning took, now or when the kit was made.
        ended_early: stages that were ended by the visitor, who kept what was learnt so far.
        baselines: simpler ways, in the order of the sheet's columns.
        baseline_sheet: where their pictures are; None without baselines.
        truth: for scenes; None where the true answer is not known.
        truth_note: why it is not known, in words; empty where it is.
        reconstruction_psnr: dB, of the autoencoder alone: no edit can keep more.
        base_before: hash of the shared model before the work.
        base_after: hash after it; the same, or something is wrong.
        kit: name of the kit's file; empty where it would be too large.
        kit_bytes: its size.
        notes: what was done to the text or the settings, in words.
    """

    target: str
    known: bool = True
    seen: Seen
    etas: tuple[float, ...]
    seeds: tuple[int, ...]
    strip: Sheet
    scores: Scores
    suggestion: Suggestion
    losses: Losses
    stages: tuple[Stage, ...]
    learning_seconds: float
    ended_early: tuple[str, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    baseline_sheet: Sheet | None = None
    truth: Truth | None = None
    truth_note: str = ""
    reconstruction_psnr: float | None = None
    base_before: str
    base_after: str
    kit: str = "kit.zip"
    kit_bytes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether the shared model is bit by bit what it was."""
        return self.base_before == self.base_after


@dataclass(frozen=True, slots=True, kw_only=True)
class EditResult(StripResult):
    """An edit from the start."""

    kind: ClassVar[str] = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleResult(StripResult):
    """Another strip from a kit, without learning."""

    kind: ClassVar[str] = "resample"
    kit_target: str = ""  # the text that the kit was learnt for


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagineResult(Result):
    """Pictures of a text; `imagined.png` holds one row of them."""

    kind: ClassVar[str] = "imagine"
    text: str
    seeds: tuple[int, ...]
    sheet: Sheet
    scores: tuple[float, ...]  # fit to the text
    found: tuple[str, ...] = ()  # what the probe reads in each; empty where there is no probe
    measured_by: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One question with a known answer.

    Attributes:
        name: short, for the table.
        question: one sentence.
        value: what was measured.
        unit: "share", "dB", ...; a share is shown in per cent.
        better: "higher" or "lower".
        n: how many cases.
        interval: 95 %; None for a value that is exact.
        baseline: the best simpler way on the same cases.
        baseline_name: which.
        chance: of a blind guess.
        passed: for an exact question, whether it held; None for a measured one.
    """

    name: str
    question: str
    value: float
    unit: str = "share"
    better: str = "higher"
    n: int = 1
    interval: tuple[float, float] | None = None
    baseline: float | None = None
    baseline_name: str = ""
    chance: float | None = None
    passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCase:
    """One edit of the check; its pictures are one row of the sheet.

    Attributes:
        target: the text.
        was: what the input shows.
        pictures: what each tile of the row is: "input", "true answer", "eta 0.7", "SDEdit 0.6", ...
        cells: the judgement of each tile; None for input and answer.
    """

    target: str
    was: str
    pictures: tuple[str, ...]
    cells: tuple[TruthCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult(Result):
    """Known answers, measured now; `check.png` holds one row of pictures for each case."""

    kind: ClassVar[str] = "check"
    rows: tuple[CheckRow, ...]
    cases: tuple[CheckCase, ...] = ()
    sheet: Sheet | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult(Result):
    """A model of the visitor's own; `samples.png` holds one row of its pictures."""

    kind: ClassVar[str] = "train"
    preset: str
    steps: int
    points: tuple[TrainPoint, ...]
    captions: tuple[str, ...] = ()  # of the samples
    sheet: Sheet | None = None
    seconds: float = 0.0


AnyResult = EditResult | ResampleResult | ImagineResult | CheckResult | TrainResult
RESULTS: Kinds[AnyResult] = Kinds(AnyResult, "an Imagic result")
