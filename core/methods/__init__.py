"""Makes `spaces/<method>/` importable as `core.methods.<method>`.

The folder `spaces/` must not be a package of its own: on a Space, Gradio imports the platform's
package of that name and calls into it, so a folder that shadows it breaks every app.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "spaces")]
