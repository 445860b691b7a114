"""ResNetish: ResNet for log-mel patches (Hershey et al. 2017), the network of TRILL.

One class for both tiers. Sizes on a 96x64 patch, full tier: stem 7x7 with stride 1 gives 96x64x64,
max-pool 48x32, stages 48x32x256, 24x16x512, 12x8x1024, 6x4x2048, average, linear 512.
`layer19` of the full tier is the output, after ReLU, of the third bottleneck of stage 2, averaged
over 4x4 cells and flattened to 6 x 4 x 512 = 12,288 values (whether the authors took it before or
after ReLU is not documented). The embedded tier takes statistics over time at several depths.
"""

# P patches, T time, M mel bands, C channels, D width of an output

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .config import NetConfig

_STD_FLOOR = 1e-5  # under the root: the gradient of a std is infinite at zero


@dataclass(frozen=True, slots=True)
class Outputs:
    """What one pass gives: both outputs of TRILL, (P, D) and (P, D2), neither normalised."""

    embedding: Tensor
    layer19: Tensor


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)
    )


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, width, 3, stride)
        self.conv2 = _conv(width, width, 3)
        same = stride == 1 and inputs == width
        self.shortcut = nn.Identity() if same else _conv(inputs, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, C, T, M) to (P, width, T / stride, M / stride)."""
        return (self.conv2(self.conv1(x).relu_()) + self.shortcut(x)).relu_()


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the width, and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = _conv(inputs, width, 1)
        self.conv2 = _conv(width, width, 3, stride)
        self.conv3 = _conv(width, outputs, 1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (P, C, T, M) to (P, 4 width, T / stride, M / stride)."""
        y = self.conv2(self.conv1(x).relu_()).relu_()
        return (self.conv3(y) + self.shortcut(x)).relu_()


def statistics(x: Tensor, cells: int) -> Tensor:
    """Mean and std over time of each channel and frequency cell, (P, C, T, M) to (P, 2 C cells)."""
    if x.shape[3] != cells:
        x = nn.functional.avg_pool2d(x, (1, x.shape[3] // cells))
    x = x.permute(0, 2, 3, 1).flatten(2)  # (P, T, cells C): the layout in memory, ten times faster
    mean = x.mean(1)
    std = ((x - mean[:, None]).square().mean(1) + _STD_FLOOR).sqrt()
    return torch.cat(
        [y.unflatten(1, (cells, -1)).transpose(1, 2).flatten(1) for y in (mean, std)], 1
    )


class ResNetish(nn.Module):
    """The network: log-mel patches (P, 96, 64) in nats to `embedding` and `layer19`."""

    def __init__(self, cfg: NetConfig) -> None:
        super().__init__()
        self.cfg = cfg
        block = Basic if cfg.block == "basic" else Bottleneck
        self.stem = _conv(1, cfg.widths[0], 7)
        self.pool = nn.MaxPool2d(3, 2, 1)
        inputs, stages = cfg.widths[0], []
        for number, (width, depth) in enumerate(zip(cfg.widths, cfg.depths, strict=True)):
            blocks = []
            for index in range(depth):
                stride = 2 if index == 0 and number > 0 else 1
                blocks.append(block(inputs, width, stride))
                inputs = block.expansion * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(inputs, cfg.embedding_dim)

    def maps(self, patches: Tensor) -> list[Tensor]:
        """Maps of the stem's pool and of the four stages, each (P, C, T, M)."""
        x = ((patches - self.cfg.input_mean) / self.cfg.input_std).unsqueeze(1)
        x = self.pool(self.stem(x).relu_())
        maps = [x]
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def head_of(self, last: Tensor) -> Tensor:
        """Average the last stage's map and project it, (P, C, T, M) to (P, D)."""
        return self.head(last.mean((2, 3)))

    def _layer19_map(self, x: Tensor) -> Tensor:
        for index in range(3):
            x = self.stages[1][index](x)  # type: ignore[index]
        return nn.functional.avg_pool2d(x, 4).flatten(1)

    def forward(self, patches: Tensor) -> Outputs:
        """Both outputs for (P, 96, 64) patches of log-mel."""
        maps = self.maps(patches)
        if self.cfg.layer19 == "map":
            layer19 = self._layer19_map(maps[1])
        else:
            parts = [statistics(maps[index], cells) for index, cells in self.cfg.statistics]
            layer19 = torch.cat(parts, 1)
        return Outputs(embedding=self.head_of(maps[-1]), layer19=layer19)


def num_parameters(module: nn.Module) -> int:
    """Count the trainable numbers of a module."""
    return sum(p.numel() for p in module.parameters())


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew from `generator`: He normal for convolutions, 1/sqrt(fan in) for linear."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                fan_out = part.out_channels * part.kernel_size[0] * part.kernel_size[1]
                part.weight.normal_(0, (2 / fan_out) ** 0.5, generator=generator)
            elif isinstance(part, nn.Linear):
                part.weight.normal_(0, part.in_features**-0.5, generator=generator)
                if part.bias is not None:
                    part.bias.zero_()
            elif isinstance(part, nn.BatchNorm2d):
                part.reset_parameters()
                part.reset_running_stats()
