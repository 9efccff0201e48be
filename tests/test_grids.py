"""Grids: which cells a scenario makes, what they are called, and what stays the same when others come and go."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import scenarios
import stress
from perturbations import InputError, Sample, SpecError, get, names
from scenarios import course_of, loads, perturb
from scenarios._covering import covering_array
from scenarios._timeline import Timeline
from tests._amount import amount
from tests.little import STREAMS, Data, expand


def ids(body, streams=STREAMS):
    return [cell.id for cell in expand(body, streams).cells[1:]]


def test_one_severity_drives_a_joint_grid():
    assert ids("night: {image: [low_light, gaussian_noise], audio: white_noise}") == [f"night:{s}" for s in range(1, 6)]
    assert ids("night: {image: low_light, severities: [0.5, 2.25]}") == ["night:0.5", "night:2.25"]
    assert ids("soft: {audio: {name: white_noise, profile: speech-robust-bench}}") == [f"soft:{s}" for s in range(1, 5)]


def test_binary_and_categorical_axes_are_not_multiplied_by_severities():
    assert ids("dead: {audio: missing}") == ["dead"]
    assert ids("dead: {audio: {name: missing, fill: [none, zeros]}}") == ["dead:none", "dead:zeros"]
    body = "a: {audio: {name: missing, fill: [none, zeros]}, image: low_light, severities: [1, 2]}"
    assert ids(body) == ["a:1,fill=none", "a:1,fill=zeros", "a:2,fill=none", "a:2,fill=zeros"]


def test_steps_in_lockstep_follow_their_own_severities():
    plan = expand("rain: {image: {name: low_light, severity: [0, 1, 1]}, audio: white_noise, severities: [1, 3, 5]}")
    assert [[c.severity for c in cell.conditions] for cell in plan.cells[1:]] == [[1], [1, 3], [1, 5]]
    assert [cell.severity for cell in plan.cells[1:]] == [1, 3, 5]


def test_fixed_severities_and_parameters_stay():
    plan = expand(
        "a: {image: {name: low_light, severity: 2}, audio: {name: white_noise, snr_db: 7}, text: keyboard_typos}"
    )
    assert len(plan.cells) == 6
    for cell in plan.cells[1:]:
        assert cell.on("image")[0].severity == 2
        assert cell.on("audio")[0].settings == {"snr_db": 7.0, "snr_over": "active"}
        assert cell.on("audio")[0].severity is None
        assert cell.on("text")[0].severity == cell.severity


def test_own_levels_are_a_profile_of_their_own():
    plan = expand("a: {image: {name: gaussian_noise, levels: {sigma: [0.1, 0.2, 0.3]}}}")
    assert [cell.conditions[0].settings["sigma"] for cell in plan.cells[1:]] == [0.1, 0.2, 0.3]
    assert {cell.conditions[0].profile for cell in plan.cells[1:]} == {"own"}


def test_profiles_are_taken_where_a_perturbation_has_them():
    text = "suite: x@1\nprofile: cifar-10-c\nscenarios: {a: {image: [gaussian_noise, low_light]}}"
    cell = scenarios.expand(loads(text), STREAMS).cells[1]
    assert [c.profile for c in cell.conditions] == ["cifar-10-c", "default"]
    assert cell.conditions[0].settings["sigma"] == 0.04


def test_a_product_crosses_every_severity_and_leaves_out_the_clean_corner():
    found = ids("c: {audio: white_noise, image: low_light, grid: product, severities: [0, 3]}")
    assert found == [
        "c:audio.white_noise=0,image.low_light=3",
        "c:audio.white_noise=3,image.low_light=0",
        "c:audio.white_noise=3,image.low_light=3",
    ]
    cell = expand("c: {audio: white_noise, image: low_light, grid: product}").cells[8]
    assert cell.axes == {"audio.white_noise": 2, "image.low_light": 3}
    assert cell.severity is None


def test_each_hits_one_step_at_a_time():
    plan = expand("c: {audio: missing, image: [low_light, low_light], severities: [1, 5], grid: each}")
    assert [cell.id for cell in plan.cells[1:]] == [
        "c:audio.missing",
        "c:image.low_light=1",
        "c:image.low_light=5",
        "c:image.low_light#2=1",
        "c:image.low_light#2=5",
    ]
    assert plan.cells[-1].axes == {"step": "image.low_light#2", "severity": 5}
    assert [len(cell.conditions) for cell in plan.cells[1:]] == [1] * 5


def test_subsets_lose_every_subset_of_streams():
    plan = expand("m: {all: {name: missing, fill: [none, zeros, mean]}, grid: subsets}")
    lost = {(cell.axes["fill"], frozenset(cell.streams)) for cell in plan.cells[1:]}
    subsets = [frozenset(s) for size in (1, 2, 3) for s in itertools.combinations(STREAMS, size)]
    assert lost == set(itertools.product(("none", "zeros", "mean"), subsets))
    assert len(plan.cells) == 1 + 7 * 3
    assert "m:image+audio,fill=zeros" in {cell.id for cell in plan.cells}


def test_a_streams_name_leaves_open_what_a_perturbations_name_means_until_there_is_data():
    streams = {"cam": "image", "mic": "audio"}
    body = "a: {mic: {name: rain, snr_db: 3}, cam: rain, severities: [2]}"  # image.rain has no snr_db
    cell = expand(body, streams).cells[1]
    assert [c.perturbation for c in cell.conditions] == ["audio.rain", "image.rain"]
    with pytest.raises(SpecError, match=r"3:12: a: .*unknown parameter 'snr_bd'"):
        expand(body.replace("snr_db", "snr_bd"), streams)
    with pytest.raises(SpecError, match=r"3:12: a: image\.rain: unknown parameter 'snr_db'"):
        expand(body, {"cam": "image", "mic": "image"})


def test_a_modality_means_all_its_streams_and_a_name_means_one():
    cameras = {"left": "image", "right": "image", "speech": "audio"}
    assert expand("a: {image: low_light}", cameras).cells[1].streams == ("left", "right")
    assert expand("a: {right: low_light}", cameras).cells[1].streams == ("right",)
    assert expand("a: {left: [low_light], image: gaussian_noise}", cameras).cells[1].on("left")[1].step == 0
    shared = expand("a: {image: {name: low_light, key: dusk}}", cameras).cells[1]
    assert {c.shared for c in shared.conditions} == {"dusk"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 6), min_size=2, max_size=7))
def test_every_pair_of_values_occurs_in_a_covering_array(sizes):
    rows = covering_array(sizes)
    for (i, one), (j, other) in itertools.combinations(enumerate(sizes), 2):
        assert {(row[i], row[j]) for row in rows} == set(itertools.product(range(one), range(other)))
    largest = sorted(sizes)[-2:]
    assert len(rows) >= largest[0] * largest[1]
    assert len(rows) <= np.prod(sizes)
    assert rows == covering_array(sizes)


BEST_KNOWN = {
    (2,) * 10: 6, (2,) * 100: 10, (3,) * 4: 9, (3,) * 5: 11, (3,) * 13: 15, (4,) * 5: 16, (4,) * 6: 19, (5,) * 6: 25,
    (5,) * 7: 29, (5, 6, 5): 30, (6,) * 4: 37, (6,) * 6: 41, (8,) * 9: 64, (9,) * 10: 81,
}  # fmt: skip
"""Rows of the smallest arrays that are known (Colbourn's tables of covering arrays of strength 2)."""


@pytest.mark.parametrize("sizes", BEST_KNOWN, ids=lambda sizes: f"{sizes[0]}^{len(sizes)}")
def test_covering_arrays_are_nearly_as_small_as_the_smallest_known(sizes):
    rows = covering_array(sizes)
    for (i, one), (j, other) in itertools.combinations(enumerate(sizes), 2):
        assert {(row[i], row[j]) for row in rows} == set(itertools.product(range(one), range(other)))
    assert BEST_KNOWN[sizes] <= len(rows) <= 1.15 * BEST_KNOWN[sizes]


def test_a_pairwise_suite_holds_every_pair_and_says_how_many_cells():
    plan = expand("p: {image: [low_light, gaussian_noise], audio: white_noise, text: keyboard_typos, grid: pairwise}")
    axes = [tuple(cell.axes.values()) for cell in plan.cells[1:]]
    for i, j in itertools.combinations(range(4), 2):
        assert len({(row[i], row[j]) for row in axes}) == 25
    assert plan.notes == (("p", "25 cells hold every pair of values; the product has 625"),)


def acting(cell):
    """What a cell does, whatever it is called."""
    return tuple(sorted(repr(sorted(c.identity().items(), key=str)) for c in cell.conditions))


def full_product(body):
    return expand(body.replace("grid: pairwise", "grid: product")).cells[1:]


NESTED = {
    "two zeros": "p: {image: low_light, audio: white_noise, severities: [0, 1, 3], grid: pairwise}",
    "three zeros": "p: {image: low_light, audio: reverb, text: keyboard_typos, severities: [0, 2], grid: pairwise}",
    "a choice under a severity": (
        "p: {image: low_light, text: {name: keyboard_typos, layout: [qwerty, azerty]}, severities: [0, 1, 2],"
        " grid: pairwise}"
    ),
    "a step that always acts": (
        "p: {image: low_light, audio: {name: missing, fill: [none, zeros]}, severities: [0, 2], grid: pairwise}"
    ),
}


@pytest.mark.parametrize("case", NESTED)
def test_a_pairwise_grid_holds_every_pair_that_the_product_holds(case):
    """Judged by the product: each pair of coordinates that some cell of it has, and no two cells that do the same."""
    plan = expand(NESTED[case])
    some, everything = plan.cells[1:], full_product(NESTED[case])

    def pairs(cells):
        return {pair for cell in cells for pair in itertools.combinations(sorted(cell.axes.items()), 2)}

    assert pairs(some) == pairs(everything)
    assert len({acting(cell) for cell in some}) == len(some)
    assert len({acting(cell) for cell in everything}) == len(everything)
    assert {cell.id for cell in some} <= {cell.id for cell in everything}
    assert plan.notes[0][1].startswith(f"{len(some)} cells hold every pair of values")
    assert plan.notes[0][1].endswith(f"the product has {len(everything)}")


NAMED = {
    "image": ["low_light", "gaussian_noise", "missing"],
    "audio": ["clipping", "missing", "white_noise"],
    "text": ["keyboard_typos", "missing"],
}
LISTS = {"missing": ("fill", ["none", "zeros"]), "keyboard_typos": ("layout", ["qwerty", "azerty", "qwertz"])}


@st.composite
def random_suites(draw):
    body = {"grid": draw(st.sampled_from(["joint", "product", "each", "pairwise", "subsets"]))}
    for on in draw(st.lists(st.sampled_from(["image", "audio", "text"]), min_size=1, max_size=3, unique=True)):
        steps = []
        for name in draw(st.lists(st.sampled_from(NAMED[on]), min_size=1, max_size=2)):
            step = {"name": name}
            if (
                name != "missing"
                and (severity := draw(st.sampled_from([None, None, 2.0, 0.0, [0, 1, 1], [2, 2]]))) is not None
            ):
                step["severity"] = severity
            if name in LISTS and draw(st.booleans()):
                step[LISTS[name][0]] = LISTS[name][1]
            steps.append(step)
        body[on] = steps
    if draw(st.booleans()):
        body["severities"] = draw(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=3))
    return {"suite": "x@1", "draws": draw(st.integers(1, 3)), "scenarios": {"a": body, "b": {"image": "low_light"}}}


