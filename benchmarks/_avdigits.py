"""Spoken and written digits, paired, and two ways to fuse them: jointly trained, or trained apart and averaged.

The data is one file of arrays: ``image`` (n, 28, 28), ``audio`` (all clips one after another, int16) with
``audio_offset``, ``sample_rate``, ``label``, ``speaker``. The models are small networks, trained in
half a minute on clean speech alone: what is shown of them is how they fall, not how good they could be.
"""

import itertools

import numpy as np

BANDS, STEPS = 24, 20
STREAMS = ("image", "audio")


def samples_of(path, speakers, most=None):
    """Return the samples of some speakers, the first ``most`` takes of each digit."""
    from perturbations import Audio, Sample

    with np.load(path, allow_pickle=False) as arrays:
        data = {name: arrays[name] for name in arrays.files}
    waves = data["audio"].astype(np.float32) / 32768
    found, taken = [], {}
    for row, (start, stop) in enumerate(itertools.pairwise(data["audio_offset"])):
        speaker, digit = str(data["speaker"][row]), str(data["label"][row])
        taken[speaker, digit] = taken.get((speaker, digit), 0) + 1
        if speaker not in speakers or (most and taken[speaker, digit] > most):
            continue
        streams = {
            "image": data["image"][row][:, :, None],
            "audio": Audio(waves[start:stop][None], int(data["sample_rate"])),
        }
        found.append(Sample(f"{row:05d}", streams, target=digit, groups={"speaker": speaker}))
    return found


def seen(picture):
    """Return a picture's levels, from 0 to 1."""
    return picture[..., 0].astype(np.float64) / 255


def heard(sound):
    """Return the logarithm of the power in bands of equal width on the mel scale, in equal steps of the whole clip."""
    wave = sound.samples.mean(axis=0).astype(np.float64)
    length, step = 256, 80
    wave = np.pad(wave, (0, max(0, length + step * STEPS - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(wave, length)[::step] * np.hanning(length)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    hertz = np.fft.rfftfreq(length, 1 / sound.rate)
    mel = 2595 * np.log10(1 + hertz / 700)
    edges = np.linspace(mel[2], mel[-1], BANDS + 2)
    weights = np.maximum(0, np.minimum(mel[:, None] - edges[:-2], edges[2:] - mel[:, None]) / np.diff(edges)[:-1])
    level = np.log(power @ weights + 1e-9)  # as low as the quietest pause of the training: noise fills it
    parts = [part.mean(axis=0) for part in np.array_split(level, STEPS)]
    return (np.array(parts) + 6) / 4


FEATURES = {"image": seen, "audio": heard}


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def network(name):
    """Return a small convolutional network that gives logits."""
    from torch import nn

    height, width = (28, 28) if name == "image" else (STEPS, BANDS)
    inner = 24 * (height // 4) * (width // 4)
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(inner, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


class Fused:
    """A classifier of both streams; a lost one counts nothing.

    ``joint``: logits are summed, as in training, in which each stream was lost now and then; else the probabilities of
    two classifiers that were trained apart are averaged.
    """

    classes = tuple("0123456789")

    def __init__(self, samples, joint, seed=0, epochs=20):
        import torch

        torch.manual_seed(seed)
        self.joint = joint
        labels = torch.tensor([int(s.target) for s in samples])
        inputs = {name: torch.stack([_tensor(name, s.streams[name]) for s in samples]) for name in STREAMS}
        self.nets = {name: network(name) for name in STREAMS}
        for names in [STREAMS] if joint else [(name,) for name in STREAMS]:
            _train({name: self.nets[name] for name in names}, inputs, labels, epochs)

    def __call__(self, batch):
        import torch

        parts = np.zeros((len(STREAMS), batch.size, 10))
        for part, name in zip(parts, STREAMS):
            here = np.flatnonzero(batch.present(name))
            if len(here):
                with torch.inference_mode():
                    part[here] = self.nets[name](torch.stack([_tensor(name, batch[name][i]) for i in here])).numpy()
        if self.joint:
            return softmax(parts.sum(axis=0))
        there = np.array([batch.present(name) for name in STREAMS], np.float64)[:, :, None]
        shares = np.array([softmax(part) for part in parts]) * there
        return np.where(there.sum(axis=0) > 0, shares.sum(axis=0) / np.maximum(there.sum(axis=0), 1), 0.1)


def _tensor(name, value):
    import torch

    return torch.from_numpy(FEATURES[name](value).astype(np.float32))[None]


def _train(nets, inputs, labels, epochs):
    """Minimise the cross entropy of the summed logits; pictures move by up to two pixels, levels by some decibels."""
    import torch

    optimizer = torch.optim.Adam([p for net in nets.values() for p in net.parameters()], 2e-3, weight_decay=1e-4)
    for net in nets.values():
        net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(labels)).split(64):
            logits = 0
            lost = torch.rand(len(rows)) if len(nets) > 1 else torch.full((len(rows),), 0.5)
            for (name, net), gone in zip(nets.items(), (lost < 0.4, lost > 0.8)):
                moved = _moved(name, inputs[name][rows])
                logits = logits + net(moved) * (~gone)[:, None]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, labels[rows]).backward()
            optimizer.step()
    for net in nets.values():
        net.eval()


def _moved(name, values):
    import torch

    if name == "image":
        down, right = torch.randint(-2, 3, (2,)).tolist()
        return torch.roll(values, (down, right), (2, 3))
    return torch.roll(values, int(torch.randint(-1, 2, ())), 2) + 0.2 * torch.randn(len(values), 1, 1, 1)
