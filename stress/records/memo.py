"""What has been worked out already, by the function that did it and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

__all__ = ["Memo"]

Owner = TypeVar("Owner")
More = ParamSpec("More")
Found = TypeVar("Found")


class Memo:
    """The results of functions of one owner, each worked out once.

    The owner is no part of the key and is not kept here: it holds the memo, and both are freed together at once.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def __call__(
        self,
        work: Callable[Concatenate[Owner, More], Found],
        owner: Owner,
        /,
        *args: More.args,
        **kwargs: More.kwargs,
    ) -> Found:
        """Return ``work(owner, *args, **kwargs)``; the arguments must be hashable."""
        key = (work, args, tuple(sorted(kwargs.items())))
        if key not in self._known:
            self._known[key] = work(owner, *args, **kwargs)
        return cast(Found, self._known[key])