@settings(max_examples=amount(120, 500), deadline=None, suppress_health_check=list(HealthCheck))
@given(random_suites())
def test_in_any_suite_ids_differ_and_so_do_cells(suite):
    """A repeated severity, a zero or a choice without effect makes no cell twice: n is samples times draws."""
    try:
        plan = scenarios.expand(loads(suite), STREAMS)
    except SpecError:
        return
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)
    own = [cell for cell in plan.cells if cell.scenario == "a"]
    if not any(cell.grid in ("joint", "subsets") for cell in own):  # there a step may stand still while others go on
        assert len({(cell.axes.get("step"), acting(cell)) for cell in own}) == len(own)
    if plan.source["scenarios"]["a"]["grid"] == "pairwise":
        body = {**suite["scenarios"]["a"], "grid": "product"}
        product = scenarios.expand(loads({"suite": "x@1", "scenarios": {"a": body}}), STREAMS).cells[1:]
        pairs = [
            {pair for cell in cells for pair in itertools.combinations(sorted(cell.axes.items()), 2)}
            for cells in (own, product)
        ]
        assert pairs[0] == pairs[1]
        assert f"the product has {len(product)}" in plan.notes[0][1]


WITHOUT_CHANCE = {"stream.missing", "audio.clipping"}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_suites())
def test_in_a_run_of_any_suite_n_is_samples_times_draws(tmp_path_factory, suite):
    """Each once; a cell without chance in it is drawn once, as the clean one is."""
    try:
        plan = scenarios.expand(loads(suite), STREAMS)
    except SpecError:
        return
    assume(len(plan.cells) < 60)
    data = [Sample(s.id, s.streams, str(s.target), sequence=s.sequence, time=s.time) for s in Data(5)]

    def lengths(batch):
        return [[len(text or ""), 30.0, 60.0] for text in batch["text"]]

    lengths.classes = ["0", "1", "2"]
    folder = tmp_path_factory.mktemp("run") / "r"
    run = stress.run(lengths, data, loads(suite), folder, workers=1, preflight=False)
    found = {}
    for row in run.records(columns=["cell", "sample", "draw"]).to_pylist():
        found.setdefault(row["cell"], []).append((row["sample"], row["draw"]))
    told = {row["cell"]: row["n"] for row in run.table("cells").to_pylist() if row["metric"] == "accuracy"}
    for cell in plan.cells:
        chance = any(c.perturbation not in WITHOUT_CHANCE for c in cell.conditions)
        assert len(set(found[cell.id])) == len(found[cell.id]) == 5 * (suite["draws"] if chance else 1), cell.id
        assert told[cell.id] == len(found[cell.id])
    assert found.keys() == {cell.id for cell in plan.cells}


