"""Settings: sizes, environment, and what cannot be meant."""

from pathlib import Path

import pytest

from core import settings
from core.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("20GiB", 20 * 2**30),
        ("512 MB", 512 * 10**6),
        ("1.5kib", 1536),
        (" 3 b ", 3),
    ],
)
def test_sizes_are_read_with_their_unit(text, size):
    assert settings.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 TB", "1e9", "0x10", "5 5"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match="is not a size"):
        settings.parse_bytes(text)


def test_the_data_folder_follows_the_platform(tmp_path):
    assert settings.from_env({"XDG_DATA_HOME": str(tmp_path)}).data_dir == tmp_path / "vitrine"
    assert settings.from_env({"VITRINE_DATA_DIR": "~/here"}).data_dir == Path.home() / "here"


def test_a_space_whose_home_cannot_be_written_keeps_its_state_in_the_temporary_folder(
    tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(settings.tempfile, "gettempdir", lambda: str(tmp_path / "t"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "file" / "home")  # nobody can make it
    assert settings.from_env({"SYSTEM": "spaces"}).data_dir == tmp_path / "t" / "vitrine"
    assert settings.from_env({}).data_dir == tmp_path / "file/home/.local/share/vitrine"
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert settings.from_env({"SYSTEM": "spaces"}).data_dir == tmp_path / ".local/share/vitrine"


def test_a_user_without_a_home_has_a_data_folder_all_the_same(tmp_path, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(settings.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(Path, "home", nobody)
    assert settings.from_env({}).data_dir == tmp_path / "vitrine"


def test_database_and_artifacts_live_in_the_data_folder_unless_told(tmp_path):
    chosen = settings.Settings(data_dir=tmp_path)
    assert chosen.resolved_database_url == f"sqlite:///{tmp_path}/vitrine.sqlite3"
    assert chosen.resolved_artifact_url == str(tmp_path / "artifacts")
    told = settings.Settings(
        data_dir=tmp_path, database_url="postgresql://x", artifact_url="s3://b"
    )
    assert (told.resolved_database_url, told.resolved_artifact_url) == ("postgresql://x", "s3://b")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VITRINE_PORT", "many", "VITRINE_PORT is 'many'. It must be a whole number"),
        ("VITRINE_PORT", "70000", "port 70000 is out of range"),
        ("VITRINE_QUEUE_SIZE", "1.5", "must be a whole number"),
        ("VITRINE_KEEP_RUNS_DAYS", "week", "must be a number"),
        ("VITRINE_DEVICE", "tpu", "device 'tpu' is unknown"),
        ("VITRINE_VRAM", "lots", "is not a size"),
        ("VITRINE_AUTH", "anna", "lacks a user or a password"),
        ("VITRINE_AUTH", "anna:", "lacks a user or a password"),
        ("VITRINE_AUTH", ":secret", "lacks a user or a password"),
    ],
)
def test_a_wrong_variable_is_refused_in_words(name, value, words):
    with pytest.raises(InputError) as caught:
        settings.from_env({name: value})
    assert words in str(caught.value)


def test_a_password_may_hold_colons():
    assert settings.from_env({"VITRINE_AUTH": "anna:a:b"}).auth == ("anna", "a:b")


def test_a_space_listens_on_every_address_unless_told():
    assert settings.from_env({"SYSTEM": "spaces"}).host == "0.0.0.0"
    assert settings.from_env({"SYSTEM": "spaces", "VITRINE_HOST": "10.0.0.1"}).host == "10.0.0.1"
    assert settings.from_env({}).host == "127.0.0.1"


def test_a_rank_that_is_no_number_is_the_first():
    assert settings.from_env({"RANK": "3"}).process_index == 3
    assert settings.from_env({"RANK": "local"}).process_index == 0


def test_override_changes_the_settings_of_the_process_until_they_are_read_anew():
    before = settings.current()
    assert settings.override(port=8000).port == 8000
    assert settings.current().port == 8000
    settings.use(None)
    assert settings.current() == before


def test_secrets_are_not_in_the_text_of_the_settings():
    env = {
        "VITRINE_AUTH": "anna:hush-hush",
        "VITRINE_DATABASE_URL": "postgresql://anna:hush-hush@host/name",
        "VITRINE_ARTIFACT_URL": "s3://key:hush-hush@bucket",
    }
    chosen = settings.from_env(env)
    assert chosen.auth == ("anna", "hush-hush")
    assert "hush-hush" not in repr(chosen)


def test_the_disk_limit_is_a_size_and_nought_lifts_it():
    assert settings.from_env({}).max_disk == 20 * 2**30
    assert settings.from_env({"VITRINE_MAX_DISK": "1.5GB"}).max_disk == 1_500_000_000
    assert settings.from_env({"VITRINE_MAX_DISK": "0"}).max_disk == 0
    with pytest.raises(InputError, match="negative"):
        settings.Settings(max_disk=-1)


def test_uploads_wait_in_the_data_folder_unless_told(tmp_path):
    assert settings.Settings(data_dir=tmp_path).resolved_upload_dir == tmp_path / "uploads"
    told = settings.from_env({"GRADIO_TEMP_DIR": str(tmp_path / "here")})
    assert told.resolved_upload_dir == tmp_path / "here"


OAUTH = {
    "SYSTEM": "spaces",
    "SPACE_ID": "anna/vitrine",
    "OAUTH_CLIENT_ID": "id",
    "OAUTH_CLIENT_SECRET": "secret",
    "OAUTH_SCOPES": "openid profile contribute-repos",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
}


@pytest.mark.parametrize("missing", [None, *OAUTH])
def test_visitors_may_sign_in_only_on_a_space_that_has_all_of_oauth(missing):
    """With less, Gradio would lend every visitor the account of the machine."""
    env = {name: value for name, value in OAUTH.items() if name != missing}
    assert settings.from_env(env).oauth is (missing is None)
