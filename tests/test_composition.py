"""Laws of composition: what stays the same when scenarios, steps and cells come and go."""

import pickle
import time

import numpy as np

from perturbations import Sample
from perturbations.modality import modality
from scenarios import perturb
from tests.little import STREAMS, Data, expand


def same(one, other):
    return all(
        modality(STREAMS[name]).same(one.streams[name], other.streams[name])
        if one.streams[name] is not None and other.streams[name] is not None
        else one.streams[name] is other.streams[name]
        for name in STREAMS
    )


MANY = """\
a: {image: [gaussian_noise, low_light], audio: white_noise}
b: {text: keyboard_typos, image: gaussian_noise, grid: product, severities: [1, 5]}
c: {all: {name: missing, fill: [none, zeros]}, grid: subsets}
d: {image: low_light, timeline: {bursts: 2, length: 0.2}}
e: {image: [gaussian_noise, gaussian_noise], audio: reverb, grid: each}"""


def test_adding_a_scenario_changes_no_other_cell_and_no_value():
    whole = {cell.id: cell for cell in expand(MANY).cells}
    assert len(whole) == len(expand(MANY).cells), "ids are unique"
    data = Data(4)
    for line in MANY.splitlines():
        for cell in expand(line).cells:
            assert whole[cell.id] == cell
            assert same(perturb(cell, data[2], data, 3), perturb(whole[cell.id], data[2], data, 3))


def test_order_matters_and_is_kept():
    data, first = Data(2), "a: {image: [low_light, gaussian_noise], severities: [4]}"
    one = expand(first).cells[1]
    other = expand(first.replace("low_light, gaussian_noise", "gaussian_noise, low_light")).cells[1]
    assert [c.perturbation for c in one.conditions] == ["image.low_light", "image.gaussian_noise"]
    assert not same(perturb(one, data[0], data, 0), perturb(other, data[0], data, 0))


def test_a_step_at_severity_0_changes_nothing():
    data = Data(2)
    both = expand("a: {image: [{name: low_light, severity: 0}, gaussian_noise], severities: [3]}").cells[1]
    alone = expand("a: {image: gaussian_noise, severities: [3]}").cells[1]
    assert same(perturb(both, data[0], data, 0), perturb(alone, data[0], data, 0))
    assert both.conditions == alone.conditions


def test_a_sample_sees_the_same_draw_in_every_cell():
    data = Data(2)
    twice = "a: {image: [{name: gaussian_noise, severity: [0, 1, 2]}, {name: gaussian_noise, severity: [1, 0, 2]}]}"
    cells = expand(twice).cells[1:]
    assert [[c.step for c in cell.conditions] for cell in cells] == [[1], [0], [0, 1]]
    clean = data[0].streams["image"].astype(float)
    inside = (clean > 90) & (clean < 160)  # where noise of severities 1 and 3 clips nowhere
    graded = expand("a: {image: gaussian_noise, severities: [1, 3]}").cells[1:]
    mild, strong = (perturb(cell, data[0], data, 0).streams["image"] - clean for cell in graded)
    assert np.corrcoef(mild[inside], strong[inside])[0, 1] > 0.95


def test_streams_of_one_modality_draw_apart_unless_they_share_an_event():
    picture = np.full((16, 16, 3), 128, np.uint8)
    sample, streams = Sample("x", {"left": picture, "right": picture}), {"left": "image", "right": "image"}

    def views(step):
        cell = expand(f"a: {{image: {step}}}", streams).cells[1]
        return perturb(cell, sample, None, 0).streams.values()

    left, right = views("gaussian_noise")
    assert not np.array_equal(left, right)
    left, right = views("{name: gaussian_noise, key: rain}")
    assert np.array_equal(left, right)


def test_cells_pickle_for_workers_and_do_the_same_there():
    data = Data(4)
    for cell in expand(MANY).cells:
        again = pickle.loads(pickle.dumps(cell))
        assert again == cell
        assert same(perturb(again, data[1], data, 5), perturb(cell, data[1], data, 5))


def test_a_million_samples_by_a_thousand_cells_expand_in_no_time():
    streams = {f"camera{i}": "image" for i in range(2)} | {"speech": "audio"}
    body = "\n".join(f"s{i}: {{image: [gaussian_noise, low_light], speech: white_noise}}" for i in range(200))
    start = time.process_time()
    plan = expand(body, streams)
    assert len(plan.cells) == 1001
    assert time.process_time() - start < 60  # a second on an idle machine
