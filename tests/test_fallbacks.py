"""Fallbacks: every way to give up streams when some go bad is a cell, and the table says what each would buy."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perturbations
import scenarios
import stress
from perturbations import Audio, Sample, SpecError
from scenarios import expand, perturb
from stress.engine._repeats import Repeats
from stress.measure import table

STREAMS = {"image": "image", "audio": "audio", "text": "text"}
BODY = {
    "dark": "{image: low_light}",
    "hiss": "{audio: white_noise}",
    "night": "{image: low_light, audio: white_noise}",
    "all": "{image: low_light, audio: white_noise, text: keyboard_typos}",
}


def suite(actions, names=tuple(BODY), more=""):
    lines = [f"suite: x@1\nseverities: [1, 5]\nfallbacks: {list(actions)}".replace("'", ""), "scenarios:"]
    return scenarios.loads("\n".join([*lines, *(f"  {name}: {BODY[name]}" for name in names), more]))


def sample(k):
    rng = np.random.default_rng(k)
    image = np.full((16, 16, 3), 40 + 12 * k, np.uint8)
    wave = Audio(rng.normal(0, 0.05, (1, 800)).astype(np.float32), 8000)
    return Sample(f"s{k}", {"image": image, "audio": wave, "text": "the cat sat on the mat"}, target="ab"[k % 2])


class Data(list):
    streams = STREAMS


def meant(action, touched):
    """What an action drops, from its definition."""
    names, sizes = list(STREAMS), {"each": [1], "unimodal": [2], "subsets": [1, 2]}
    if action == "drop":
        return [set(touched)] if len(touched) < 3 else []
    return [set(some) for size in sizes[action] for some in combinations(names, size)]


@settings(max_examples=40, deadline=None)
@given(actions=st.sets(st.sampled_from(["drop", "each", "unimodal", "subsets"]), min_size=1), names=st.sets(
    st.sampled_from(sorted(BODY)), min_size=1))  # fmt: skip
def test_every_degraded_cell_has_what_its_actions_mean_and_nothing_else(actions, names):
    plan = expand(suite(sorted(actions), sorted(names)), STREAMS)
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)
    degraded = [cell for cell in plan.cells if not cell.fallback and cell.id != "clean"]
    by_base = {}
    for cell in plan.cells:
        if cell.base:
            by_base.setdefault(cell.base, []).append(cell)
    shared = {frozenset(cell.streams) for cell in plan.cells if cell.fallback == "drop"}
    for cell in degraded:
        touched = set(cell.streams)
        wanted = {frozenset(gone) for action in actions for gone in meant(action, touched)}
        own = {frozenset(c.stream for c in one.conditions if c.perturbation == "stream.missing"): one
               for one in by_base.get(cell.id, [])}  # fmt: skip
        assert wanted - {frozenset(touched)} == own.keys()
        assert (frozenset(touched) in wanted) <= (frozenset(touched) in shared)
        for gone, one in own.items():
            assert one.severity == cell.severity
            before, after = (perturb(each, sample(3), Data([sample(3)]), 0).streams for each in (cell, one))
            for name in STREAMS:  # the dropped are gone, the others exactly as bad as they were
                same = after[name] is None if name in gone else _same(before[name], after[name])
                assert same, (one.id, name)


def _same(one, other):
    return perturbations.modality.modality_of(one).same(one, other)


def test_chosen_cells_bring_their_fallbacks_and_a_limit_counts_them():
    some = suite(["drop", "each"])
    found = [cell.id for cell in expand(some, STREAMS, only=["dark:5"]).cells]
    assert found == ["clean", "dark:5", "drop:image", "dark:5~drop:audio", "dark:5~drop:text"]
    assert "dark:5~drop:text" not in [c.id for c in expand(some, STREAMS, skip=["*~drop:text"]).cells]
    with pytest.raises(SpecError, match=r"at most 20 cells, got 3[0-9] with those of its fallbacks"):
        expand(some, STREAMS, most=20)
    with pytest.raises(SpecError, match="a fallback must be one of drop, each, unimodal, subsets"):
        suite(["eech"])


def leans_on_the_picture(batch):
    """Right when the picture's light is seen as it is, wrong when it is dark, and right by the sound without it."""
    found = []
    for k in range(batch.size):
        image, audio = batch["image"][k], batch["audio"][k]
        if image is not None and image.mean() < 35:
            found.append("a")
        elif image is None and audio is None:
            found.append("b")
        else:
            found.append("ab"[int(batch.ids[k][1:]) % 2])
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fallbacks")
    leans_on_the_picture.classes = ["a", "b"]
    data = [sample(k) for k in range(12)]
    return stress.run(leans_on_the_picture, data, suite(["drop", "each"]), folder / "run", preflight=False, workers=1)


