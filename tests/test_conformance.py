"""Every law, for every perturbation of the registry: a new one needs no new test."""

import pytest

import perturbations
from perturbations._citations import references
from stress.testing import laws

NAMES = perturbations.names()
NEEDS_NO_MODEL = ("survives_pickling", "is_described")
"""Laws that attacks keep too; those of attacks alone, which need a model, are in test_attacks.py."""


CASES = [
    pytest.param(name, law, id=f"{name}-{law.__name__}")
    for name in NAMES
    for law in laws()
    if perturbations.get(name).kind != "attack" or law.__name__ in NEEDS_NO_MODEL
]


@pytest.mark.parametrize(("name", "law"), CASES)
def test_law(name, law):
    law(perturbations.get(name), None)


@pytest.mark.parametrize("name", NAMES)
def test_source_is_in_the_bibliography(name):
    for key in perturbations.get(name).cite:
        assert key in references()
