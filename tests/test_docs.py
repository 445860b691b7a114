"""What the documents promise is so: tables are fresh, links lead somewhere, commands exist."""

import ast
import dataclasses
import os
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from core import doctor, registry, settings
from scripts import file_sizes, generate_docs, pins

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
# settings that only the command line or the code decides
WITHOUT_VARIABLE = {"share", "max_upload_bytes", "max_audio_seconds", "oauth", "space_id"}


def tracked():
    """Files that are kept in the repository, or every file where there is no git."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.decode().split("\0") if name]
    skipped = {".venv", ".git", "out", "__pycache__"}
    found = (p for p in ROOT.rglob("*") if not skipped & set(p.relative_to(ROOT).parts))
    return [p for p in found if p.is_file()]


TRACKED = [path for path in tracked() if path.is_file()]
DOCUMENTS = [path for path in TRACKED if path.suffix == ".md"]


# Generated tables


def test_the_generated_tables_of_the_readme_are_fresh():
    assert generate_docs.fill(README) == README, "run `make fix`"


def test_a_stale_table_is_noticed_and_mended(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "README.md"
    copy.write_text(README.replace("| TRILL", "| TRULL").replace("--port`", "--harbour`"), "utf-8")
    monkeypatch.setattr(generate_docs, "README", copy)
    assert generate_docs.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0


def test_a_lost_marker_is_an_error():
    with pytest.raises(ValueError, match="markers of the table 'methods'"):
        generate_docs.fill(README.replace("<!-- end methods -->", ""))


def test_every_method_has_a_row():
    table = generate_docs.methods()
    for spec in registry.specs():
        assert f"[{spec.title}](spaces/{spec.slug}/README.md)" in table
        assert spec.summary in table


def test_a_bar_in_a_summary_does_not_break_the_table():
    assert generate_docs._table(["a"], [["x | y"]]).splitlines()[-1] == "| x \\| y |"


# Settings


@pytest.mark.parametrize("variable", generate_docs.VARIABLES, ids=lambda v: v.name)
def test_every_variable_changes_the_setting_it_says(variable):
    plain = settings.from_env({"HOME": "/nowhere"})
    changed = settings.from_env({"HOME": "/nowhere", variable.name: variable.example})
    assert getattr(plain, variable.field) != getattr(changed, variable.field)


def test_every_setting_has_a_variable_or_needs_none():
    fields = {field.name for field in dataclasses.fields(settings.Settings)}
    assert {v.field for v in generate_docs.VARIABLES} == fields - WITHOUT_VARIABLE


def test_only_the_settings_read_the_environment():
    readers = []
    for path in TRACKED:
        part = path.relative_to(ROOT).parts
        if path.suffix != ".py" or part[0] not in ("core", "spaces") or "bench" in part:
            continue  # a benchmark hands the environment on to the processes it measures
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_environ = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            if is_environ and isinstance(node.value, ast.Name) and node.value.id == "os":
                readers.append("/".join(part))
    # the hub sets a default there before it imports Gradio
    assert set(readers) <= {"core/settings.py", "core/hub.py"}


# Commands and links


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name):
    text = (ROOT / name).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    assert "test" in named
    assert named <= targets


def test_the_two_commands_of_the_readme_stand_together():
    block = README[README.index("## Two commands") :].split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == [
        "make hub",
        "make test",
    ]


def test_make_knows_a_fitting_python():
    done = subprocess.run(
        ["make", "-n", "hub", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "scripts/install.py" in done.stdout
    assert re.search(r'test -n "/[^"]*python[^"]*"', done.stdout)


def test_ci_does_what_make_test_does():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.read_text("utf-8").rstrip().endswith("exec make test")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:|#|//", target):
            continue
        assert (document.parent / target.split("#")[0]).exists(), f"{target} does not exist"


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert text.startswith("# Changelog\n")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= known


def test_the_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 10_000


# Requirements


def test_the_pins_lie_within_the_ranges_of_the_requirements():
    pinned = {}
    for line in doctor.requirements(ROOT / "requirements-dev.txt"):
        requirement = Requirement(line)
        assert [s.operator for s in requirement.specifier] == ["=="], line
        pinned[requirement.name.lower().replace("_", "-")] = next(
            iter(requirement.specifier)
        ).version
    for line in doctor.requirements():
        wanted = Requirement(line)
        version = pinned[wanted.name.lower().replace("_", "-")]
        assert wanted.specifier.contains(version), f"{line} against {version}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_name_no_index(name):
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE)


def test_torch_stays_below_its_upper_bound():
    line = next(line for line in doctor.requirements() if line.startswith("torch"))
    wanted = Requirement(line).specifier
    assert all(wanted.contains(version) for version in ("2.8.0", "2.11.0", "2.13.0"))
    assert not any(wanted.contains(version) for version in ("2.7.1", "2.14.0"))


def test_every_import_is_required():
    """Third-party modules that the code imports are in requirements.txt, or come with Gradio."""
    known = {_module_name(Requirement(line).name) for line in doctor.requirements()}
    known |= {"starlette", "fastapi", "markdown_it", "pydantic", "packaging"}  # with Gradio
    known |= {"anyio", "httpx", "safehttpx", "yaml"}  # likewise
    known |= {"httpx2"}  # with huggingface_hub
    optional = {"espeakng_loader", "mcp", "spaces", "psycopg", "ray", "gradio_client"}
    found = set()
    for path in TRACKED:
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("core", "spaces"):
            found |= _imports(path)
    standard = set(__import__("sys").stdlib_module_names)
    assert found - standard - known - optional - {"core", "app"} == set()


def _module_name(distribution):
    names = {"scikit-learn": "sklearn", "pillow": "PIL", "sqlalchemy": "sqlalchemy"}
    name = distribution.lower()
    return names.get(name, name.replace("-", "_"))


def _imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_space_cards_name_the_pinned_gradio():
    for slug in registry.slugs():
        card = (ROOT / "spaces" / slug / "README.md").read_text("utf-8")
        version = re.search(r"^sdk_version: (\S+)$", card, re.MULTILINE)
        assert version is not None
        assert f"gradio=={version[1]}" in (ROOT / "requirements-dev.txt").read_text("utf-8")


def test_pins_leave_out_builds_and_installers():
    lines = pins.pins()
    names = [line.split("==")[0].lower() for line in lines]
    assert names == sorted(names, key=lambda name: name.replace("_", "-"))
    assert "pip" not in names
    assert f"torch=={metadata.version('torch').split('+')[0]}" in lines


# The repository


def test_no_file_is_too_large():
    assert file_sizes.too_large([path.relative_to(ROOT) for path in TRACKED]) == []


def test_large_files_are_noticed(tmp_path):
    (tmp_path / "weights").mkdir()
    for name in ("big.bin", "weights/net.safetensors"):
        (tmp_path / name).write_bytes(bytes(file_sizes.MAX_BYTES + 1))
    lines = file_sizes.too_large([tmp_path / "big.bin", tmp_path / "weights/net.safetensors"])
    assert len(lines) == 1
    assert "big.bin has 1,000,001 bytes" in lines[0]


def test_no_text_names_this_machine_or_a_package_index():
    hosts = ["pypi" + ".org", "download.pytorch" + ".org", "pythonhosted" + ".org"]
    machine = [str(ROOT) + "/", str(Path.home()) + "/"]
    for path in TRACKED:
        if path.suffix in (
            ".safetensors",
            ".png",
            ".flac",
            ".wav",
            ".mp3",
            ".ogg",
            ".webm",
            ".m4a",
        ):
            continue
        text = path.read_text("utf-8", errors="replace")
        for word in [*hosts, *machine]:
            assert word not in text, f"{path.relative_to(ROOT)} names {word}"


def test_every_folder_with_code_has_a_docstring_of_its_own():
    for folder in {p.parent for p in TRACKED if p.suffix == ".py"}:
        part = folder.relative_to(ROOT).parts
        if not part or part[0] not in ("core", "spaces") or part == ("spaces",):
            continue
        if "versions" in part:  # Alembic loads its revisions by path
            continue
        package = folder / "__init__.py"
        assert package.exists(), f"the import checker would skip {folder.relative_to(ROOT)}"
        assert ast.get_docstring(ast.parse(package.read_text("utf-8")))
    assert not (ROOT / "spaces" / "__init__.py").exists()
