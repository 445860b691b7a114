"""Alembic's entry: migrates over the connection it is given, inside that transaction.

Without one (a developer who runs the `alembic` command) it opens the database of the settings.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy.engine import Connection

from core import settings
from core.runs.database import make_engine
from core.runs.models import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:
    _engine = make_engine(settings.current().resolved_database_url)
    with _engine.execution_options(writes=True).begin() as _connection:
        _run(_connection)
    _engine.dispose()
