"""Every law, for every perturbation of the registry: a new one needs no new test."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import perturbations
from perturbations._citations import references
from perturbations.modality import modality
from stress.testing import laws, witness_sample

NAMES = perturbations.names()
NEEDS_NO_MODEL = ("survives_pickling", "is_described")
"""Laws that attacks and conditions of a machine keep too; their own are in test_attacks.py and test_machine.py."""


CASES = [
    pytest.param(name, law, id=f"{name}-{law.__name__}")
    for name in NAMES
    for law in laws()
    if perturbations.get(name).kind not in ("attack", "machine") or law.__name__ in NEEDS_NO_MODEL
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
    from stress.testing import distortion_does_not_fall

    echo = perturbations.get("audio.echo")
    with pytest.raises(AssertionError, match="falls with severity in profile speech-robust-bench"):
        distortion_does_not_fall(replace(echo, not_monotone=None), None)


STEPS = {
    "psnr_db": (0.25, "decibels of the peak signal-to-noise ratio"),
    "snr_db": (1.0, "decibels of the signal-to-noise ratio"),
    "cer": (0.0025, "of the characters"),
    "level_dbfs": (1.0, "decibels of the level"),
    "clipped": (0.01, "of the frames at full scale"),
    "nrmse": (0.005, "of the channels' own deviation"),
}
"""By how much one of these must change from one level to the next, on average over some draws on the witness."""
APART = {"psnr_db": 48.0, "snr_db": 40.0, "cer": 0.0025, "nrmse": 0.005}
"""What counts as two different results, where distance from the clean value is declared to be no scale: at most this
ratio, at least this error rate, between the two."""
PUBLISHED = {
    ("image.motion_blur", "cifar-10-c"): "levels 3 and 4 have one width, and kernels that differ beyond 3 widths only",
    ("image.fog", "imagenet-c"): "more fog with smoother patches: level 4 is as far from the clean picture as level 3",
    ("image.fog", "inception-299"): "as imagenet-c",
    ("image.glass_blur", "cifar-10-c"): "levels 1 and 2 move pixels alike and blur by less than a fifth of a pixel",
}
"""Tables that are kept as published, with levels that are alike, and how."""


def results(p, data, profile):
    """Return the results of every level for some samples of the data set: all, for a fault, which may spare some."""
    some = list(data) if p.kind == "fault" else list(data)[::3]
    levels = range(1, p.top(profile) + 1)
    return some, [
        [perturbations.apply(p, each, s, stream="x", data=data, profile=profile, **p.examples) for each in some]
        for s in levels
    ]


def measures(kind, clean, perturbed):
    """Return what a level is told by: how many it befalls, the size of what it leaves, and the means of ``STEPS``."""
    pairs = [(c.streams["x"], r.streams["x"]) for c, r in zip(clean, perturbed)]
    there = [(c, r) for c, r in pairs if r is not None and not kind.same(c, r)]
    rows = [{**kind.signals(r, "cheap"), **kind.distortion(c, r)} for c, r in there]
    found = {name: [row[name] for row in rows if math.isfinite(row.get(name, math.nan))] for name in STEPS}
    size = sum(np.size(getattr(r, "samples", r)) for _, r in there)
    befallen = sum(r is None or not kind.same(c, r) for c, r in pairs)
    return befallen, size, {name: np.mean(values) for name, values in found.items() if values}


def differ(kind, scale, one, other, measured):
    """Tell whether two neighbouring levels differ by a step, or at all where distortion is no scale."""
    (befallen, size, first), (befallen_then, size_then, second) = measured
    if befallen != befallen_then or (kind.name != "text" and size != size_then):
        return True
    if any(abs(first[name] - second[name]) >= STEPS[name][0] for name in first.keys() & second.keys()):
        return True
    if scale:
        return False
    for a, b in zip(one, other):
        name, value = next(iter(kind.distortion(a.streams["x"], b.streams["x"]).items()))
        if value <= APART[name] if kind.falls else value >= APART[name]:
            return True
    return False


def levels_differ(p, profile, of):
    """Raise where two neighbouring levels of a profile do the same, on average over some draws on its witness."""
    kind = modality(of)
    own = p.witness() if p.witness is not None else None
    data = witness_sample(of, own if own is not None and kind.holds(own) else None)[1]
    data = replace(data, samples=tuple(replace(each, time=0.2 * each.time) for each in data))
    clean, found = results(p, data, profile)
    told = [measures(kind, clean, each) for each in found]
    scale = not p.may_fall(profile)
    alike = [
        level
        for level, (pair, measured) in enumerate(zip(pairwise(found), pairwise(told)), start=1)
        if not differ(kind, scale, *pair, measured)
    ]
    assert not alike, f"{p.name}: levels {alike} of {profile} are as the next one: {[each[2] for each in told]}"


GRADED = [
    pytest.param(name, profile, of, id=f"{name}-{profile}-{of}")
    for name in NAMES
    for p in [perturbations.get(name)]
    if p.kind not in ("attack", "machine") and p.axis == "ordinal"
    for profile in p.profiles
    for of in p.modalities
]


@pytest.mark.parametrize(("name", "profile", "of"), GRADED)
def test_levels_differ(name, profile, of):
    """Five levels that all do the same are no scale."""
    if (name, profile) in PUBLISHED:
        pytest.skip(PUBLISHED[name, profile])
    levels_differ(perturbations.get(name), profile, of)


def test_levels_that_are_alike_are_found():
    for name, levels in {
        "audio.gain_down": {"loss_db": (10, 10.5, 11, 20, 30)},
        "image.gaussian_noise": {"sigma": (0.1, 0.2, 0.201, 0.3)},
        "text.dropped_words": {"share": (0.1, 0.3, 0.3, 0.5)},
        "audio.pitch_up": {"semitones": (3, 3.0, 6)},
    }.items():
        p = perturbations.get(name)
        own = p.with_levels({**{key: p.params[key].levels for key in p.graded if key not in levels}, **levels})
        with pytest.raises(AssertionError, match=r"levels \[.*\] of own are as the next one"):
            levels_differ(own, "own", p.modalities[0])


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("hendrycks2019", "@inproceedings{hendrycks2019"),
        ("smith2031", "% smith2031"),  # of a plug-in's own bibliography
        ("doi:10.1000/182", "% doi:10.1000/182"),
        ("A talk,\nin spring", "% A talk, in spring"),
        ("ours\x1b[31m", "% ours\\u001b[31m"),
    ],
)
def test_a_source_that_is_no_key_of_ours_is_a_comment(source, shown):
    """Sources of plug-ins may be anything; those of built-in perturbations are keys (see above)."""
    assert perturbations.bibliography([source]).startswith(shown)
    assert perturbations.bibliography([source]).startswith("@") or perturbations.bibliography([source]) == shown
