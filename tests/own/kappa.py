"""A user's metric in one file: agreement beyond chance."""

import stress


@stress.metric("counts", low=-1, high=1, undefined="all truths and answers are of one class", source="Cohen 1960")
def cohen_kappa(hits, answers, truths, records):
    agreed, chance = hits.sum() / records, (answers * truths).sum() / records**2
    return (agreed - chance) / (1 - chance) if chance < 1 else float("nan")
