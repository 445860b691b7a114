"""What a method's page and its public endpoints do alike for every kind of request.

    VERBS = Verbs(SPEC, KINDS, RESULTS, calls=api_arguments.CALLS, title=title, in_words=in_words)

    frame.action("edit", ..., **VERBS.action("edit"))                      # on the page
    CALLS = Calls(SPEC, work=VERBS.work, keep=VERBS.keep, answer=RESULTS.to_dict)

The work is `pipeline.run` of the method's folder, imported by the job's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.registry import MethodSpec
from core.runs.kinds import Kinds
from core.runs.request import to_json
from core.ui import links
from core.ui.actions import Kept

PICTURE = "picture.png"
"""The file of a result that is its thumbnail; it carries the request, so that dropping it reopens it."""

Call = tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]


@dataclass(frozen=True)
class Verbs:
    """The kinds of a method.

    Attributes:
        spec: the method's card.
        requests: what can be asked.
        results: what is answered.
        calls: for each kind, the endpoint that does the same and `(request as JSON) -> arguments`.
        title: `(request, result) -> str` for the history.
        in_words: `request -> str`, the settings that somebody may want to know again.
    """

    spec: MethodSpec
    requests: Kinds[Any]
    results: Kinds[Any]
    calls: Mapping[str, Call]
    title: Callable[[Any, Any], str]
    in_words: Callable[[Any], str]

    @property
    def work(self) -> str:
        """The work of every kind, by name: torch is loaded where it runs."""
        return f"core.methods.{self.spec.slug}.pipeline:run"

    def keep(self, request: Any, result: Any) -> Kept:
        """What is stored of a result."""
        from core.runs.png import write_png

        files = dict(result.files)
        if PICTURE in files:
            settings = links.Settings(self.spec.slug, request.kind, to_json(request))
            files[PICTURE] = write_png(files[PICTURE], links.envelope(settings))
        return Kept(
            result=self.results.to_dict(result),
            artifacts=files,
            thumbnail=PICTURE if PICTURE in files else None,
            title=self.title(request, result),
            tier=getattr(request, "tier", "") or getattr(result, "tier", "embedded"),
        )

    def action(self, kind: str) -> dict[str, Any]:
        """The arguments of `Page.action` that do not differ between the actions of a page."""
        api_name, arguments = self.calls[kind]
        return {
            "work": self.work,
            "keep": self.keep,
            "restore": lambda run: self.results.from_dict(run.result),
            "parse": lambda data: self.requests.from_dict(data, kind),
            "describe": lambda data: self.in_words(self.requests.from_dict(data, kind)),
            "api_name": api_name,
            "api_arguments": arguments,
        }
