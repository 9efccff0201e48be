"""Examples: samples kept to be looked at are what the model met, and what is said of them is what the records say."""

import json

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import stress
from perturbations import Audio, InputError, RunError, Sample
from perturbations.modality import MODALITIES, modality
from stress.cli._commands import stress as command
from stress.examples import keep, stored
from stress.report import write_report
from tests.report_pages import Page

SUITE = {
    "suite": "look@1",
    "severities": [1, 3, 5],
    "fallbacks": ["drop"],
    "scenarios": {
        "dark": {"image": "low_light"},
        "loud": {"audio": "white_noise"},
        "typos": {"text": "keyboard_typos"},
        "both": {"image": "gaussian_noise", "audio": "white_noise"},
        "gone": {"all": "missing", "grid": "subsets"},
    },
}
HOSTILE = "<script>alert('x')</script>"


def samples(count=40, private=lambda i: False):
    rng = np.random.default_rng(3)
    found = []
    for i in range(count):
        level = 60 + 120 * (i % 2)
        picture = np.clip(rng.normal(level, 25, (300, 24, 3)), 0, 255).astype(np.uint8)
        wave = (0.1 + 0.3 * (i % 2)) * np.sin(np.arange(4000) * (0.05 + 0.001 * i))
        streams = {"image": picture, "audio": Audio(wave.astype(np.float32), 8000), "text": f"{HOSTILE} number {i}"}
        groups = {"private": private(i)} if private(i) is not None else {}
        found.append(Sample(f"s{i:03d}", streams, target=("dark", "bright")[i % 2], groups=groups))
    return found


class Model:
    """Answers by the picture's brightness, by the sound's level where there is no picture; keeps what it was given."""

    classes = ("dark", "bright")
    reads_only = True

    def __init__(self):
        self.met = {}

    def __call__(self, batch):
        rows = []
        for k, name in enumerate(batch.ids):
            streams = {stream: batch[stream][k] for stream in ("image", "audio", "text")}
            self.met.setdefault(name, []).append(streams)
            image, audio = streams["image"], streams["audio"]
            light = 0.0 if image is None else (float(image.mean()) - 110) / 30
            level = 0.0 if audio is None else (float(np.abs(audio.samples).mean()) - 0.12) * 5
            rows.append([0.0, light + level])
        return np.array(rows)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    model = Model()
    data = samples()
    run = stress.run(model, data, SUITE, tmp_path_factory.mktemp("look") / "run", workers=1, preflight=False)
    return run, model, data


def rows_of(run):
    return {(r["cell"], r["sample"]): r for r in run.records().to_pylist()}


def same(kind, one, other):
    return one is other if one is None or other is None else modality(kind).same(one, other)


def test_what_is_shown_is_what_the_model_met(done):
    run, model, data = done
    clean = {sample.id: sample for sample in data}
    found = stored(run)
    assert len(found) >= 5
    for example in found:
        for shown in example.streams:
            excerpt = modality(shown.modality).look.excerpt
            assert same(shown.modality, shown.clean, excerpt(clean[example.sample].streams[shown.stream]))
        after = [{s.stream: s.after for s in example.streams}]
        kinds = {s.stream: s.modality for s in example.streams}
        met = [
            {name: None if v is None else modality(kinds[name]).look.excerpt(v) for name, v in each.items()}
            for each in model.met[example.sample]
        ]
        assert any(all(same(kinds[k], each[k], after[0][k]) for k in kinds) for each in met), example.cell


def test_what_is_said_is_what_the_records_say(done):
    run, _, _ = done
    records = rows_of(run)
    place = dict(zip(run.samples["id"].to_pylist(), run.samples["order"].to_pylist()))
    cells = {row["cell"]: row for row in run.cells.to_pylist()}
    for example in stored(run):
        at = place[example.sample]
        before, after = records["clean", at], records[example.cell, at]
        for answer, row in ((example.before, before), (example.after, after)):
            assert (answer.text, answer.score) == (row["prediction"], row["score"])
            assert answer.confidence == pytest.approx(row["confidence"])
        assert example.target == run.samples["target"].to_pylist()[at]
        own = cells[example.cell]
        curve = [c for c in cells.values() if c["scenario"] == own["scenario"] and c["severity"] and not c["fallback"]]
        worse = [c["severity"] for c in curve if records[c["cell"], at]["score"] < before["score"]]
        assert example.breaks_at == min(worse, default=None)
        right = after["score"] == 1.0
        assert right == (example.why == "survives")
        if example.why == "right without it":
            gone = [c for c in cells.values() if set(c["lost"] or ()) == set(own["streams"])]
            assert any(records[c["cell"], at]["score"] == 1.0 for c in gone)


def test_the_surest_mistake_of_each_scenario_is_there(done):
    run, _, _ = done
    records = rows_of(run)
    found = {e.cell: e for e in stored(run) if e.why == "surest mistake"}
    assert "dark:5" in found
    for cell in found:
        wrong = [r for (c, s), r in records.items() if c == cell and r["score"] < records["clean", s]["score"]]
        assert found[cell].after.confidence == pytest.approx(max(r["confidence"] for r in wrong))


