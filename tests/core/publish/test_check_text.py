"""Rules on texts: secrets, folders of a machine, imports, the card. Each bites on a planted one."""

from __future__ import annotations

import base64
import random
import string
import sys

import pytest

from core.publish.rules import card, imports, paths, secrets
from core.publish.rules.secrets import found_in
from tests.core.publish.conftest import changed, errors, seeing

# never written out, so that no scanner takes this file for a leak
RANDOM = random.Random(7)


def drawn(n, letters=string.ascii_letters + string.digits):
    return "".join(RANDOM.choice(letters) for _ in range(n))


def test_an_export_as_it_was_built_has_no_fault(seen):
    for rule in (secrets, paths, imports, card):
        assert errors(rule, seen) == []


# secrets

SECRETS = {
    "hub": "hf_" + drawn(34),
    "aws": "AKIA" + drawn(16, string.ascii_uppercase + string.digits),
    "key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMII\n",
    "plain key": "-----BEGIN " + "PRIVATE KEY-----\nMII\n",
    "github": "ghp_" + drawn(36),
    "github, fine": "github_pat_" + drawn(60),
    "openai": "sk-" + drawn(40),
    "anthropic": "sk-ant-api03-" + drawn(40),
    "google": "AIza" + drawn(35),
    "slack": "xoxb-" + drawn(24, string.digits),
    "jwt": "eyJ" + drawn(20) + ".eyJ" + drawn(30) + "." + drawn(30),
    "bearer": "Authorization: Bearer " + drawn(32),
    "address": "postgresql://anna:" + drawn(12) + "@db.example.org/runs",
    "assigned": f'SECRET_KEY = "{drawn(32)}"',
    "in json": f'{{"api_key": "{drawn(32, "0123456789abcdef")}"}}',
    "in env": f"DB_PASSWORD={drawn(20)}",
    "as argument": f'connect(token="{drawn(24)}")',
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_a_text_is_an_error(kind):
    assert len(list(found_in(f"x = 1\n{SECRETS[kind]}\n"))) >= 1


def test_a_secret_is_told_by_kind_and_line_and_never_repeated(tree):
    (tree.folder / "core" / "notes.md").write_text(f"# Notes\n\nmy token is {SECRETS['hub']}\n")
    [(file, what)] = errors(secrets, tree)
    assert file == "core/notes.md"
    assert "a token of the Hugging Face Hub in line 3" in what
    assert SECRETS["hub"] not in what


def test_a_secret_inside_binary_files_is_an_error(tree):
    weights, clip = "spaces/trill/weights/x.safetensors", "spaces/trill/examples/x.flac"
    (tree.folder / weights).write_bytes(b"\0\1\xff" + SECRETS["hub"].encode() + b"\0")
    (tree.folder / clip).write_bytes(b"fLaC\0" + SECRETS["aws"].encode() + b"\0")
    assert {file for file, _ in errors(secrets, tree)} == {weights, clip}


@pytest.mark.parametrize(
    "text",
    [
        'token = os.environ["HF_TOKEN"]',
        "hf_hub_download(repo_id, filename)",
        'SECRET = "vitrine-browser-secret"',
        'password = settings.current().auth[1]',
        "--auth USER:PASS",
        "https://huggingface.co/spaces/anna/trill",
        "http://127.0.0.1:7860/gradio_api/call/trill_compare",
        "postgresql+psycopg://host/name",
        '"sha256": "c129717204cef424c24c0dace641989d5aa097595722de90d9e63499a2640bb5"',
        "token_type_ids = torch.zeros(1, 12)",
        'api_key = "your-api-key-goes-here"',
        "max_tokens=4096, num_tokens: 1024",
        "Authorization: Bearer $HF_TOKEN",
        "Authorization: Bearer YOUR_TOKEN_HERE",
        "task-embedding-speech-and-voice-features-of-clips",
        "secret_factory = default_secret_factory_v2",
        'f"{scheme}://{user}:{password}@{host}/"',
        base64.b64encode(bytes(range(256)) * 3).decode(),
    ],
)  # fmt: skip
def test_what_only_resembles_a_secret_is_none(text):
    assert list(found_in(text)) == []


def test_random_bytes_hold_no_secret():
    data = random.Random(0).randbytes(2 * 10**6)
    assert list(found_in(data.decode("latin-1"), is_text=False)) == []
    text = base64.b64encode(data[: 10**6]).decode()
    assert list(found_in(text)) == []


# folders of a machine


@pytest.mark.parametrize(
    "path",
    [
        "/home/anna/vitrine", "/Users/anna/data", "/root" + "/x", "/tmp/export-1", "/mnt/disk/clips",
        "/var/folders/ab/cd", "/private/tmp/x", "C:\\Users\\anna\\x", "D:\\\\data\\\\x", "file:///etc/x",
        "/workspace/run", "/Volumes/Disk/x",
    ],
)  # fmt: skip
def test_a_folder_of_a_machine_is_an_error(path):
    found = list(paths.found_in(f'"""A place."""\n\nWHERE = "{path}"\n'))
    assert len(found) == 1
    assert found[0][0].startswith(path[:5])


def test_the_line_of_a_path_is_told(seen):
    tree = seeing(seen, {"core/place.py": "\n\nWHERE = '/home/anna'\n"})
    [(file, what)] = errors(paths, tree)
    assert file == "core/place.py"
    assert "/home/anna in line 3" in what


def test_the_folders_of_this_very_machine_are_an_error(seen):
    texts = {
        "core/a.json": f'{{"made_in": "{seen.folder}/core"}}',
        "core/b.md": f"run {sys.prefix}/bin/python",
    }
    tree = seeing(seen, texts)
    assert {file for file, _ in errors(paths, tree)} == {"core/a.json", "core/b.md"}


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/home/anna", "app/tmp/x", "/usr/lib/postgresql", "/proc/driver/nvidia",
        "/srv/vitrine", "/data", "/healthz", "~/.local/share/vitrine", "~/home/x", "spaces/trill/ui.py",
        "/gradio_api/mcp/", "a /tmp folder", r"re.compile(r'\w:\s+')", "POST /root",
    ],
)  # fmt: skip
def test_other_paths_are_none_of_this_machine(text):
    assert list(paths.found_in(text)) == []


