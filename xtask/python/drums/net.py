"""Bands of a power spectrogram come in; each class's share of every band goes out.

A U-Net over (bands, frames): four halvings, two 3x3 convolutions a level, shares by a softmax over
the classes. `crates/unbraid/src/evidence` runs the same in Rust, its batch normalisations folded
into the convolutions by `folded`.
"""

import torch
from torch import nn
from torch.nn import functional

# Bins of the 4096-point transform at 44.1 kHz: singly to 2.7 kHz, by 2 to 5.5, by 4 to 11, by 16
# to 22; the last bin is left out.
WIDTHS = ((256, 1), (256, 2), (512, 4), (1024, 16))
BANDS = sum(bins // width for bins, width in WIDTHS)
CHANNELS = (8, 16, 32, 48, 64)
FLOOR = 1e-6


def banded(values):
    """Sums over the bins of each band, on the last axis."""
    parts, first = [], 0
    for bins, width in WIDTHS:
        part = values[..., first : first + bins]
        parts.append(part.reshape(*part.shape[:-1], bins // width, width).sum(-1) if width > 1 else part)
        first += bins
    return torch.cat(parts, -1)


def counts():
    return torch.cat([torch.full((bins // width,), float(width)) for bins, width in WIDTHS])


def features(power):
    """The network's input, (batch, 2, bands, frames), of banded power (batch, frames, bands)."""
    density = power / counts()
    density = density / density.mean((1, 2), keepdim=True).clamp_min(1e-12)
    level = (torch.log(density + FLOOR) + 6) / 4
    position = torch.linspace(-1, 1, BANDS).expand_as(level)
    return torch.stack([level, position], 1).transpose(2, 3)


def block(inputs, outputs, size=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        c = CHANNELS
        self.first = block(2, c[0], 5)
        self.down = nn.ModuleList([block(c[i], c[i + 1], 3, 2) for i in range(4)])
        self.along = nn.ModuleList([block(c[i + 1], c[i + 1]) for i in range(4)])
        self.middle = block(c[4], c[4])
        self.narrow = nn.ModuleList([nn.Conv2d(c[i + 1], c[i], 1) for i in range(4)])
        self.up = nn.ModuleList([block(2 * c[i], c[i]) for i in range(4)])
        self.last = nn.Conv2d(c[0], classes, 3, 1, 1)

    def forward(self, values):
        """Logits, (batch, classes, bands, frames); frames must be a multiple of 16."""
        levels = [self.first(values)]
        for down, along in zip(self.down, self.along):
            levels.append(along(down(levels[-1])))
        values = self.middle(levels[4]) + levels[4]
        for i in (3, 2, 1, 0):
            wide = functional.interpolate(self.narrow[i](values), scale_factor=2, mode="nearest")
            values = self.up[i](torch.cat([wide, levels[i]], 1))
        return self.last(values)


def folded(net):
    """{name: tensor} of plain convolutions, `NAME.weight` and `NAME.bias`."""
    tensors = {}

    def add(name, convolution, norm=None):
        weight = convolution.weight.detach()
        if norm is None:
            bias = convolution.bias.detach()
        else:
            scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
            weight = weight * scale[:, None, None, None]
            bias = norm.bias.detach() - norm.running_mean * scale
        tensors[f"{name}.weight"] = weight.float().contiguous()
        tensors[f"{name}.bias"] = bias.float().contiguous()

    add("first", *net.first[:2])
    add("middle", *net.middle[:2])
    add("last", net.last)
    for i in range(4):
        add(f"down.{i}", *net.down[i][:2])
        add(f"along.{i}", *net.along[i][:2])
        add(f"narrow.{i}", net.narrow[i])
        add(f"up.{i}", *net.up[i][:2])
    return tensors