def test_one_id_is_never_given_twice():
    twice = scenarios.Suite("x", 1, loads("suite: x@1\nscenarios: {a: {image: low_light}}").scenarios * 2)
    with pytest.raises(SpecError, match=r"ids of their own, got 'a:1' 2 times"):
        scenarios.expand(twice, STREAMS)
    with pytest.raises(SpecError, match="severities must differ"):
        loads("suite: x@1\nscenarios: {a: {image: low_light, severities: [&x 1, *x, 2]}}")
    found = ids("a: {image: {name: low_light, severity: [1, 1, 2]}, audio: reverb, severities: [1], grid: product}")
    assert found == ["a:image.low_light=1,audio.reverb=1", "a:image.low_light=2,audio.reverb=1"]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("a: {image: apgd}", "Did you mean attack.apgd?"),
        ("a: {image: apdg}", "Did you mean attack.apgd?"),
        ("a: {audio: fog}", "image.fog is for image"),
        ("a: {image: {name: gaussian_noise, levels: {sigam: [0.1, 0.2]}}}", "Did you mean sigma?"),
        ("a: {image: [attack.fgsm, attack.pgd], severities: [3]}", "image must be attacked once in a cell"),
        ("a: {image: [attack.fgsm, attack.fgsm], severities: [3]}", "image must be attacked once in a cell"),
        ("a: {all: [attack.square, attack.auto]}", "must be attacked once in a cell"),
    ],
)
def test_hints_say_what_was_meant(body, hint):
    with pytest.raises(SpecError) as error:
        expand(body)
    assert hint in str(error.value)