def test_the_table_is_the_paired_difference_of_every_action(run):
    right = {}
    for row in run.records().to_pylist():
        right.setdefault(row["cell"], {})[row["sample"]] = row["score"]
    rows = run.table("dropping").to_pylist()
    found = {(row["cell"], row["action"]): row for row in rows}
    assert {action for cell, action in found if cell == "night:5"} == {"image+audio", "image", "audio", "text"}
    assert {action for cell, action in found if cell == "all:5"} == {"image", "audio", "text"}
    for row in rows:
        kept, without = right[row["cell"]], right[row["dropped"]]
        assert row["value"] == pytest.approx(np.mean([without[s] - kept[s] for s in kept]))
        assert row["all_low"] <= row["low"] <= row["value"] <= row["high"] <= row["all_high"]
    assert found["night:5", "image"]["value"] > 0 == found["night:5", "audio"]["value"]
    assert found["night:5", "image"]["value"] > found["night:5", "image+audio"]["value"]


@pytest.mark.parametrize("limit", [1, 40])
def test_a_large_run_has_the_same_table(run, limit):
    small, large = (table(run, "dropping", resamples=200, limit=most).to_pylist() for most in (10**9, limit))
    assert [(r["cell"], r["action"], r["value"], r["low"]) for r in large] == [
        (r["cell"], r["action"], r["value"], r["low"]) for r in small
    ]


def test_no_call_is_made_twice_for_a_fallback():
    """Of one degraded stream, dropping it too leaves what dropping it alone leaves, at any severity."""
    plan = expand(suite(["subsets"], ["dark"]), STREAMS)
    repeats = Repeats(plan.cells, draws=1)
    cells = {cell.id for cell in plan.cells}
    assert len(cells) == 1 + 2 + 1 + 2 * 5  # clean, two severities, the picture dropped, and each with five more sets
    asked = {cell.id for cell in repeats.asked}
    both = {f"dark:{severity}~drop:image+{other}" for severity in (1, 5) for other in ("audio", "text")}
    assert cells - asked == {name for name in both if name.startswith("dark:5")}


def test_a_report_of_fallbacks_keeps_to_the_degraded_cells(run):
    page = run.report().read_text(encoding="utf-8")
    overview = page.split("Every scenario in one row", 1)[1].split("</table>", 1)[0].split("<tbody", 1)[1]
    rows = [re.sub(r"<[^>]*>", " ", f"<tr{row}").split() for row in overview.split("<tr")[1:]]
    assert [row[0] for row in rows] == list(BODY)
    assert not any("drop" in row for row in rows)


def test_the_finding_names_the_stream_that_is_better_dropped(tmp_path):
    data = [sample(k) for k in range(12)]
    many = [Sample(f"s{100 * j + k + 12 * (k % 2)}", s.streams, s.target) for j in range(8) for k, s in enumerate(data)]
    some = suite(["each"], ["night"])
    made = stress.run(leans_on_the_picture, many, some, tmp_path / "run", preflight=False, workers=1)
    page = made.report().read_text(encoding="utf-8")
    sure = [r for r in made.table("dropping").to_pylist() if r["all_low"] is not None and r["all_low"] > 0]
    assert {r["action"] for r in sure} == {"image"}
    assert "with image and" in page
    assert "all 6 comparisons at once" in page
