"""What is to be published, and for which machine. Decided once, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core import registry
from core.errors import InputError
from core.registry import HubModel, Tier

HUB = "hub"  # stands for all methods together
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LONGEST_REPO = 96  # what the Hugging Face Hub allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One Space: which methods, as one page or a hub, on which hardware.

    Args:
        methods: slugs, in the order of the landing page.
        single: the only method stands at `/`; otherwise the landing page does.
        repo: `OWNER/NAME`; empty for an export that stays here.
        hardware: an id of the platform, such as `zero-a10g` or `cpu-basic`.
        private: only its owner may see the Space.
        full: the models of the full tiers are fetched while the Space is built.
        oauth: visitors may log in with their account of the platform.
        torch_index: https address of a package index with CPU builds of torch, for a CPU only;
            empty takes the default build, which runs there too but is larger.
    """

    methods: tuple[str, ...]
    single: bool
    repo: str = ""
    hardware: str = "zero-a10g"
    private: bool = False
    full: bool = False
    oauth: bool = True
    torch_index: str = ""

    @property
    def name(self) -> str:
        """What was asked for: the slug of the method, or `hub`."""
        return self.methods[0] if self.single else HUB

    @property
    def zero(self) -> bool:
        """Whether the hardware is ZeroGPU: a GPU that is lent for one call at a time."""
        return self.hardware.startswith("zero-")

    @property
    def cpu(self) -> bool:
        """Whether the hardware has no GPU at all."""
        return self.hardware.startswith("cpu-")

    def preloaded(self) -> Iterator[HubModel]:
        """The models to fetch while the Space is built, each once; none unless `full`."""
        if self.full:
            found = [m for slug in self.methods for t in _full_tiers(slug) for m in t.models]
            yield from dict.fromkeys(found)


def plan_for(
    name: str,
    *,
    repo: str = "",
    hardware: str = "zero-a10g",
    private: bool = False,
    full: bool = False,
    oauth: bool = True,
    torch_index: str = "",
) -> Plan:
    """Plan the Space of one method, or of the hub with all methods.

    Args:
        name: slug of a method, or `hub`.
        repo: `OWNER/NAME`, or empty.
        hardware: an id of the platform.
        private: only its owner may see the Space.
        full: carry the full tiers too, which must then name pinned models.
        oauth: offer the platform's login.
        torch_index: https address of a package index with CPU builds of torch, or empty.

    Raises:
        NotFoundError: there is no such method.
        InputError: the repository, the hardware, the index or the wish for a full tier cannot be
            meant.
    """
    check_repo(repo)
    check_hardware(hardware)
    check_torch_index(torch_index, hardware)
    if name == HUB:
        methods = tuple(spec.slug for spec in registry.specs())
        if not methods:
            raise InputError("There is no method in spaces/. Add one before publishing the hub.")
    else:
        methods = (registry.load(name).slug,)
    chosen = Plan(
        methods=methods,
        single=name != HUB,
        repo=repo,
        hardware=hardware,
        private=private,
        full=full,
        oauth=oauth,
        torch_index=torch_index,
    )
    if full and not list(chosen.preloaded()):
        raise InputError(
            f"--full was given, but no full tier of {', '.join(methods)} names a pinned model on the "
            "Hub. The embedded tier is always in the export. Leave --full out."
        )
    return chosen


def check_repo(repo: str) -> None:
    """Raise InputError unless `repo` is empty or a name that the platform takes."""
    wrong = "--" in repo or ".." in repo or repo.endswith((".git", ".", "-"))
    if repo and (wrong or len(repo) > _LONGEST_REPO or not _REPO.fullmatch(repo)):
        raise InputError(
            f"{repo!r} is no name of a Space. OWNER/NAME is needed, in letters, digits, -, _ and . "
            "Write, for instance, --repo anna/trill."
        )


def check_hardware(hardware: str) -> None:
    """Raise InputError unless the platform has such hardware."""
    known = hardware_names()
    if hardware not in known:
        raise InputError(
            f"{hardware!r} is no hardware of the platform. Known: {', '.join(known)}. "
            "zero-a10g is free; choose one of them with --hardware."
        )


def check_torch_index(address: str, hardware: str) -> None:
    """Raise InputError unless `address` is empty, or an https address for hardware without a GPU."""
    if not address:
        return
    if not hardware.startswith("cpu-"):
        raise InputError(
            f"--torch-index was given for {hardware}, which has a GPU and needs the default build of "
            "torch. It serves cpu-basic and cpu-upgrade. Leave it out."
        )
    if not re.fullmatch(r"https://[\w.-]+(/[\w./-]*)?", address):
        raise InputError(
            f"{address!r} is no address of a package index. One with https and without a password "
            "works. Copy it from the installation page of PyTorch, for the platform CPU."
        )


def hardware_names() -> tuple[str, ...]:
    """Ids of the hardware that a Space can ask for, as the Hub's own library lists them."""
    from huggingface_hub import SpaceHardware

    return tuple(hardware.value for hardware in SpaceHardware)


def _full_tiers(slug: str) -> Iterator[Tier]:
    yield from (tier for tier in registry.load(slug).tiers if tier.name == "full")
