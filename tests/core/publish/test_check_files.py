"""Rules on files, requirements and licences: each bites on a planted violation."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest

from core.publish.plan import plan_for
from core.publish.rules import Tree, contents, licences, pins
from core.publish.rules.contents import can_run_code
from tests.core.publish.conftest import changed, errors, seeing


def plant(tree, name, data=b""):
    path = tree.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


def levels(rule, tree, level):
    return [f.what for f in rule.check(tree) if f.level == level]


# files


def test_an_export_as_it_was_built_has_no_fault(tree):
    for rule in (contents, pins, licences):
        assert errors(rule, tree) == []
        assert levels(rule, tree, "warning") == []


@pytest.mark.parametrize(
    "name", ["app.py", "LICENSE", "README.md", "requirements.txt", "core/gpu.py"]
)
def test_a_missing_file_is_an_error(tree, name):
    (tree.folder / name).unlink()
    assert [file for file, _ in errors(contents, tree)] == [name]


def test_a_missing_method_is_an_error(tree):
    (tree.folder / "spaces/trill/__init__.py").unlink()
    assert [file for file, _ in errors(contents, tree)] == ["spaces/trill"]


def test_a_spaces_package_is_an_error(tree):
    plant(tree, "spaces/__init__.py")
    [(file, what)] = errors(contents, tree)
    assert file == "spaces/__init__.py"
    assert "hides the platform's own" in what


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("notes.txt", "does not belong"),
        ("tests/test_x.py", "does not belong"),
        ("spaces/other/__init__.py", "not published"),
        ("core/.env", "hidden"),
        ("core/__pycache__/x.pyc", "hidden, cached"),
        ("core/ui/page.py.orig", "left over"),
        ("spaces/trill/ui.py~", "left over"),
    ],
)
def test_a_file_that_should_not_be_there_is_an_error(tree, name, said):
    plant(tree, name)
    [(file, what)] = errors(contents, tree)
    assert (file, said in what) == (name, True)


def test_a_link_is_an_error(tree, tmp_path):
    (tmp_path / "far").write_text("x")
    (tree.folder / "core" / "far.json").symlink_to(tmp_path / "far")
    (tree.folder / "core" / "gone.json").symlink_to(tmp_path / "nowhere")
    assert [file for file, _ in errors(contents, tree)] == ["core/far.json", "core/gone.json"]


def test_a_file_over_twenty_megabytes_is_an_error(tree):
    plant(tree, "spaces/trill/weights/big.safetensors", bytes(20 * 10**6 + 1))
    [(file, what)] = errors(contents, tree)
    assert file.endswith("big.safetensors")
    assert "20 MB" in what


def test_weights_over_the_sum_are_worth_a_warning(tree, monkeypatch):
    monkeypatch.setattr(contents, "WEIGHTS", 2 * 10**6)
    plant(tree, "spaces/trill/weights/more.safetensors", bytes(15 * 10**5))
    assert errors(contents, tree) == []
    assert "2.0 MB was meant as the most" in levels(contents, tree, "warning")[0]


def test_more_than_a_space_holds_is_an_error(tree, monkeypatch):
    monkeypatch.setattr(contents, "REPOSITORY", 10**6)
    monkeypatch.setattr(contents, "MOST_FILES", 100)
    assert "Leave methods out" in errors(contents, tree)[0][1]
    assert "grows slow" in levels(contents, tree, "warning")[0]


def saved(save, *arguments, **named):
    into = io.BytesIO()
    save(into, *arguments, **named)
    return into.getvalue()


def zipped(name, data):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as file:
        file.writestr(name, data)
    return into.getvalue()


OBJECTS = np.array([{"a": 1}], dtype=object)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.bin", b"\0"),
        ("model.ckpt", b"\0"),
        ("model.PT", b"\0"),
        ("head.pkl", b"\0"),
        ("head.joblib", b"\0"),
        ("disguised.json", pickle.dumps({"a": 1})),
        ("disguised.txt", pickle.dumps([1, 2], protocol=2)),
        ("state.wav", zipped("archive/data.pkl", b"\0")),
        ("state.txt", zipped("inner.json", pickle.dumps("x"))),
        ("objects.npy", saved(np.save, OBJECTS)),
        ("objects.npz", saved(np.savez, a=np.ones(2), b=OBJECTS)),
        ("fields.npy", saved(np.save, np.array([(1, "x")], dtype=[("a", "i4"), ("b", "O")]))),
        ("broken.npz", b"PK\x03\x04 nothing"),
    ],
)
def test_what_runs_code_when_read_is_an_error(tree, name, data):
    plant(tree, f"spaces/trill/weights/{name}", data)
    assert any("can run code" in what for _, what in errors(contents, tree))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("numbers.npy", saved(np.save, np.arange(9.0))),
        ("numbers.npz", saved(np.savez, a=np.ones(3))),
        ("records.npy", saved(np.save, np.zeros(2, dtype=[("a", "i4"), ("b", "<U4")]))),
        ("words.txt", b"A sentence, and a full stop."),
        ("model.safetensors", b"\x80\x04\0\0\0\0\0\0{}"),
        ("no_suffix", b""),
    ],
)
def test_plain_numbers_and_words_run_no_code(name, data):
    assert not can_run_code(name, data)


# requirements


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("numpy==", "numpy>=", "open"),
        ("scipy==", "scipy~=", "open"),
        ("rich==", "git+https://example.org/rich.git #", "open"),
        ("torch==2.11.0", "torch==2.13.0", "ZeroGPU has"),
        ("torch==2.11.0", "torch==2.11.0+cpu", "ZeroGPU has"),
        ("torch==2.11.0\n", "", "lacks torch"),
        ("torch==2.11.0", "--extra-index-url https://example.org\ntorch==2.11.0", "option"),
        ("torch==2.11.0", "-r other.txt\ntorch==2.11.0", "option"),
        ("spaces==", "space==", "lends the GPU"),
        ("gradio[mcp,oauth]==6.31.0", "gradio[mcp,oauth]==6.30.0", "sdk_version"),
        ("gradio[mcp,oauth]", "gradio[oauth]", "MCP tools"),
        ("gradio[mcp,oauth]", "gradio[mcp]", "log in"),
    ],
)
def test_requirements_that_would_rot_or_not_run_are_an_error(seen, old, new, said):
    found = errors(pins, changed(seen, "requirements.txt", old, new))
    assert {file for file, _ in found} == {"requirements.txt"}
    assert any(said in what for _, what in found)


def test_zero_gpu_wants_a_python_that_it_has(seen):
    tree = changed(seen, "README.md", "python_version: 3.12.12", "python_version: '3.13'")
    assert "ZeroGPU has 3.12.12" in errors(pins, tree)[0][1]


def test_a_build_without_cuda_is_for_cpus_only(seen):
    text = seen.texts["requirements.txt"].replace("torch==2.11.0", "torch==2.13.0+cpu")
    gpu = Tree(plan_for("trill", hardware="t4-small"), seen.folder)
    index = "https://wheels.example.org"
    cpu = Tree(plan_for("trill", hardware="cpu-basic", torch_index=index), seen.folder)
    assert "without CUDA" in errors(pins, seeing(gpu, {"requirements.txt": text}))[0][1]
    assert errors(pins, seeing(cpu, {"requirements.txt": text})) == []


# licences

CARD = "spaces/trill/weights/CARD.md"
EXAMPLES = "spaces/trill/examples"


def test_weights_without_a_card_are_an_error(seen):
    [(file, what)] = errors(licences, seeing(seen, {}, without=(CARD,)))
    assert file == CARD
    assert "no licence" in what


def test_a_card_that_names_no_licence_is_an_error(seen):
    tree = changed(seen, CARD, "Licence of the weights: Apache-2.0", "Fine weights")
    assert "says nothing of it" in errors(licences, tree)[0][1]


def test_examples_need_a_licence_in_their_folder_or_above(seen):
    tree = seeing(seen, {}, without=(f"{EXAMPLES}/emodb/README.md",))
    assert errors(licences, tree) == []  # the README above lists it
    tree = seeing(tree, {f"{EXAMPLES}/README.md": "Some clips."})
    [(file, what)] = errors(licences, tree)
    assert file == f"{EXAMPLES}/README.md"
    assert "in emodb" in what


def test_an_example_without_licence_in_a_list_of_licences_is_an_error(seen):
    name = f"{EXAMPLES}/examples.json"
    found = errors(licences, changed(seen, name, '"licence": "CC0 1.0"', '"licence": ""'))
    assert found
    assert {file for file, _ in found} == {name}


def test_a_licence_file_that_names_none_is_an_error(seen):
    tree = seeing(seen, {"LICENSE": "All is mine."})
    assert errors(licences, tree) == [("LICENSE", "names no known licence in its first lines.")]


def test_licences_with_conditions_are_told(seen):
    assert "ShareAlike" in levels(licences, seen, "note")[0]
    tree = changed(seen, CARD, "weights: Apache-2.0", "weights: CC BY-NC 4.0")
    assert "may not earn money" in levels(licences, tree, "warning")[0]


def test_every_licence_is_listed(seen):
    found = {(licence.what, licence.name) for licence in licences.listed(seen)}
    assert ("code", "Apache-2.0") in found
    assert ("weights of trill", "Apache-2.0") in found
    assert ("examples of trill in emodb", "CC0 1.0") in found
    assert any("librispeech" in what and "Attribution 4.0" in name for what, name in found)
    assert any("fsdd" in what and "ShareAlike 4.0" in name for what, name in found)
