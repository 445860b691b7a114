"""Runs a published Space as the platform does: the received tree in a clean process of its own."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from tests.serving import clean_env, served

from .repo import Repo
from .server import Hub


class Platform:
    """Builds and starts each Space of an imitated Hub when a commit comes in."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub, self._folder = hub, folder
        self._running: dict[str, contextlib.ExitStack] = {}
        self._threads: list[threading.Thread] = []
        self.trees: dict[str, Path] = {}

    def __enter__(self) -> Platform:
        self._hub.on_commit = self._start
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.on_commit = None
        for thread in self._threads:
            thread.join()
        for stack in self._running.values():
            stack.close()

    def _start(self, repo: Repo) -> None:
        repo.stage = "BUILDING"
        thread = threading.Thread(target=self._run, args=(repo, repo.commits[-1]))
        self._threads.append(thread)
        thread.start()

    def _run(self, repo: Repo, commit: str) -> None:
        if old := self._running.pop(repo.name, None):
            old.close()
        state = self._folder / f"{repo.name.replace('/', '-')}-{len(repo.commits)}"
        tree = self._hub.write_tree(repo.name, state / "app")
        self.trees[repo.name] = tree
        stack = contextlib.ExitStack()
        repo.stage = "APP_STARTING"
        env = clean_env(
            state, SYSTEM="spaces", SPACE_ID=repo.name, VITRINE_HOST="127.0.0.1", **repo.variables
        )
        try:
            repo.host = stack.enter_context(
                served(state, tree=tree, command=("app.py",), env={**env, **repo.secrets})
            )
        except AssertionError as error:
            repo.logs["run"] = str(error).splitlines()
            repo.stage = "RUNTIME_ERROR"
            return
        self._running[repo.name] = stack
        repo.running_commit, repo.stage = commit, "RUNNING"
