"""Alembic migrations of the run store; run by `core.runs.database.migrate`."""
