"""Which files an export holds, and how its folder is written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core import registry
from core.errors import InputError, NotFoundError
from core.publish import tree
from core.publish.build import build
from core.publish.check import check
from core.publish.plan import plan_for

TRILL = plan_for("trill", repo="anna/trill")


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def plant(project, name, text="planted"):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def test_an_export_holds_what_a_space_needs_and_nothing_else(trill_export):
    names = {file.path for file in trill_export.files}
    assert {name.split("/")[0] for name in names} == {
        "app.py", "core", "spaces", "requirements.txt", "README.md", "LICENSE",
    }  # fmt: skip
    assert {name.split("/")[1] for name in names if name.startswith("spaces/")} == {"trill"}
    assert {"core/gpu.py", "core/ui/assets/vitrine.js", "core/publish/pins.toml"} <= names
    assert {"spaces/trill/weights/model.safetensors", "spaces/trill/weights/CARD.md"} <= names
    assert "core/runs/migrations/script.py.mako" in names
    assert trill_export.left_out == ()


def test_every_tracked_file_of_core_and_of_the_method_is_carried(trill_export):
    done = subprocess.run(
        ["git", "ls-files", "core", "spaces/trill"], cwd=tree.ROOT, capture_output=True, text=True
    )
    if done.returncode or not done.stdout:
        pytest.skip("not a git checkout")
    tracked = {name for name in done.stdout.splitlines() if (tree.ROOT / name).exists()}
    tracked = {name for name in tracked if not name.startswith(tree.SHARED)}
    assert tracked - {file.path for file in trill_export.files} == set()


def test_weights_that_methods_share_go_with_those_that_run_on_them(project):
    planted = {
        plant(project, f"{tree.SHARED}text_to_image/unet/{name}")
        for name in ("model.safetensors", "config.json", "merges.txt", "CARD.md")
    }
    plant(project, f"{tree.SHARED}text_to_image/unet/model.bin")
    plant(project, "spaces/imagic/__init__.py")
    with_them = {source.name for source in tree.carried(("imagic",), project)[0]}
    assert planted <= with_them
    assert f"{tree.SHARED}text_to_image/unet/model.bin" not in with_them
    without = {source.name for source in tree.carried(("trill",), project)[0]}
    assert not {name for name in without if name.startswith(tree.SHARED)}


def test_sizes_and_digests_are_those_of_the_files(trill_export):
    import hashlib

    written = contents(trill_export.folder)
    assert {file.path for file in trill_export.files} == set(written)
    assert all(file.size == len(written[file.path]) for file in trill_export.files)
    assert all(
        file.sha256 == hashlib.sha256(written[file.path]).hexdigest() for file in trill_export.files
    )
    assert trill_export.bytes == sum(map(len, written.values()))


def test_the_hub_carries_every_method_and_starts_with_the_landing_page(tmp_path):
    export = build(plan_for("hub"), tmp_path / "hub")
    assert sorted(export.plan.methods) == registry.slugs()
    assert "main()" in (export.folder / "app.py").read_text()


def test_the_app_of_a_single_method_differs_only_in_its_default(trill_export):
    text = (trill_export.folder / "app.py").read_text()
    assert 'main(sys.argv[1:] or ["hub", "--single", "trill"])' in text
    assert text.index("import core.gpu") < text.index("from core.cli")


JUNK = (
    ".env", "spaces/trill/.env", "core/.secrets", "spaces/trill/.ui.py.swp", "spaces/trill/ui.py~",
    "spaces/trill/token.txt", "spaces/trill/weights/hf-token.json", "spaces/trill/id_rsa",
    "spaces/trill/examples/passwords.txt", "spaces/trill/examples/server.pem",
    "spaces/trill/weights/model.ckpt", "spaces/trill/weights/model.bin", "spaces/trill/head.pkl",
    "spaces/trill/checkpoints/last.safetensors", "spaces/trill/data/clip.wav",
    "spaces/trill/out/result.json", "spaces/trill/tests/test_own.py", "spaces/trill/notes.txt",
    "spaces/trill/clip.wav", "spaces/trill/examples/holiday.zip", "spaces/trill/.venv/lib.py",
    "spaces/trill/__pycache__/ui.cpython-311.pyc", "core/ui/__pycache__/page.cpython-311.pyc",
    "core/ui/page.pyc", "core/ui/.DS_Store", "core/debug.log", "core/notes.txt", "core/x.py.orig",
    "spaces/other/ui.py", "spaces/loose.py", "tests/test_x.py", "docs/LOG.md", ".git/config",
    "spaces/trill/.ipynb_checkpoints/ui.py", "spaces/trill/examples/.cache/x.json",
)  # fmt: skip


def test_junk_that_lies_around_is_never_carried(project, tmp_path):
    clean = build(TRILL, tmp_path / "clean", root=project)
    for name in JUNK:
        plant(project, name)
    export = build(TRILL, tmp_path / "export", root=project)
    assert export.files == clean.files
    left = {item.name: item.why for item in export.left_out}
    assert left["spaces/trill/token.txt"] == "named like a secret"
    assert left["spaces/trill/.env"] == "hidden"
    assert "of a kind" in left["spaces/trill/weights/model.ckpt"]
    assert "core/ui/page.pyc" not in left


@pytest.mark.parametrize(
    "name",
    [
        "spaces/trill/weights/tokenizer.json",
        "spaces/trill/weights/special_tokens_map.json",
        "spaces/trill/weights/vocab.txt",
        "spaces/trill/examples/hello.webm",
        "spaces/trill/parts/token.py",
    ],
)
def test_files_that_a_method_may_have_are_carried(project, tmp_path, name):
    plant(project, name)
    assert name in {file.path for file in build(TRILL, tmp_path / "out", root=project).files}


def test_links_are_left_out_and_told(project, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "code.py").write_text("")
    links = {
        "spaces/trill/outside.json": secret,
        "spaces/trill/weights/far": tmp_path / "outside",
        "spaces/trill/again.py": project / "spaces" / "trill" / "ui.py",
        "core/gone.py": tmp_path / "nowhere",
    }
    for name, target in links.items():
        (project / name).symlink_to(target)
    export = build(TRILL, tmp_path / "out", root=project)
    assert set(links) & {file.path for file in export.files} == set()
    assert set(links) == {item.name for item in export.left_out}
    assert all("a link" in item.why for item in export.left_out)
    assert "code.py" not in {file.path.split("/")[-1] for file in export.files}


def test_files_that_git_does_not_know_are_told_in_a_checkout_only(project, tmp_path):
    assert build(TRILL, tmp_path / "plain", root=project).untracked == ()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    try:
        for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
            subprocess.run([*git, *command], cwd=project, check=True, capture_output=True)
    except OSError:
        pytest.skip("no git")
    plant(project, "spaces/trill/scratch.py", "x = 1\n")
    plant(project, "spaces/trill/.hidden.py", "x = 1\n")
    export = build(TRILL, tmp_path / "out", root=project)
    assert export.untracked == ("spaces/trill/scratch.py",)
    told = [f for f in check(export, boot=False) if f.level == "warning"]
    assert ["scratch.py" in finding.what for finding in told] == [True]


def test_a_method_folder_that_is_a_link_is_refused(project, tmp_path):
    (project / "spaces" / "trill").rename(tmp_path / "elsewhere")
    (project / "spaces" / "trill").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="link"):
        build(TRILL, tmp_path / "out", root=project)


def test_the_same_project_gives_the_same_bytes_anywhere(project, trill_export, tmp_path):
    for number, path in enumerate(sorted(project.rglob("*.py"), reverse=True)):
        os.utime(path, (10**9 + number, 10**9 + number))
        path.chmod(0o755)
    script = (
        "import sys; from pathlib import Path\n"
        "from core.publish.plan import plan_for; from core.publish.build import build\n"
        "build(plan_for('trill', repo='anna/trill'), Path(sys.argv[1]))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / seed)],
            cwd=project,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": str(project),
                "TZ": "Asia/Tokyo",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / seed) == contents(trill_export.folder)
        modes = {p.stat().st_mode & 0o777 for p in (tmp_path / seed).rglob("*") if p.is_file()}
        assert modes == {0o644}


def test_an_export_can_be_exported_again(trill_export, tmp_path):
    again = build(TRILL, tmp_path / "again", root=trill_export.folder)
    assert again.files == trill_export.files


def test_a_second_build_replaces_the_first_and_removes_what_is_gone(project, tmp_path):
    name = plant(project, "spaces/trill/extra.py", "")
    folder = tmp_path / "out"
    assert name in {file.path for file in build(TRILL, folder, root=project).files}
    (folder / "core" / "__pycache__").mkdir()
    (folder / "core" / "__pycache__" / "x.pyc").write_text("")
    (project / name).unlink()
    export = build(TRILL, folder, root=project)
    assert name not in contents(folder)
    assert set(contents(folder)) == {file.path for file in export.files}


def test_a_folder_with_something_else_in_it_is_left_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        build(TRILL, tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_an_export_to_which_a_person_added_something_is_not_replaced(tmp_path):
    build(TRILL, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        build(TRILL, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").exists()


def test_the_project_itself_is_never_written_into(project):
    for folder in (project, project.parent, project / "core" / "x", project / "spaces" / "trill"):
        with pytest.raises(InputError):
            build(TRILL, folder, root=project)
    assert (project / "core" / "gpu.py").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"):
        build(TRILL, tmp_path / "out")


def test_a_build_that_fails_leaves_the_last_export_as_it_was(project, tmp_path):
    folder = tmp_path / "out"
    before = build(TRILL, folder, root=project)
    (project / "LICENSE").unlink()
    with pytest.raises(InputError, match="LICENSE"):
        build(TRILL, folder, root=project)
    assert set(contents(folder)) == {file.path for file in before.files}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"repo": "nobody"}, "OWNER/NAME"),
        ({"repo": "a/b/c"}, "OWNER/NAME"),
        ({"repo": "anna/x--y"}, "OWNER/NAME"),
        ({"repo": "anna/../x"}, "OWNER/NAME"),
        ({"repo": "anna/" + "x" * 100}, "OWNER/NAME"),
        ({"hardware": "quantum"}, "zero-a10g"),
        ({"full": True}, "names a pinned model"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_in_words(given, said):
    with pytest.raises(InputError, match=said):
        plan_for("trill", **given)


def test_a_method_that_does_not_exist_is_not_planned():
    with pytest.raises(NotFoundError, match="trill"):
        plan_for("nothing")


def test_hardware_is_of_one_of_three_kinds():
    kinds = {h: (plan_for("trill", hardware=h).zero, plan_for("trill", hardware=h).cpu)
             for h in ("zero-a10g", "cpu-upgrade", "t4-small")}  # fmt: skip
    assert kinds == {
        "zero-a10g": (True, False),
        "cpu-upgrade": (False, True),
        "t4-small": (False, False),
    }
