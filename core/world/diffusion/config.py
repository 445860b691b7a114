"""Sizes and training settings of the world's text-to-image model.

Sizes follow the layout of Stable Diffusion (Rombach et al. 2022, arXiv 2112.10752), cut down to
64x64 pictures; the network predicts the velocity (Salimans & Ho 2022, arXiv 2202.00512).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.world import curriculum
from core.world.curriculum import Curriculum

SCALING_FACTOR = 0.18215  # public code of Stable Diffusion 1.x writes this number down
# Of each channel of a latent, after scaling. Smaller than 1: late times are then truly noisy (Chen 2023, arXiv 2301.10972).
LATENT_DEVIATION = 0.5
PLACEHOLDERS = ("<v1>", "<v2>", "<v3>", "<v4>")  # reserved, so that no request resizes a table


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """Sizes of the parts.

    Attributes:
        image_size: height and width of a picture, pixels; the VAE makes latents of a quarter of it.
        vae_channels: channels of the three levels of the VAE.
        unet_channels: channels of the levels of the UNet, from 16x16 latents down.
        attends: whether each level has attention to itself and to the text.
        text_dim: width of the text tower, and of what the UNet attends to.
        max_length: tokens of a caption, start and end included.
    """

    image_size: int = 64
    vae_channels: tuple[int, ...] = (16, 32, 64)
    vae_groups: int = 8
    unet_channels: tuple[int, ...] = (64, 128, 128)
    attends: tuple[bool, ...] = (False, True, True)
    unet_heads: int = 4
    unet_groups: int = 16
    text_dim: int = 128
    text_layers: int = 2
    text_heads: int = 4
    max_length: int = 24

    @property
    def latent_size(self) -> int:
        """Height and width of a latent."""
        return self.image_size // 2 ** (len(self.vae_channels) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeTraining:
    """How the VAE is trained; batch sizes count all processes together."""

    num_steps: int = 6_500
    batch_size: int = 16
    lr: float = 1.5e-3
    warmup_steps: int = 50
    l1: float = 0.25
    edges: float = 0.25  # weight of the L1 distance between neighbouring pixels' differences
    kl: float = 1e-6
    ema_decay: float = 0.998
    save_every: int = 500
    log_every: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetTraining:
    """How the UNet and the text tower are trained, together."""

    num_steps: int = 18_000
    batch_size: int = 32
    lr: float = 1e-3
    warmup_steps: int = 200
    drop_caption: float = 0.1
    ema_decay: float = 0.999
    save_every: int = 500
    log_every: int = 50
    # Shares of the uses in the first steps: single subjects first, because pose and colour bind there.
    first_steps: int = 18_000
    first_mix: tuple[tuple[str, float], ...] = (
        ("subject", 0.55),
        ("template", 0.20),
        ("planted", 0.10),
        ("pair", 0.15),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Everything that decides the weights."""

    name: str
    world: str = "small"  # a curriculum of `core.world.curriculum`
    net: NetConfig = field(default_factory=NetConfig)
    num_pictures: int = 60_000
    vae: VaeTraining = field(default_factory=VaeTraining)
    unet: UNetTraining = field(default_factory=UNetTraining)
    mixed_precision: str = "bf16"
    seed: int = 0

    @property
    def curriculum(self) -> Curriculum:
        """The part of the world that is learnt."""
        return getattr(curriculum, self.world)()


def smoke() -> Training:
    """A minute on one core: proves the recipe, teaches nothing."""
    return Training(
        name="smoke",
        world="tiny",
        net=NetConfig(
            vae_channels=(8, 8, 8), vae_groups=4, unet_channels=(16, 16), unet_groups=4,
            attends=(False, True), text_dim=32, text_layers=1, text_heads=2, unet_heads=2,
        ),
        num_pictures=400,
        vae=VaeTraining(num_steps=20, batch_size=8, save_every=10, log_every=5, warmup_steps=2),
        unet=UNetTraining(num_steps=20, batch_size=8, save_every=10, log_every=5, warmup_steps=2),
        mixed_precision="no",
    )  # fmt: skip


def cpu() -> Training:
    """The shipped weights: some hours on two processor cores."""
    return Training(name="cpu")


def gpu() -> Training:
    """The whole world on one accelerator."""
    return Training(
        name="gpu",
        world="full",
        net=NetConfig(
            vae_channels=(32, 64, 128), vae_groups=16, attends=(True, True, False), text_layers=3
        ),
        num_pictures=400_000,
        vae=VaeTraining(num_steps=40_000, batch_size=64, lr=5e-4),
        unet=UNetTraining(num_steps=60_000, batch_size=128, lr=5e-4, save_every=2_000),
    )


PRESETS = {"smoke": smoke, "cpu": cpu, "gpu": gpu}
