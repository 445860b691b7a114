"""Human answers, which the database itself keeps from being changed or removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the append-only table of answers."""
    op.create_table(
        "answers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
    )
    op.create_index("ix_answers_method_subject", "answers", ["method", "subject"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER answers_no_{verb.lower()} BEFORE {verb} ON answers "
                "BEGIN SELECT RAISE(ABORT, 'answers are append-only'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION answers_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'answers are append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER answers_append_only BEFORE UPDATE OR DELETE ON answers "
            "FOR EACH ROW EXECUTE FUNCTION answers_append_only()"
        )


def downgrade() -> None:
    """Drop the table of answers."""
    op.drop_table("answers")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION answers_append_only()")