# imports


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("import pytest", "pytest"),
        ("import yaml.loader, hypothesis.strategies", "hypothesis.strategies"),
        ("from tests.serving import served", "tests.serving"),
        ("from scripts import pins", "scripts"),
        ("import core.nothing", "core.nothing"),
        ("from core import nothing", "core.nothing"),
        ("from core.registry import Nothing", "core.registry.Nothing"),
        ("from core.methods.other import SPEC", "core.methods.other"),
        ("from core.methods.trill.nothing import x", "core.methods.trill.nothing"),
        ("def f():\n    import ray", "ray"),
        ("import importlib\nm = importlib.import_module('core.nothing')", "core.nothing"),
        ("if True:\n    import wandb", "wandb"),
        ("try:\n    import wandb\nexcept ValueError:\n    pass", "wandb"),
        ("try:\n    x = 1\nexcept ImportError:\n    import wandb", "wandb"),
    ],
)
def test_an_import_of_what_is_not_carried_is_an_error(seen, line, missing):
    found = errors(imports, seeing(seen, {"core/extra.py": line}))
    assert [file for file, _ in found] == ["core/extra.py"]
    assert f"imports {missing} in line" in found[0][1]


def test_a_relative_import_of_a_method_is_followed(seen):
    text = "from . import nothing, ui\nfrom .gone import x\n"
    found = errors(imports, seeing(seen, {"spaces/trill/extra.py": text}))
    assert [what.split()[1] for _, what in found] == [
        "core.methods.trill.nothing",
        "core.methods.trill.gone",
    ]


