"""Runs, their artifacts and the inputs they name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Time = sa.Float(53)


def upgrade() -> None:
    """Create the tables of runs and files."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("created", _Time, nullable=False),
        sa.Column("seconds", _Time, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("thumbnail", sa.String(100), nullable=True),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("tier", sa.String(64), nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_owner_method_created", "runs", ["owner", "method", "created"])
    op.create_index("ix_runs_pinned_created", "runs", ["pinned", "created"])
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("touched", _Time, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.create_index("ix_blobs_touched", "blobs", ["touched"])
    op.create_table(
        "run_artifacts",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_run_artifacts"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_run_artifacts_run_id_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_run_artifacts_sha256_blobs"),
    )
    op.create_index("ix_run_artifacts_sha256", "run_artifacts", ["sha256"])
    op.create_table(
        "inputs",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_inputs"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_inputs_sha256_blobs"),
    )
    op.create_table(
        "run_inputs",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "sha256", name="pk_run_inputs"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_run_inputs_run_id_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["inputs.sha256"], name="fk_run_inputs_sha256_inputs"),
    )
    op.create_index("ix_run_inputs_sha256", "run_inputs", ["sha256"])


def downgrade() -> None:
    """Drop the tables of runs and files."""
    for table in ("run_inputs", "inputs", "run_artifacts", "blobs", "runs"):
        op.drop_table(table)
