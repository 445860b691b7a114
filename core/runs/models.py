"""The tables of the run store, as SQLAlchemy metadata; `migrations/` creates them.

JSON is kept as canonical text: the same on SQLite and PostgreSQL, byte for byte. Times are seconds
since the epoch. `touched` of a blob is when it was last claimed by a writer; garbage collection
leaves young blobs alone.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself
_Time = Float(53)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("method", String(64), nullable=False),
    Column("title", String(200), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created", _Time, nullable=False),
    Column("seconds", _Time, nullable=False),
    Column("request", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("thumbnail", String(100), nullable=True),
    Column("pinned", Boolean, nullable=False),
    Column("tier", String(64), nullable=False),
    Column("versions", Text, nullable=False),
    Index(None, "owner", "method", "created"),
    Index(None, "pinned", "created"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("touched", _Time, nullable=False),
    Index(None, "touched"),
)

run_artifacts = Table(
    "run_artifacts",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("sha256", ForeignKey("blobs.sha256"), nullable=False),
    Column("media_type", String(100), nullable=False),
    Index(None, "sha256"),
)

inputs = Table(
    "inputs",
    metadata,
    Column("sha256", ForeignKey("blobs.sha256"), primary_key=True),
    Column("media_type", String(100), nullable=False),
)

run_inputs = Table(
    "run_inputs",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", ForeignKey("inputs.sha256"), primary_key=True),
    Index(None, "sha256"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("method", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("payload", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created", _Time, nullable=False),
    Index(None, "method", "subject"),
)

# One row, changed by triggers on the tables above and by nobody else; see `core.runs.quota`.
disk_usage = Table(
    "disk_usage",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("bytes", BigInteger, nullable=False),
)
