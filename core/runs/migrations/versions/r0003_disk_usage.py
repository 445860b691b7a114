"""One number that says how many bytes are kept, changed by triggers in the writer's transaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# table, and what a row of it holds; texts are counted in bytes
_COUNTED = {
    "blobs": ("size",),
    "runs": ("request", "result"),
    "answers": ("payload",),
}


def _bytes(table: str, row: str, sqlite: bool) -> str:
    if table == "blobs":
        return f"{row}size"
    count = "length(CAST({} AS BLOB))" if sqlite else "octet_length({})"
    return " + ".join(count.format(row + name) for name in _COUNTED[table])


def upgrade() -> None:
    """Create the counter, fill it, and let triggers keep it."""
    op.create_table(
        "disk_usage",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_disk_usage"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    total = " + ".join(
        f"(SELECT COALESCE(SUM({_bytes(table, '', sqlite)}), 0) FROM {table})" for table in _COUNTED
    )
    op.execute(f"INSERT INTO disk_usage (id, bytes) SELECT 1, {total}")
    for table in _COUNTED:
        for verb, row, sign in (("INSERT", "NEW", "+"), ("DELETE", "OLD", "-")):
            name = f"disk_usage_{table}_{verb.lower()}"
            change = (
                f"UPDATE disk_usage SET bytes = bytes {sign} ({_bytes(table, row + '.', sqlite)}) "
                "WHERE id = 1;"
            )
            if sqlite:
                op.execute(f"CREATE TRIGGER {name} AFTER {verb} ON {table} BEGIN {change} END")
                continue
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {change} RETURN NULL; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {name} AFTER {verb} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {name}()"
            )


def downgrade() -> None:
    """Drop the triggers and the counter."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in _COUNTED:
        for verb in ("insert", "delete"):
            name = f"disk_usage_{table}_{verb}"
            op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
            if not sqlite:
                op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("disk_usage")
