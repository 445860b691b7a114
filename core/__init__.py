"""Services that the methods share. `core` knows no method by name."""

__version__ = "0.1.0"  # the same as in pyproject.toml; a test compares them
