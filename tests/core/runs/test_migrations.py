"""Migrations: from nothing, from an older revision, by several at once, and never half."""

from __future__ import annotations

import sys
import threading

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from core.errors import VitrineError
from core.runs import database, models
from core.runs.run_store import RunStore


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deeper/runs.sqlite3"
    return request.getfixturevalue("postgres")()


@pytest.fixture
def engine(url):
    made = database.make_engine(url)
    yield made
    made.dispose()


def upgrade(engine, revision):
    with engine.execution_options(writes=True).begin() as connection:
        command.upgrade(database.alembic_config(connection), revision)


def test_the_newest_revision_is_the_one_the_code_expects():
    scripts = ScriptDirectory.from_config(database.alembic_config())
    assert scripts.get_heads() == [database.HEAD]


def test_the_migrations_make_exactly_the_tables_of_the_models(engine):
    database.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, models.metadata) == []


def test_an_older_database_is_upgraded_and_keeps_its_runs(engine, url, tmp_path):
    if engine.dialect.name == "sqlite":
        database._enter_wal(engine)
    upgrade(engine, "0001")
    assert "answers" not in inspect(engine).get_table_names()
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO runs (id, method, title, owner, created, seconds, request, result, "
                "pinned, tier, versions) VALUES (:id, 'trill', 'old', 'anna', 1.5, 2.5, "
                ":request, '{}', :pinned, 'embedded', '{}')"
            ),
            {"id": "ab" * 16, "request": '{"seed":1}', "pinned": True},
        )
    store = RunStore(url, str(tmp_path / "files"))
    run = store.get("ab" * 16)
    assert (run.title, run.request, run.pinned, run.created) == ("old", {"seed": 1}, True, 1.5)
    store.answers.add(method="trill", subject=run.id, payload={"vote": 1})
    assert store.answers.count(method="trill") == 1
    store.close()


def test_every_revision_can_be_undone(engine):
    database.migrate(engine)
    with engine.execution_options(writes=True).begin() as connection:
        command.downgrade(database.alembic_config(connection), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    database.migrate(engine)
    assert "answers" in inspect(engine).get_table_names()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(engine):
    database.migrate(engine)
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(VitrineError, match="Start the newer version"):
        database.migrate(engine)
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
        )


def test_a_migration_that_fails_leaves_the_older_state(engine, monkeypatch):
    def fail_late(connection):
        command.upgrade(database.alembic_config(connection), "head")
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_upgrade", fail_late)
    with pytest.raises(KeyboardInterrupt):
        database.migrate(engine)
    assert inspect(engine).get_table_names() == []


def test_many_threads_with_engines_of_their_own_migrate_at_once(url):
    errors, barrier = [], threading.Barrier(4)

    def migrate():
        engine = database.make_engine(url)
        try:
            barrier.wait(timeout=30)
            database.migrate(engine)
        except Exception as error:  # whatever it is, the test shows it
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_threads_migrate_different_databases_at_once(tmp_path):
    errors, barrier = [], threading.Barrier(4)

    def open_and_save(number):
        try:
            barrier.wait(timeout=30)
            store = RunStore(f"sqlite:///{tmp_path}/{number}.sqlite3", str(tmp_path / "files"))
            store.save(method="m", request={}, result={}, artifacts={})
            store.close()
        except Exception as error:  # whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=open_and_save, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_sqlite_is_set_to_wal_full_sync_and_foreign_keys(tmp_path):
    engine = database.make_engine(f"sqlite:///{tmp_path}/a.sqlite3")
    database.migrate(engine)
    with engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert asked == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    engine.dispose()


def test_a_password_in_the_database_address_is_not_shown(tmp_path, caplog):
    url = f"postgresql://anna:hush-hush@/x?host={tmp_path}"
    with pytest.raises(VitrineError) as caught:
        RunStore(url, str(tmp_path / "files"))
    assert "hush-hush" not in str(caught.value) + caplog.text


def test_a_missing_postgresql_driver_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(VitrineError, match="pip install"):
        database.make_engine("postgresql://anna@/x")
