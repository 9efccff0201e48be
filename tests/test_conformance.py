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


def test_exceptions_from_monotone_severity_are_of_a_profile():
    saturate, blur = perturbations.get("image.saturate"), perturbations.get("image.glass_blur")
    assert "drained" in saturate.may_fall("imagenet-c")
    assert saturate.may_fall("monotone") is None
    assert all(blur.may_fall(profile) for profile in blur.profiles)
    with pytest.raises(perturbations.SpecError, match=r"not_monotone must name profiles \(default\), got cifar"):

        @perturbations.image_corruption(
            cite="hendrycks2019",
            not_monotone={"cifar": "no such profile"},
            share=perturbations.Param("share of the light that is lost", "fraction", 0, 1, clean=0, levels=(0.1, 0.2)),
        )
        def dimmer(image, *, share):
            """Less light: all of it fades."""
            return (image * (1 - share)).astype(image.dtype)


def test_distortion_that_falls_to_nothing_is_a_fall():
    from dataclasses import replace

    from stress.testing import distortion_does_not_fall

    echo = perturbations.get("audio.echo")
    with pytest.raises(AssertionError, match="falls with severity in profile speech-robust-bench"):
        distortion_does_not_fall(replace(echo, not_monotone=None), None)
