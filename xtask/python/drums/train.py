"""Takes come in; the network's weights, its report and a reference output for tests go out.

    python train.py TAKES OUTPUT --seed 0 --steps 3500

Every step pairs stems anew: drums by class, a bass more often than not, one other stem or two,
each with a random equalizer and level. The loss is the energy of what is wrong in the drums'
masked spectrum against what is there to be won, once as it is and once whitened, and the same
for the classes apart.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from net import Net, banded, features, folded

CLASSES = ("kick", "snare", "cymbals", "percussion", "bass", "other")
DRUMS = 4
FRAMES = 128
BATCH = 6
BINS = 2048
RATE = 2e-3
# Where the last steps' cosine ends, as a share of RATE.
RATE_END = 0.01


def octaves():
    return torch.log2(torch.arange(BINS).clamp_min(1) * 44_100 / 4096 / 1000)


class Mixer:
    """Batches of (power, cross terms, class powers), each (batch, [classes,] frames, bands)."""

    def __init__(self, folder, seed):
        self.chance = np.random.default_rng(seed)
        self.pools = {
            kind: [np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{kind}_*[0-9].npy"))]
            for kind in ("drums", "bass", "other")
        }
        self.octaves = octaves()

    def stem(self, kind):
        """(classes, frames, bins) complex values of a random passage, equalized."""
        pool = self.pools[kind][self.chance.integers(len(self.pools[kind]))]
        take = pool[self.chance.integers(len(pool))]
        first = self.chance.integers(take.shape[1] - FRAMES + 1)
        passage = torch.view_as_complex(torch.from_numpy(take[:, first : first + FRAMES, :BINS].astype(np.float32)))
        if self.chance.random() < 0.5:
            passage = passage * self.bells(2, 6)
        return passage

    def bells(self, count, gain_db):
        curve = torch.zeros(BINS)
        for _ in range(count):
            center, width = self.chance.uniform(-4, 4), self.chance.uniform(0.5, 1.5)
            curve += self.chance.uniform(-gain_db, gain_db) * torch.exp(-0.5 * ((self.octaves - center) / width) ** 2)
        return 10 ** (curve / 20)

    def item(self):
        chance = self.chance
        drums = self.stem("drums")
        drums = drums * torch.tensor(10 ** (chance.uniform(-5, 5, DRUMS) / 20), dtype=torch.float32)[:, None, None]
        other = self.stem("other")[0]
        if chance.random() < 0.25:
            more = self.stem("other")[0]
            other = other + more * float(10 ** (chance.uniform(-10, 3) / 20))
        bass = torch.zeros_like(other)
        if chance.random() < 0.5:
            bass = self.stem("bass")[0]
            gain = (other.abs().square().sum() / (bass.abs().square().sum() + 1e-9)).sqrt()
            bass = bass * gain * float(10 ** (chance.uniform(-8, 6) / 20))
        what = chance.random()
        if what < 0.06:
            drums = drums * 0
        elif what < 0.14:
            bass, other = bass * 0, other * 0
        elif what < 0.17:
            other = other * 0
        hit = drums.sum(0).abs().square().sum()
        held = (bass + other).abs().square().sum()
        if hit > 0 and held > 0:
            drums = drums * (held / hit).sqrt() * float(10 ** (chance.uniform(-10, 10) / 20))
        stems = torch.cat([drums, bass[None], other[None]])
        if chance.random() < 0.15:  # a recording of a lower rate, or through a codec
            stems = stems.clone()
            stems[..., int(chance.choice([743, 1024, 1486])) :] = 0
        mixture = stems.sum(0)
        power = banded(mixture.abs().square())
        if not power.any():
            # A passage between hits with nothing beside it: its losses would be log 0 - log 0.
            return self.item()
        cross = banded(stems.real * mixture.real + stems.imag * mixture.imag)
        own = banded(stems.real.square() + stems.imag.square())
        # The drums' own power is that of their sum, which the classes' powers do not add up to.
        total = stems[:DRUMS].sum(0)
        drum_power = banded(total.real.square() + total.imag.square())
        scale = 1 / (power.mean() + 1e-12)
        return power * scale, cross * scale, own * scale, drum_power * scale

    def batch(self):
        return [torch.stack(values) for values in zip(*[self.item() for _ in range(BATCH)])]


def wrong_energy(mask, power, cross, own):
    """|mask * mixture - stem|^2 from the three products, in each band."""
    return (mask * mask * power - 2 * mask * cross + own).clamp_min(0)


def losses(logits, power, cross, own, drum_power):
    """(drums, drums whitened, classes) losses, logarithms of energy ratios."""
    shares = torch.softmax(logits.float(), 1).transpose(2, 3)
    drum_share = shares[:, :DRUMS].sum(1)
    drum_cross = cross[:, :DRUMS].sum(1)
    rest_power = power - 2 * drum_cross + drum_power
    wrong = wrong_energy(drum_share, power, drum_cross, drum_power)
    whole = power.sum((1, 2))
    floor = 1e-3 * whole
    to_win = (drum_power.sum((1, 2)) + floor).log() + (rest_power.sum((1, 2)).clamp_min(0) + floor).log()
    first = ((wrong.sum((1, 2)) + floor).log() - 0.5 * to_win).mean()
    white = (power + 1e-9).rsqrt()
    white_whole = (power * white).sum((1, 2))
    second = (((wrong * white).sum((1, 2)) + 1e-3 * white_whole).log() - white_whole.log()).mean()
    each = wrong_energy(shares, power[:, None], cross, own)
    third = ((each.sum((1, 2, 3)) + floor).log() - whole.log()).mean()
    fourth = (((each * white[:, None]).sum((1, 2, 3)) + 1e-3 * white_whole).log() - white_whole.log()).mean()
    return first, second, 0.5 * (third + fourth)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("takes", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="plan the steps to fit this time; not reproducible")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    given.output.mkdir(parents=True, exist_ok=True)
    mixer = Mixer(given.takes, given.seed)
    net = Net(len(CLASSES)).to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in net.parameters())
    print(f"{count} weights", {kind: sum(map(len, pool)) for kind, pool in mixer.pools.items()}, flush=True)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    low_precision = torch.cpu._is_avx512_bf16_supported()
    began, history = time.time(), []
    step, steps = 0, given.steps
    while step < steps:
        if given.minutes and step >= 20:
            done = (time.time() - began) / 60 / given.minutes
            if done >= 1:
                break
        else:
            done = step / steps
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 30) * (RATE_END + 0.5 * (1 + np.cos(np.pi * done)))
        batch = mixer.batch()
        inputs = features(batch[0]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low_precision):
            logits = net(inputs)
        parts = losses(logits, *batch)
        loss = parts[0] + 0.5 * parts[1] + 0.3 * parts[2]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        history.append([part.item() for part in parts])
        if step in (1, 5, 20) or step % 100 == 0:
            mean = np.mean(history[-100:], 0)
            print(
                f"step {step}, {time.time() - began:.0f} s: drums {-4.343 * mean[0]:.2f} dB, "
                f"whitened {-4.343 * mean[1]:.2f} dB, classes {-4.343 * mean[2]:.2f} dB",
                flush=True,
            )
        if step % 500 == 0:
            written(net, given, step, history, began)
    written(net, given, step, history, began)


def written(net, given, step, history, began):
    """Write weights as the program reads them, the report, and one output to test it against."""
    name = f"drums_{given.seed}"
    net.eval()
    save_file(folded(net), given.output / f"{name}.safetensors")
    torch.save(net.state_dict(), given.output / f"{name}.pt")
    mean = -4.343 * np.mean(history[-200:], 0)
    report = {
        "seed": given.seed,
        "steps": step,
        "secs": round(time.time() - began),
        "training_gain_db": {"drums": mean[0], "drums_whitened": mean[1], "classes": mean[2]},
    }
    (given.output / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    net.train()


if __name__ == "__main__":
    main()
