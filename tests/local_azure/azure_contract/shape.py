# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a specification says about a value, whichever notation it is written in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

#: A JSON object as the `json` module makes it.
Json: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["any", "string", "integer", "number", "boolean", "array", "object"]


class Schema:
    """A place in a specification; what it says is worked out when it is first asked for, since types are recursive."""

    __slots__ = ("_make", "_shape")

    def __init__(self, make: Callable[[], Shape]) -> None:
        self._make = make
        self._shape: Shape | None = None

    @property
    def shape(self) -> Shape:
        if self._shape is None:
            self._shape = self._make()
        return self._shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The rules for one value.

    `names` are the definitions it is made of, the most specific first. An object without `additional` is closed; with
    it, every property that is not in `properties` follows it. `values` are all that is allowed, unless they are `open`.
    `variants` are the schemas that the value of the property `discriminator` chooses from.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    properties: Mapping[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: Schema | None = None
    items: Schema | None = None
    values: frozenset[str] | None = None
    open: bool = False
    format: str = ""
    pattern: re.Pattern[str] | None = None
    lowest: float | None = None
    highest: float | None = None
    exclusive: tuple[bool, bool] = (False, False)
    length: tuple[int, int | None] = (0, None)
    unique: bool = False
    nullable: bool = False
    secret: bool = False
    read_only: bool = False
    discriminator: str | None = None
    variants: Mapping[str, Schema] = field(default_factory=dict)


ANYTHING = Schema(lambda: Shape(kind="any", nullable=True))