def test_a_removed_module_is_missed_by_those_who_import_it(seen):
    tree = seeing(seen, {}, without=("spaces/trill/algorithm.py",))
    assert any("core.methods.trill.algorithm" in what for _, what in errors(imports, tree))


@pytest.mark.parametrize(
    "line",
    [
        "import PIL.Image, sklearn.svm, yaml, av",
        "from starlette.middleware import Middleware",
        "try:\n    import wandb\nexcept ImportError:\n    wandb = None",
        "try:\n    import wandb\nexcept (OSError, ModuleNotFoundError):\n    wandb = None",
        "import importlib.util\nif importlib.util.find_spec('wandb'):\n    import wandb",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import wandb",
        "import core.gpu\nfrom core import registry, __version__\nfrom core.ui import page",
        "import tomllib, secrets, concurrent.futures",
    ],
)
def test_an_import_that_is_carried_declared_or_may_be_absent_is_none(seen, line):
    assert errors(imports, seeing(seen, {"core/extra.py": line})) == []


def test_a_declared_requirement_that_goes_is_missed(seen):
    tree = changed(seen, "requirements.txt", "soxr==", "soxx==")
    assert any("imports soxr" in what for _, what in errors(imports, tree))


def test_a_file_that_is_no_python_is_an_error(seen):
    assert "is no Python" in errors(imports, seeing(seen, {"core/extra.py": "def :"}))[0][1]


# the card


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: TRILL\n", "", "lacks title"),
        ("title: TRILL\n", "title: ''\n", "a text"),
        ("emoji: 🎙️", "emoji: microphone", "one emoji"),
        ("colorFrom: green", "colorFrom: teal", "one of red"),
        ("sdk: gradio", "sdk: docker", "gradio"),
        ("sdk_version: 6.31.0", "sdk_version: '6.31'", "exact version"),
        ("python_version: 3.12.12", "python_version: 3.1x", "such as 3.12"),
        ("app_file: app.py", "app_file: main.py", "app.py"),
        ("license: apache-2.0\n", "", "lacks license"),
        ("short_description: Hear", "short_description: Really, you must hear", "at most 60"),
        ("- mcp-server\n", "", "mcp-server"),
        ("- vitrine\n", "", "vitrine"),
        ("suggested_hardware: zero-a10g", "suggested_hardware: gpu", "hardware"),
        ("suggested_hardware: zero-a10g", "suggested_hardware: t4-small", "was planned"),
        ("hf_oauth: true", "hf_oauth: false", "hf_oauth must be true"),
        ("- contribute-repos", "- contribute-repos\n- manage-repos", "more than it needs"),
        ("app_file: app.py", "app_file: app.py\npreload_from_hub:\n- a/b main", "commit"),
        ("app_file: app.py", f"app_file: app.py\npreload_from_hub:\n- a/b {'a' * 40}", "must hold 0"),
        ("app_file: app.py", "app_file: app.py\nmodels:\n- just-a-name", "owner/name"),
        ("app_file: app.py", "app_file: app.py\nthumbnail: card.svg", "https"),
        ("app_file: app.py", "app_file: app.py\nstartup_duration_timeout: long", "such as 1h"),
        ("spaces/trill/weights/CARD.md", "weights/CARD.md", "links to weights/CARD.md"),
        ("---\ntitle", "---\n{title", "no front matter"),
        ("---\ntitle", "title", "no front matter"),
    ],
)  # fmt: skip
def test_a_card_that_the_platform_would_refuse_is_an_error(seen, old, new, said):
    found = errors(card, changed(seen, "README.md", old, new))
    assert {file for file, _ in found} == {"README.md"}
    assert any(said in what for _, what in found), found


def test_a_readme_that_says_nothing_is_an_error(seen):
    head = seen.texts["README.md"].partition("\n---\n")[0]
    tree = seeing(seen, {"README.md": f"{head}\n---\n\n# TRILL\n"})
    assert "next to nothing" in errors(card, tree)[0][1]
