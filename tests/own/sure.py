"""Users' metrics of how sure a model is, each a plain function without influences."""

import numpy as np

import stress


@stress.metric("confidence", low=-1, high=1, better="lower")
def own_overconfidence(confidence, right):
    return np.mean(confidence) - np.mean(right)


@stress.metric("rank", source="Hanley & McNeil 1982")
def own_auroc(scores, positive):
    above = scores[positive][:, None] - scores[~positive][None, :]
    return np.mean((above > 0) + 0.5 * (above == 0))


@stress.metric("mean", better="lower", failed=1.0)
def bold_mistakes(confidence, score):
    return (confidence > 0.5) & (score < 1)
