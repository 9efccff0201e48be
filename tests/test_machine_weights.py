"""Weights in fewer digits: what torch makes of them, and whose cannot be."""

import numpy as np
import pytest

import scenarios
import stress
from perturbations import ModelError
from stress.models import Batch, Pixels, held_as, load_model, predict_of
from stress.models._smaller import fixed_weights
from tests.worlds import CLASSES, samples

torch = pytest.importorskip("torch")


def network(seed=0):
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(128, 10)).eval()


def adapted(module=None):
    return stress.models.torch(module or network(), {"image": Pixels(size=32)}, classes=list(CLASSES))


def pictures(count=6):
    return [{"image": sample.streams["image"]} for sample in samples(count)]


def batch(count=6):
    return Batch({"image": [one["image"] for one in pictures(count)]})


class Own:
    """A user's model with a module of its own, which it may leave unused."""

    classes = CLASSES

    def __init__(self, used=True):
        self.module, self._used = network(), used

    def __call__(self, batch):
        pixels = np.stack([np.repeat(v[:32, :32], 3, axis=2) for v in batch["image"]]).transpose(0, 3, 1, 2)
        with torch.no_grad():
            found = (self.module if self._used else network())(torch.from_numpy(pixels.astype(np.float32) / 255))
        return found.numpy()


@pytest.mark.parametrize("make", [adapted, Own])
def test_the_answers_are_those_of_rounded_or_quantised_weights(make):
    model = make()
    plain = model(batch())
    before = {
        name: value.clone() for name, value in (getattr(model, "network", None) or model.module).state_dict().items()
    }
    bf16, int8 = (held_as(model, form)(batch()) for form in ("bf16", "int8"))
    assert not np.array_equal(bf16, plain)
    assert not np.array_equal(int8, plain)
    assert np.abs(bf16 - plain).max() < 2**-7 * 10 * np.abs(plain).max()  # 8 significant bits, some layers
    assert np.array_equal(model(batch()), plain)  # the model itself is as it was
    after = (getattr(model, "network", None) or model.module).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_bf16_is_the_weights_rounded_to_8_significant_bits():
    rounded = held_as(adapted(), "bf16").network
    for name, value in network().named_parameters():
        found = dict(rounded.named_parameters())[name].detach().numpy()
        fraction, exponent = np.frexp(value.detach().numpy().astype(np.float64))
        expected = np.ldexp(np.round(fraction * 2**8) / 2**8, exponent)  # halves to even, as IEEE 754 has it
        assert np.array_equal(found, expected.astype(np.float32))
        assert found.dtype == np.float32


def test_int8_is_dynamic_quantisation_of_the_layers_it_is_for():
    made = held_as(adapted(), "int8").network
    kinds = [type(part) for part in made]
    assert kinds[0] is torch.nn.Conv2d
    assert kinds[-1] is torch.ao.nn.quantized.dynamic.Linear
    weight = made[-1].weight()
    assert weight.dtype is torch.qint8
    plain = network()[-1].weight.detach()
    assert (weight.dequantize() - plain).abs().max() <= plain.abs().max() / 127


def test_a_model_that_must_not_be_written_into_is_still_handed_copies():
    class Writes(Own):
        def __call__(self, batch):
            found = super().__call__(batch)
            for value in batch["image"]:
                value[:] = 0
            return found

    given = batch()
    before = [value.copy() for value in given["image"]]
    held_as(predict_of(load_model(Writes())), "bf16")(given)
    assert all(np.array_equal(a, b) for a, b in zip(before, given["image"]))


@pytest.mark.parametrize(
    ("model", "form", "says"),
    [
        (lambda batch: None, "int8", "it shows no torch module"),
        (
            stress.models.torch(torch.nn.Conv2d(3, 1, 3), {"image": Pixels(size=8)}),
            "int8",
            "no linear or recurrent layer",
        ),
        (stress.models.torch(torch.nn.ReLU(), {"image": Pixels(size=8)}), "bf16", "it has no weights"),
    ],
)
def test_who_has_no_such_weights_says_why(model, form, says):
    assert says in fixed_weights(model)[form]
    with pytest.raises(ModelError, match=says):
        held_as(model, form)


def test_a_module_that_is_made_for_gradients_alone_is_not_asked_for():
    """The demo's network is numpy; its torch twin, which takes seconds to import, has no part in its answers."""
    demo = load_model("demo")
    assert "no torch module" in demo.fixed_weights["int8"]
    assert "module" not in vars(demo.predict)


def test_a_module_that_does_not_answer_is_no_smaller_model():
    with pytest.raises(ModelError, match=r"its .module must answer for its weights to be held otherwise"):
        held_as(Own(used=False), "int8")(batch())


def test_int8_crossed_with_the_night(tmp_path):
    """What a cell of both holds is the smaller model's answer to the dark picture, and nobody else's."""
    model = adapted()
    own = {
        "suite": "own@1",
        "severities": [3],
        "scenarios": {
            "small": {"machine": {"name": "weights", "to": ["int8", "bf16"]}},
            "night": {"image": "low_light"},
            "both": {"machine": {"name": "weights", "to": "int8"}, "image": "low_light"},
        },
    }
    rows = [type(s)(s.id, {"image": s.streams["image"]}, target=s.target) for s in samples(10)]
    data = stress.data.from_samples(rows)
    run = stress.run(model=model, data=data, suite=own, out=tmp_path / "run", workers=1, preflight=False)
    plan = scenarios.expand(scenarios.loads(own), {"image": "image"})
    for cell in plan.cells:
        form = {"small:int8": "int8", "small:bf16": "bf16", "both:3": "int8"}.get(cell.id)
        answering = model if form is None else held_as(model, form)
        seen = [scenarios.perturb(cell, row, data, 0) for row in rows]
        logits = answering(Batch.of(seen)).astype(np.float64)
        expected = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected = (expected / expected.sum(axis=1, keepdims=True)).max(axis=1)
        found = {r["sample"]: r["confidence"] for r in run.records([cell.id], ["sample", "confidence"]).to_pylist()}
        assert np.allclose([found[i] for i in range(10)], expected, atol=1e-6), cell.id
    assert {r["cell"]: r["modality"] for r in run.cells.to_pylist()}["both:3"] == "image+machine"
