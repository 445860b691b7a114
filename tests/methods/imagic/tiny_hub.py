"""The real hub with Imagic on a tiny random model, in a process of its own: `python -m tests.methods.imagic.tiny_hub`.

Start it with `tests.serving.served(folder, command=COMMAND)`.
"""

from __future__ import annotations

import contextlib

COMMAND = ("-m", "tests.methods.imagic.tiny_hub")


def main() -> None:
    import core.gpu  # noqa: F401  # first, as in every entry point
    from core import settings
    from core.cli import main as command
    from core.methods.imagic import borrowing
    from core.world.diffusion import loading
    from tests.core.world.diffusion.tiny import tiny_pipeline
    from tests.methods.imagic.borrowed import PlainJudge

    folder = settings.current().data_dir / "text_to_image"
    tiny_pipeline().save_pretrained(folder, safe_serialization=True)
    loading.FOLDER = folder

    @contextlib.contextmanager
    def judging(job, tier):
        yield PlainJudge()

    borrowing.judging = judging
    command(["hub", "--methods", "imagic"])


if __name__ == "__main__":
    main()
