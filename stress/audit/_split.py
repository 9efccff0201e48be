"""Splits that can be trusted: groups stay whole, and every part has its share of each kind of sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b

from perturbations import InputError
from perturbations.errors import named_keywords
from stress.audit._cells import named
from stress.data import Samples

__all__ = ["split"]

STREAMS = "streams"


@named_keywords
def split(
    data: Samples,
    shares: Mapping[str, float],
    by: Sequence[str] = ("label", STREAMS),
    apart: Sequence[str] = (),
    together: Sequence[Sequence[str]] = (),
    seed: int = 0,
) -> dict[str, str]:
    """Return the part of each sample, by id: groups named in ``apart`` and ``together`` (ids) are in one part each.

    ``by`` names what each part shall have its share of: ``label``, ``streams`` (which are there), groups. Whole groups
    are placed one after the other, the largest first, each where its kinds of samples are missing most (iterative
    stratification, Sechidis et al. 2011, of groups). Raises InputError for shares that do not sum to 1, and for groups
    that the data do not have.
    """
    if not shares or any(not 0 < share < 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        given = ", ".join(f"{name}={share:g}" for name, share in shares.items()) or "none"
        raise InputError(f"split: shares must be of two or more parts, above 0, and sum to 1, got {given}.")
    kinds = _kinds(data, by)
    units = _units(data, apart, together)
    if len(units) < len(shares):
        raise InputError(f"split: must have as many groups as parts, got {len(units)} for {len(shares)} parts.")
    wanted = {part: Counter({k: share * n for k, n in Counter(kinds).items()}) for part, share in shares.items()}
    room = {part: share * len(data) for part, share in shares.items()}
    found: dict[str, str] = {}
    for rows in sorted(units, key=lambda rows: (-len(rows), _draw(seed, data.ids[rows[0]]))):
        inner = Counter(kinds[row] for row in rows)
        best = max(shares, key=lambda part: (_gain(wanted[part], inner), room[part], part))
        for kind, count in inner.items():
            wanted[best][kind] -= count
        room[best] -= len(rows)
        found |= {data.ids[row]: best for row in rows}
    return {name: found[name] for name in data.ids}


def _gain(wanted: Counter[Hashable], inner: Counter[Hashable]) -> float:
    """Return how much of what a unit holds is missing in a part, of each kind beside how much there is of it."""
    return sum(min(wanted[kind], count) if wanted[kind] > 0 else wanted[kind] for kind, count in inner.items())


def _draw(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass"), digest_size=8, person=b"stress.split").digest()


def _kinds(data: Samples, by: Sequence[str]) -> list[Hashable]:
    columns: list[Sequence[Hashable]] = []
    for name in by:
        if name == "label":
            columns.append([named(target) for target in data.targets])
        elif name == STREAMS:
            present = data.known.present if data.known is not None else [""] * len(data)
            columns.append(present)
        else:
            data.check_cluster(name, "split: --by")
            columns.append(data.sequences if name == "sequence" else data.index.groups[name])
    return [tuple(row) for row in zip(*columns)] if columns else [()] * len(data)


def _units(data: Samples, apart: Sequence[str], together: Sequence[Sequence[str]]) -> list[list[int]]:
    """Return the samples that must be in one part: linked by a group's value, or by being duplicates."""
    links: dict[Hashable, list[int]] = defaultdict(list)
    for name in apart:
        data.check_cluster(name, "split: --apart")
        values = data.sequences if name == "sequence" else data.index.groups[name]
        for row, value in enumerate(values):
            if value is not None:
                links[name, value].append(row)
    for number, ids in enumerate(together):
        links["together", number] = [data.position(one) for one in ids]
    parent = list(range(len(data)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for rows in links.values():
        for row in rows[1:]:
            parent[root(row)] = root(rows[0])
    units: dict[int, list[int]] = defaultdict(list)
    for row in range(len(data)):
        units[root(row)].append(row)
    return list(units.values())
