"""A reader of pages whose weights come in its wheel, on pages drawn here: rapidocr-onnxruntime.

It is in no extra, since it asks for ``opencv-python``, which writes over the headless OpenCV that is installed here:
``pip install --no-deps rapidocr-onnxruntime==1.4.4 pyclipper shapely six tqdm`` leaves that alone.
"""

from pathlib import Path

import numpy as np
import pytest

import stress
from perturbations import Sample

pytest.importorskip("onnxruntime")
reader = pytest.importorskip("rapidocr_onnxruntime")
WORDS = ["river", "station", "budget", "harvest", "market", "window", "library", "engine", "garden", "village",
         "winter", "doctor", "kitchen", "travel", "mountain", "silver", "history", "bridge", "number"]  # fmt: skip
LEVELS = [3, 5]
SUITE = {
    "suite": "pages@1",
    "severities": LEVELS,
    "scenarios": {
        "jpeg": {"image": "jpeg_compression"}, "motion": {"image": "motion_blur"}, "dark": {"image": "low_light"},
    },
}  # fmt: skip
LINE = 50


def pages(count):
    """White pages of two lines each, in black letters of 26 pixels."""
    matplotlib = pytest.importorskip("matplotlib")  # for a typeface
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 26)
    for k in range(count):
        rng = np.random.default_rng(k)
        lines = [" ".join(rng.choice(WORDS, 3, replace=False)) for _ in range(2)]
        page = Image.new("RGB", (448, 128), "white")
        for row, line in enumerate(lines):
            ImageDraw.Draw(page).text((16, 20 + LINE * row), line, fill="black", font=face)
        yield Sample(f"p{k}", {"image": np.asarray(page)}, target=" ".join(lines))


def as_text(boxes):
    """What was found, from the top, and on a line from the left; a line is where the middles of its boxes are."""
    rows = [(round(np.mean([y for _, y in corners]) / LINE), corners[0][0], text) for corners, text, _ in boxes or []]
    return " ".join(text for *_, text in sorted(rows))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The character error rate of each cell, of a run over four pages."""
    sizes = {"det_limit_type": "max", "det_limit_side_len": 960}  # pages are looked at in the size that they have
    engine = reader.RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, **sizes)

    def read(batch):
        return [as_text(engine(np.ascontiguousarray(page[:, :, ::-1]), use_cls=False)[0]) for page in batch["image"]]

    how = {"task": "transcription", "workers": 1, "preflight": False}
    run = stress.run(read, list(pages(4)), SUITE, tmp_path_factory.mktemp("ocr") / "run", **how)
    return {row["cell"]: row["value"] for row in run.table("cells").to_pylist() if row["metric"] == "cer"}


def test_clean_pages_are_read_with_few_mistakes(found):
    assert found["clean"] <= 0.1


@pytest.mark.parametrize("name", SUITE["scenarios"])
def test_it_reads_no_better_the_worse_the_picture_is(found, name):
    """Each has a curve; that of low light is flat: a white page stays lighter than its letters."""
    curve = [found["clean"], *(found[f"{name}:{level}"] for level in LEVELS)]
    assert all(low <= high + 0.05 for low, high in zip(curve, curve[1:])), curve  # of the spaces between words


def test_motion_makes_pages_unreadable(found):
    assert found["motion:5"] > found["clean"] + 0.2
