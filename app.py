"""Vitrine: `python app.py` starts the hub, `python app.py --help` lists the commands."""

import sys

import core.gpu  # noqa: F401  # first: settles what `import spaces` means

try:
    from core.cli import main
except ModuleNotFoundError as error:
    if (error.name or "core").startswith("core"):
        raise
    sys.exit(
        f"error: {error.name} is not installed for {sys.executable}. The environment that `make hub` "
        "makes has it. Write .venv/bin/python app.py, or activate .venv first."
    )

if __name__ == "__main__":
    main()
