"""``stress init``: the two files that a project of one's own starts from."""

from __future__ import annotations

from pathlib import Path

import click

from perturbations import InputError

__all__ = ["write_project"]

SUITE = """\
# A suite: what can go wrong, how badly, and on which streams.
# Run it with:   stress run stress.yaml --model stress_model.py:load --data samples.csv
suite: my-suite@1            # name@version: raise the version when severities change
severities: [1, 2, 3, 4, 5]  # 0 is clean and always included
draws: 1                     # repeats of each random draw

scenarios:
  # A key is a modality (all its streams) or the name of one stream of your data.
  sensor-noise: {image: gaussian_noise}
  night: {image: low_light}
  out-of-focus: {image: defocus_blur, severities: [1, 3, 5]}
  hiss: {audio: white_noise}
  bare-room: {audio: reverb}
  typos: {text: keyboard_typos}

  # One severity drives several streams together (grid: joint is the default).
  night-street: {image: low_light, audio: white_noise}

  # Faults are on or off: one cell each.
  no-picture: {image: missing}
  no-sound: {audio: missing}
  no-text: {text: missing}
"""

MODEL = '''\
"""The model under test. `stress` calls load() once, and then predict(batch) again and again."""

CLASSES = ("no", "yes")


def load():
    """Return predict. Load your weights here, once."""

    def predict(batch):
        # batch["image"], batch["audio"], batch["text"]: a list with one value a sample; None where a stream is lost.
        #   image  uint8 array (height, width, channels)      batch.stack("image") -> one array
        #   audio  .samples float32 (channels, frames), .rate  batch.stack("audio", frames=16000)
        #   text   str
        # Answer an array (samples, classes) of probabilities or logits, or a list of labels.
        raise RuntimeError("stress_model.py: call your model here, then delete this line")

    predict.classes = CLASSES
    return predict
'''

MANIFEST = """\
id,image,audio,text,label,group:speaker
1,pictures/1.png,sounds/1.wav,a first example,yes,f01
"""


def write_project(folder: Path) -> None:
    """Write stress.yaml, stress_model.py and samples.csv into a folder; files that are there already are kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("stress.yaml", SUITE), ("stress_model.py", MODEL), ("samples.csv", MANIFEST)):
            path = folder / name
            if path.exists():
                click.echo(f"kept    {path} (it was there already)")
                continue
            path.write_text(content, encoding="utf-8")
            click.echo(f"wrote   {path}")
    except OSError as error:
        raise InputError(f"init: {folder}: cannot be written: {error.strerror}.") from error
    click.echo(
        "next:   fill in the three files, then: stress run stress.yaml --model stress_model.py:load --data samples.csv"
    )
