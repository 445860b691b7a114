"""A method that exists only here, and a reader of error lines."""

import json
import sys
import types
from dataclasses import dataclass

import pytest

from core import registry
from core.errors import VitrineError
from core.registry import MethodSpec, Paper, Score, Tier


@dataclass(frozen=True)
class FakeRequest:
    kind: str
    clip: str
    seed: int = 0


SPEC = MethodSpec(
    slug="fake",
    title="Fake",
    summary="Counts bytes.",
    paper=Paper(title="T", authors="A", venue="V", year=2020),
    tasks=("test",),
    tiers=(Tier(name="embedded", title="small", licence="Apache-2.0"),),
    colour="#000000",
    emoji="x",
)


def fake_pipeline():
    from core.runs import store

    def request_from_cli(verb, files, params):
        digest = store().put_input(files[0].read_bytes(), "application/octet-stream")
        return FakeRequest(verb, f"sha256:{digest}", int(params.get("seed", 0)))

    def work(job, request):
        job.report(0.5, "counting")
        if request.kind == "fail":
            raise VitrineError("The count failed. Another file would work. Use one.")
        if request.kind == "crash":
            raise ZeroDivisionError("inside")
        return len(store().get_input(request.clip.removeprefix("sha256:"))) + request.seed

    def write_outputs(result, out):
        path = out / "result.json"
        path.write_text(json.dumps({"count": result}), "utf-8")
        return [path]

    return types.SimpleNamespace(
        VERBS={"count": "one file", "fail": "one file", "crash": "one file"},
        request_from_cli=request_from_cli,
        request_from_json=lambda data: FakeRequest(**data),
        request_to_json=lambda request: dict(vars(request)),
        run=work,
        write_outputs=write_outputs,
    )


def fake_recipe(calls):
    def train(cfg, data, out, resume, on_step):
        step = types.SimpleNamespace(step=1, num_steps=2, fraction=0.5, values={"loss": 0.25})
        on_step(step)
        (out / "model").write_text(cfg)
        calls.append((cfg, data, resume))
        return out

    def evaluate(tier, data, limit, on_step):
        on_step("reading")
        on_step(0.5, "scoring")
        calls.append((tier, data, limit))
        return [
            Score(name="accuracy", value=0.875, unit="share", baseline=0.5, baseline_name="mean",
                  chance=0.25, n=48, interval=(0.8, 0.95)),
        ]  # fmt: skip

    return types.SimpleNamespace(
        train=train, evaluate=evaluate, smoke=lambda: "smoke", cpu=lambda: "cpu", gpu=lambda: "gpu"
    )


@pytest.fixture
def fake(monkeypatch):
    """Registers the method `fake`; gives the calls of its recipe."""
    calls = []
    modules = {"pipeline": fake_pipeline(), "recipe": fake_recipe(calls)}
    real_load = registry.load
    package = types.ModuleType("core.methods.fake")
    monkeypatch.setitem(sys.modules, "core.methods.fake", package)
    for name, content in modules.items():
        module = types.ModuleType(f"core.methods.fake.{name}")
        module.__dict__.update(vars(content))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        modules[name] = module
    monkeypatch.setattr(registry, "load", lambda s: SPEC if s == "fake" else real_load(s))
    monkeypatch.setattr(registry, "slugs", lambda: ["fake"])
    monkeypatch.setattr(registry, "module", lambda slug, name: modules[name])
    return calls


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.bin"
    path.write_bytes(b"12345")
    return path


@pytest.fixture
def spoken(capsys):
    """Reads what was written to stderr, which must be one line."""

    def read():
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return read
