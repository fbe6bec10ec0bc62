"""Objects of the reference packages as plain values, and back; nothing in a file is executed.

Their own files are pickles, which run what they hold. Here an object is its class's name, out of a
list that this program fixes, and its attributes as JSON values and arrays. Random states are left
out: they are set before every draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = Mapping[str, type]


@dataclass
class Flattened:
    """Plain values under way.

    Args:
        classes: what may be taken apart, by the name that stands in the file.
        objects: per object its class and attributes; values refer to objects by position.
        arrays: by name.
    """

    classes: Classes
    objects: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)

    def value(self, value: Any) -> Any:
        """The plain form of a value.

        Raises:
            TypeError: an object of a class that is not listed.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, str, int)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.random.RandomState):
            return None
        if isinstance(value, np.dtype):
            return {"dtype": value.str if value.kind != "O" else "O"}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            name = f"array{len(self.arrays)}"
            self.arrays[name] = value.copy()
            return {"array": name}
        return self._container(value)

    def _container(self, value: Any) -> Any:
        name = self._name(value)
        if name is not None and isinstance(value, tuple):
            return {"record": name, "values": [self.value(v) for v in value]}
        if name is not None:
            return {"object": self._object(value, name)}
        if isinstance(value, dict):
            return {"dict": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if isinstance(value, list):
            return [self.value(v) for v in value]
        if isinstance(value, tuple):
            return {"tuple": [self.value(v) for v in value]}
        if type(value).__name__ == "Series":
            return {"series": [self.value(v) for v in (list(value.index), list(value))]}
        raise TypeError(f"expected an object that can be saved, got a {type(value).__name__}")

    def _object(self, value: Any, name: str) -> int:
        if id(value) not in self._places:
            self._places[id(value)] = len(self.objects)
            self._kept.append(value)  # or its id could be given to another
            entry: dict[str, Any] = {"class": name}
            self.objects.append(entry)
            entry["attributes"] = {k: self.value(v) for k, v in vars(value).items()}
        return self._places[id(value)]

    def _name(self, value: Any) -> str | None:
        return next((name for name, kind in self.classes.items() if type(value) is kind), None)


@dataclass
class Rebuilt:
    """Objects out of plain values.

    Args:
        classes: what may be made, by name.
        arrays: by name.
        objects: as `Flattened` left them; made at once.
    """

    classes: Classes
    arrays: Mapping[str, NDArray[Any]]
    objects: list[dict[str, Any]]
    made: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        # all first, attributes second: objects may refer to each other
        kinds = [self.classes[entry["class"]] for entry in self.objects]
        self.made = [object.__new__(kind) for kind in kinds]
        for thing, entry in zip(self.made, self.objects, strict=True):
            for name, plain in entry["attributes"].items():
                if not name.isidentifier() or name.startswith("__") or callable_of(thing, name):
                    raise ValueError("expected attributes that hold data")
                vars(thing)[name] = self.value(plain)

    def value(self, plain: Any) -> Any:
        """The value that a plain one stands for.

        Raises:
            ValueError: a form that `Flattened` does not write.
        """
        if isinstance(plain, list):
            return [self.value(v) for v in plain]
        if not isinstance(plain, dict):
            return plain
        match plain:
            case {"float": text}:
                return float(text)
            case {"dtype": text}:
                return np.dtype(text)
            case {"array": name}:
                return self.arrays[name].copy()
            case {"dict": pairs}:
                return {self.value(k): self.value(v) for k, v in pairs}
            case {"tuple": values}:
                return tuple(self.value(v) for v in values)
            case {"record": name, "values": values}:
                return self.classes[name](*(self.value(v) for v in values))
            case {"series": [index, values]}:
                import pandas as pd

                return pd.Series(self.value(values), index=self.value(index), dtype=object)
            case {"object": place}:
                return self.made[place]
        raise ValueError("expected a value of a known form")


def callable_of(thing: Any, name: str) -> bool:
    """Whether an attribute of that name is one of the class's methods or properties."""
    found = getattr(type(thing), name, None)
    return callable(found) or isinstance(found, property)
