"""Vitrine: `python app.py` starts the hub, `python app.py --help` lists the commands."""

import core.gpu  # noqa: F401  # first: settles what `import spaces` means
from core.cli import main

if __name__ == "__main__":
    main()
