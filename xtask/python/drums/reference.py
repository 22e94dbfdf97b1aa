"""Trained weights come in; a few shares for a formula's densities go out, to test the program's network against.

    python reference.py drums_0.pt drums_reference.json
"""

import json
import sys

import torch

from net import BANDS, FLOOR, Net

PLACES = ((3, 2), (40, 11), (200, 23), (300, 0), (575, 16))
FRAMES = 24


def main():
    net = Net(6)
    net.load_state_dict(torch.load(sys.argv[1]))
    net.eval()
    band, frame = torch.arange(BANDS)[:, None], torch.arange(FRAMES)[None]
    density = 1 + torch.sin(band * 0.37) * torch.cos(frame * 0.9)
    density = density / density.mean()
    level = (torch.log(density + FLOOR) + 6) / 4
    position = torch.linspace(-1, 1, BANDS)[:, None].expand_as(level)
    values = torch.stack([level, position])[None]
    # To a multiple of 16 frames, as the last one goes on.
    values = torch.cat([values, values[..., -1:].expand(-1, -1, -1, 32 - FRAMES)], -1)
    with torch.no_grad():
        shares = torch.softmax(net(values), 1)[0]
    answers = [[round(float(value), 6) for value in shares[:, band, frame]] for band, frame in PLACES]
    open(sys.argv[2], "w").write(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