def test_the_same_run_keeps_the_same_and_records_stay(done):
    run, _, data = done
    file = run.path / "examples" / "examples.parquet"
    parts = {p.name: p.read_bytes() for p in (run.path / "records").iterdir()}
    first = file.read_bytes()
    again = stress.run(Model(), data, SUITE, run.path, workers=2, preflight=False)
    assert file.read_bytes() == first
    assert {p.name: p.read_bytes() for p in (again.path / "records").iterdir()} == parts


@pytest.mark.parametrize("value", ["true", "True", "1", 1, "yes", True, " TRUE ", "y", "on", "patient"])
def test_a_private_sample_is_never_kept(tmp_path, value):
    data = samples(12, lambda i: value if i % 3 else "no")
    run = stress.run(Model(), data, SUITE, tmp_path / "run", workers=1, preflight=False)
    kept = {example.sample for example in stored(run)}
    assert kept
    assert kept <= {f"s{i:03d}" for i in range(0, 12, 3)}
    page = write_report(run).read_text(encoding="utf-8")
    assert not any(f"s{i:03d}" in page for i in range(12) if i % 3)


def test_no_other_sample_shows_a_private_one(tmp_path):
    """A fault that puts another sample's picture in this one's place is not shown where some are private."""
    suite = {**SUITE, "scenarios": {"swap": {"image": "stream.wrong_pairing"}, "dark": {"image": "low_light"}}}
    open_to_all = stress.run(Model(), samples(12, lambda i: "no"), suite, tmp_path / "a", workers=1, preflight=False)
    assert {example.cell.partition(":")[0] for example in stored(open_to_all)} == {"swap", "dark"}
    data = samples(12, lambda i: "yes" if i == 5 else "no")
    some = stress.run(Model(), data, suite, tmp_path / "b", workers=1, preflight=False)
    assert {example.cell.partition(":")[0] for example in stored(some)} == {"dark"}


def test_a_suite_that_left_out_scenarios_is_shown(tmp_path):
    data = tmp_path / "data.csv"
    rows = "".join(f"s{i:02d},a sentence of number {i} to read,{'ab'[i % 2]}\n" for i in range(24))
    data.write_text("id,text,label\n" + rows)
    run = stress.run(lambda batch: ["a"] * batch.size, data, "quick", tmp_path / "run", preflight=False)
    assert run.info["left_out"]
    found = shown(run, "s00", "--data", str(data))
    assert found.exit_code == 0, (found.output, found.exception)


def test_a_suite_from_elsewhere_runs_no_plug_in(world, tmp_path):
    import shutil

    shutil.copytree(world.path, tmp_path / "run")
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    info["suite"]["plugins"] = [str(tmp_path / "evil.py")]
    (tmp_path / "run" / "run.json").write_text(json.dumps(info))
    old = stress.open(tmp_path / "run")
    assert shown(old, old.samples["id"].to_pylist()[0], "dark:5").exit_code == 0
    assert not (tmp_path / "ran").exists()


def test_none_are_kept_where_none_are_wanted_and_old_ones_go(tmp_path):
    data = samples(8)
    run = stress.run(Model(), data, SUITE, tmp_path / "run", workers=1, preflight=False)
    assert stored(run)
    run = stress.run(Model(), data, SUITE, tmp_path / "run", workers=1, preflight=False, examples=0)
    assert not stored(run)
    assert "Examples" not in write_report(run).read_text(encoding="utf-8")
    few = stress.run(Model(), data, SUITE, tmp_path / "run", workers=1, preflight=False, examples=3)
    assert len(stored(few)) == 3


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "24", None])
def test_a_number_that_is_none_is_refused_before_any_work(tmp_path, wrong):
    model = Model()
    with pytest.raises(InputError, match="run: examples must be a whole number of at least 0"):
        stress.run(model, samples(4), SUITE, tmp_path / "run", examples=wrong)
    assert not model.met
    assert not (tmp_path / "run").exists()


def test_what_is_not_made_again_as_it_was_is_left_out_and_said(done, tmp_path):
    import shutil

    run, _, data = done
    shutil.copytree(run.path, tmp_path / "run")
    part = next((tmp_path / "run" / "records").glob("part-*.parquet"))
    table = parquet.read_table(part)
    column = table.column_names.index("distortion.image.psnr_db")
    changed = pa.array(
        [None if v is None else v + 1 for v in table["distortion.image.psnr_db"].to_pylist()], pa.float32()
    )
    parquet.write_table(table.set_column(column, table.schema.field(column), changed), part)
    from scenarios import expand, load

    old = stress.open(tmp_path / "run")
    held = stress.data.from_samples(data)
    cells = expand(load(SUITE), held.streams, has=held.has).cells
    problems = keep(old, cells, held, 0)
    assert problems
    assert all("must be made again as it was" in text for text in problems)
    assert stored(old)
    assert not {e.cell.split(":")[0] for e in stored(old)} & {"dark", "both"}