def test_two_attacks_may_stand_in_one_scenario_where_they_never_meet():
    plan = expand("a: {image: [attack.fgsm, attack.square], severities: [3], grid: each}")
    assert [[c.perturbation for c in cell.conditions] for cell in plan.cells[1:]] == [
        ["attack.fgsm"],
        ["attack.square"],
    ]
    assert len(expand("a: {image: attack.fgsm, audio: attack.square, severities: [3]}").cells) == 2


BAD = {
    "one axis": ("p: {image: low_light, grid: pairwise}", "two or more axes", "image.low_light with 5"),
    "one value": ("p: {image: low_light, audio: reverb, severities: [3], grid: pairwise}", "two or more values"),
    "no timeline": ("p: {image: low_light, grid: timeline}", "timeline must be given"),
    "timeline in a product": ("p: {image: low_light, grid: product, timeline: {bursts: 2}}", "grid must be timeline"),
    "timeline and severities": ("p: {image: low_light, severities: [1], timeline: {bursts: 2}}", "must not be given"),
    "timeline of a fault": ("p: {image: missing, timeline: {shape: ramp}}", "must move a step"),
    "timeline too high": ("p: {image: low_light, timeline: {shape: ramp, severity: 9}}", "severity must be in [0, 5]"),
    "timeline backwards": ("p: {image: low_light, timeline: {shape: ramp, from: 0.5, to: 0.2}}", "to must come after"),
    "timeline form": ("p: {image: low_light, timeline: {shape: rmap}}", "Did you mean ramp?"),
    "timeline key": ("p: {image: low_light, timeline: {shape: ramp, form: 1}}", "Did you mean from?"),
    "timeline without form": ("p: {image: low_light, timeline: {over: time}}", "must have one of shape"),
    "points late": ("p: {image: low_light, timeline: {points: [[0.5, 1], [0.2, 3]]}}", "points must be in order"),
    "point": ("p: {image: low_light, timeline: {points: [[0.5, 1, 2]]}}", "a point must be a place in [0, 1]"),
    "flat points": ("p: {image: low_light, timeline: {points: [[0, 0]]}}", "one above 0"),
    "crowded bursts": ("p: {image: low_light, timeline: {bursts: 30, length: 0.1}}", "bursts must fit into the span"),
    "too many subsets": ("p: {" + ", ".join(f"s{i}: missing" for i in range(20)) + ", grid: subsets}", "got 1048575"),
    "too many cells": (
        "p: {image: [low_light, low_light, low_light], audio: [reverb, reverb, reverb, reverb, reverb], grid: product}",
        "at most 100000 cells, got 390625",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_grids_that_cannot_be_are_refused_before_there_is_data(case):
    body, *parts = BAD[case]
    with pytest.raises(SpecError) as error:
        expand(body)
    for part in ("<string>:3:", "p: ", *parts):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_timeline_ramps_and_recovers():
    line = Timeline("t", ((0.2, 0), (0.4, 4), (0.6, 4), (0.6, 1), (0.8, 0)))
    places = (0, 0.2, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 1)
    assert [round(line.severity(p), 9) for p in places] == [0, 0, 1, 4, 4, 1, 0.5, 0, 0]


def test_bursts_are_seeded_and_do_not_overlap():
    line = Timeline("t", bursts=4, length=0.1, top=3)
    grid = np.linspace(0, 1, 10_001)
    found = np.array([line.severity(p, seed=1) for p in grid])
    assert set(found) == {0, 3}
    assert np.mean(found > 0) == pytest.approx(0.4, abs=0.001)
    assert not np.array_equal(found, [line.severity(p, seed=2) for p in grid])
    assert not np.array_equal(found, [line.severity(p, seed=1, draw=1) for p in grid])


def test_a_burst_as_long_as_the_span_hits_every_sample():
    for body in ("bursts: 1, length: 1.0", "bursts: 4, length: 0.25"):
        cell = expand(f"a: {{image: low_light, timeline: {{{body}, severity: 3}}}}").cells[1]
        assert course_of(cell, Data(7), seed=0)[1].tolist() == [3.0] * 7


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_times_that_are_no_times_are_named(bad):
    data = Data(8)
    data.times[3] = bad
    cell = expand("a: {image: low_light, timeline: {shape: ramp, over: time}}").cells[1]
    with pytest.raises(InputError, match=rf"times must be finite, got {bad} for"):
        course_of(cell, data, seed=0)


def test_whole_numbers_between_levels_round_as_timelines_do():
    """Half-way between two levels it is the upper one, for a parameter as for a level."""
    from perturbations import get

    row = get("attack.character_edits").settings
    assert [row(severity)["edits"] for severity in (1, 1.5, 2.5, 3.5, 4.5)] == [1, 2, 3, 4, 5]


def test_a_timeline_hits_samples_by_their_place():
    data = Data()
    cell = expand("fog: {image: gaussian_noise, timeline: {points: [[0.25, 0], [0.5, 5], [0.75, 0]]}}").cells[1]
    assert (cell.id, cell.grid, cell.severity) == ("fog", "timeline", None)
    met = course_of(cell, data, seed=0)[1]
    assert met[[0, 23]].tolist() == [0, 0]
    assert met.max() == pytest.approx(5, abs=0.5)
    harm = [
        float(np.abs(perturb(cell, s, data, 0).streams["image"].astype(int) - s.streams["image"]).mean()) for s in data
    ]
    assert harm[:6] == [0] * 6
    assert harm[-6:] == [0] * 6
    assert all(a < b for a, b in itertools.pairwise(harm[6:12]))
    assert all(a > b for a, b in itertools.pairwise(harm[12:18]))


def test_a_timeline_takes_the_nearest_level_where_there_is_nothing_between():
    cell = expand("a: {audio: white_noise, image: defocus_blur, timeline: {shape: ramp, severity: 4}}").cells[1]
    noise, blur = cell.on("audio")[0].course, cell.on("image")[0].course
    data = Data(9)  # severities 0, 0.5, …, 4
    assert [noise.severity(s, data, 0, 0) for s in data] == [0, 1, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert [blur.severity(s, data, 0, 0) for s in data] == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_time_can_be_the_clock_of_each_sequence():
    data = Data(8)
    cell = expand("a: {image: low_light, timeline: {shape: ramp, severity: 3, over: sequence}}").cells[1]
    assert [cell.conditions[0].course.severity(s, data, 0, 0) for s in data] == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(SpecError, match="timeline needs samples with a sequence"):
        expand("a: {image: low_light, timeline: {shape: ramp, over: sequence}}", has={"data"})


def test_fallbacks_are_one_cell_for_each_set_of_streams():
    body = "a: {image: low_light}\nb: {image: gaussian_noise}\nc: {image: low_light, audio: reverb}\nd: {all: missing}"
    suite = loads("suite: x@1\nfallbacks: [drop]\nscenarios:\n" + "\n".join(f"  {line}" for line in body.splitlines()))
    plan = scenarios.expand(suite, STREAMS)
    drops = [cell for cell in plan.cells if cell.fallback == "drop"]
    assert [cell.id for cell in drops] == ["drop:image", "drop:image+audio"]
    assert [name for name, _ in plan.left_out] == ["d"]
    lost = perturb(drops[1], Data()[0], Data(), 0)
    assert [name for name, value in lost.streams.items() if value is None] == ["image", "audio"]
    assert [c.id for c in scenarios.expand(suite, STREAMS, only=["c:5"]).cells] == ["clean", "c:5", "drop:image+audio"]
    assert "drop:image" not in [c.id for c in scenarios.expand(suite, STREAMS, skip=["drop*"]).cells]


def attacked(body, streams):
    return expand(f"own: {body}", streams).cells[1:]


@pytest.mark.parametrize("name", names("attack"))
def test_an_attack_is_bounded_by_the_budget_of_its_own_stream_alone(name):
    """The budget of sound can neither be in the way of an attack on pictures nor stand beside it unused."""
    declared = get(name)
    for kind, budget in declared.budgets.items():
        streams = {kind: kind}
        graded = [c for c in attacked(f"{{{kind}: {name}, severities: [1.5, 3]}}", streams) if c.conditions]
        others = declared.foreign(kind)
        assert all(not others & set(c.conditions[0].settings) for c in graded)
        assert all(budget in c.conditions[0].settings for c in graded)
        if declared.params[budget].clean is not None:
            assert attacked(f"{{{kind}: {name}, severities: [0.5]}}", streams)[-1].conditions[0].settings[budget] > 0
        else:
            with pytest.raises(SpecError, match="no clean value"):
                attacked(f"{{{kind}: {name}, severities: [0.5]}}", streams)
        for other in others:
            with pytest.raises(SpecError, match=f"{budget} must be what bounds {kind}"):
                attacked(f"{{{kind}: {{name: {name}, {other}: 2}}}}", streams)
            with pytest.raises(SpecError, match=f"{budget} must be what bounds {kind}"):
                attacked(f"{{{kind}: {{name: {name}, levels: {{{other}: [2, 3]}}}}}}", streams)


def test_an_attack_along_a_ramp_reads_between_the_levels_of_its_own_stream():
    found = attacked("{image: attack.fgsm, timeline: {shape: ramp, severity: 2}}", {"image": "image", "audio": "audio"})
    course = next(c for cell in found for c in cell.conditions).course
    assert course.settings("attack.fgsm", "default", course.at(0.5, 0, 0))["epsilon"] == pytest.approx(1.0)
    assert course.at(0.3, 0, 0) == pytest.approx(0.6)
