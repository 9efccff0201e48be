"""Which of a callable's parts make it another model: whatever it can answer by, and nothing that is the same."""

import re
import types
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from stress.models import load_model, steady_code


def using(value):
    def predict(batch):
        return np.eye(2)[[0] * batch.size], value

    return predict


def known(model):
    loaded = load_model(model)
    code, unread = steady_code(loaded)
    return (dict(code), loaded.weights), list(unread)


PAIRS = {
    "a mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "records": (np.zeros(2, [("a", "i4")]), np.ones(2, [("a", "i4")])),
    "dates of NumPy": (np.array(["2020-01-01"], "M8[D]"), np.array(["2020-01-02"], "M8[D]")),
    "a table's method": ({"a": 1}.get, {"a": 2}.get),
    "a pattern": (re.compile("a"), re.compile("b")),
    "a pattern's flags": (re.compile("a"), re.compile("a", re.IGNORECASE)),
    "a day": (date(2020, 1, 1), date(2020, 1, 2)),
    "a decimal number": (Decimal("0.5"), Decimal("0.50001")),
    "a range": (range(3), range(4)),
    "bytes that can change": (bytearray(b"a"), bytearray(b"b")),
}


@pytest.mark.parametrize("what", PAIRS)
def test_data_that_differ_make_another_model(what):
    one, other = map(known, map(using, PAIRS[what]))
    assert one != other
    assert not one[1]
    assert known(using(PAIRS[what][0])) == one


def test_plain_data_of_a_local_module_belong_to_a_function(monkeypatch):
    settings = types.ModuleType("settings_of_a_notebook")
    settings.THRESHOLD = 0.5
    before = known(using(settings))
    assert known(using(settings)) == before
    settings.THRESHOLD = 0.7
    assert known(using(settings)) != before


def test_layers_belong_to_a_network_and_not_its_weights_alone():
    torch = pytest.importorskip("torch")
    weights = torch.nn.Linear(2, 2)

    def network(*more):
        return using(torch.nn.Sequential(weights, *more))

    class Scaled(torch.nn.Module):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return x * self.by

    class Shifted(Scaled):
        def forward(self, x):
            return x + self.by

    each = [(torch.nn.ReLU(),), (torch.nn.Tanh(),), (torch.nn.Dropout(0.1),), (torch.nn.Dropout(0.2),)]
    each += [(Scaled(1),), (Scaled(2),), (Shifted(1),), ()]
    found = [known(network(*more)) for more in each]
    assert len({repr(one) for one in found}) == len(each)
    assert not any(unread for _, unread in found)
    assert known(network(torch.nn.Dropout(0.1))) == found[2]
    asleep = torch.nn.Sequential(weights, torch.nn.Dropout(0.1)).eval()
    assert known(using(asleep)) != found[2]


def test_tensors_are_read_to_their_last_digit():
    torch = pytest.importorskip("torch")
    one, other = (known(using(torch.tensor([value]))) for value in (2**24, 2**24 + 1))
    assert one != other
    assert not one[1]
    assert known(using(torch.ones(2, device="meta")))[1] == ["model.value"]