def test_a_failed_answer_is_shown_by_its_status(tmp_path):
    class Fails(Model):
        def __call__(self, batch):
            if any(image is not None and image.mean() < 30 for image in batch["image"]):
                raise ValueError(HOSTILE)
            return super().__call__(batch)

    run = stress.run(Fails(), samples(8), SUITE, tmp_path / "run", workers=1, preflight=False, batch_size=1)
    first = [example for example in stored(run) if example.why == "no answer"]
    assert first
    assert all(example.after.failed and example.after.text == "crash" for example in first)
    assert "no answer (crash)" in write_report(run).read_text(encoding="utf-8")


# on the page


def test_the_page_holds_them_and_nothing_that_runs(done):
    run, _, _ = done
    text = write_report(run).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.stack
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert "img-src data:" in policy
    assert "media-src data:" in policy
    assert "unsafe" not in policy
    assert HOSTILE not in text
    assert "&lt;" in text
    sources = [a["src"] for tag, a in page.elements if "src" in a]
    assert sources
    assert all(src.startswith(("data:image/", "data:audio/")) for src in sources)
    tags = {tag for tag, _ in page.elements}
    assert "article" in tags
    assert not tags & {"iframe", "object", "embed", "link", "form", "base"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_a_damaged_file_is_one_sentence_on_the_page(done, tmp_path):
    import shutil

    run, _, _ = done
    shutil.copytree(run.path, tmp_path / "run")
    old = stress.open(tmp_path / "run")
    file = old.path / "examples" / "examples.parquet"
    whole = file.read_bytes()
    rows = parquet.read_table(file)
    streams = json.loads(rows["streams"][0].as_py())
    streams["image"]["clean"]["facts"]["shape"] = [10, 10, 3]
    lying = rows.set_column(
        rows.column_names.index("streams"),
        "streams",
        pa.array([json.dumps(streams), *rows["streams"].to_pylist()[1:]], pa.string()),
    )
    for damage in (whole[: len(whole) // 2], b"", b"PAR1", whole[:200] + bytes([whole[200] ^ 4]) + whole[201:], lying):
        if isinstance(damage, bytes):
            file.write_bytes(damage)
        else:
            parquet.write_table(damage, file)
        with pytest.raises(RunError, match=r"examples\.parquet: must hold the examples of a run"):
            stored(old)
        assert "must hold the examples of a run" in write_report(old).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODALITIES)
def test_an_excerpt_is_a_value_no_larger(name):
    kind = modality(name)
    value = kind.witness()
    excerpt = kind.look.excerpt(value)
    kind.check(excerpt, "excerpt")
    assert kind.size(excerpt) <= kind.size(value)
    assert kind.same(kind.look.excerpt(excerpt), excerpt)
    assert kind.look.draw(excerpt, excerpt, "words")


# one sample


def shown(run, *arguments):
    return CliRunner().invoke(command, ["show", str(run.path), *arguments], catch_exceptions=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return stress.run("demo", "demo", {**SUITE, "severities": [2, 5]}, tmp_path_factory.mktemp("d") / "run", limit=24)


def test_a_sample_is_drawn_in_every_cell_and_in_one(world):
    name = world.samples["id"].to_pylist()[0]
    found = shown(world, name)
    assert found.exit_code == 0, found.output
    text = (world.path / "examples" / f"{name}.html").read_text(encoding="utf-8")
    graded = [r for r in world.cells.to_pylist() if not r["fallback"] and r["cell"] != "clean"]
    assert text.count("<article") == len(graded)
    one = shown(world, name, "dark:5")
    assert one.exit_code == 0
    assert f"{name} in dark:5: right" in one.output
    page = Page((world.path / "examples" / f"{name}--dark_5.html").read_text(encoding="utf-8"))
    assert sum(tag == "article" for tag, _ in page.elements) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody",), "SAMPLE must be the id of a sample of the run"),
        (("FIRST", "dark:4"), "CELL must be a cell of the run, got 'dark:4'. Did you mean dark:"),
        (("FIRST", "dark:5", "--data", "missing.csv"), "missing.csv"),
    ],
)
def test_what_cannot_be_drawn_is_one_error(world, arguments, says):
    first = world.samples["id"].to_pylist()[0]
    found = shown(world, *(first if each == "FIRST" else each for each in arguments))
    assert found.exit_code != 0
    assert says in str(found.exception) + found.output


def test_other_data_are_refused(done, tmp_path):
    run, _, _ = done
    found = shown(run, "s000", "dark:5")
    assert "--data must name the data of the run" in str(found.exception)
    folder = tmp_path / "data.csv"
    folder.write_text(
        "id,text,label\n" + "".join(f"s{i:03d},other {i},{('dark', 'bright')[i % 2]}\n" for i in range(40))
    )
    assert shown(run, "s000", "dark:5", "--data", str(folder)).exit_code != 0
