"""The reference packages' own objects: fitted, taken apart, put together, and drawn from.

What is put together is enough to draw and no more. Of a CTGAN's fitted state that leaves out one
part that our files may keep: which training records hold each category (`records`), by which its
training picks real records. Drawing does not read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tabsynth.backends.frames import TABLE
from tabsynth.backends.parts import (
    classes,
    copula,
    fill_ctgan,
    fill_processor,
    fill_tvae,
    processor_parts,
    record_codes,
    weights,
)
from tabsynth.backends.plain import Flattened, Rebuilt

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["sdv:gaussian_copula", "sdv:ctgan", "sdv:tvae", "ctgan:ctgan"]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]

RECORDS: Final = "records"
_CTGAN_MISSING: Final = ".missing"


@dataclass(frozen=True)
class Engine:
    """One fitted object of a reference package.

    Args:
        kind: which of the four.
        fitted: an SDV synthesizer, or a `CTGAN`.
    """

    kind: Kind
    fitted: Any

    @classmethod
    def fit(
        cls, kind: Kind, frame: pd.DataFrame, metadata: dict[str, Any], parameters: dict[str, Any]
    ) -> Engine:
        """Let the package fit a frame; randomness is global and the caller's to contain."""
        if kind == "ctgan:ctgan":
            from ctgan import CTGAN

            marked, discrete = _mark_missing(frame)
            network = CTGAN(**parameters)
            network.fit(marked, discrete)
            return cls(kind, network)
        fitted = _synthesizer(kind, metadata, parameters)
        fitted.fit({TABLE: frame})
        return cls(kind, fitted)

    def draw(self, rows: int, seed: int) -> pd.DataFrame:
        """A frame of synthetic records; randomness is global and the caller's to contain."""
        if self.kind == "ctgan:ctgan":
            _seed_transformers(self.fitted, seed)
            return _unmark_missing(self.fitted.sample(rows))
        if self.kind != "sdv:gaussian_copula":
            _seed_transformers(self.fitted._model, seed)
        _seed(self.fitted._data_processor._hyper_transformer._transformers_sequence, seed)
        self.fitted._set_random_state(seed)
        drawn: pd.DataFrame = self.fitted.sample(rows)[TABLE]
        return drawn

    def take_apart(self) -> State:
        """All of it as JSON values and arrays, `records` included where there are any."""
        flat = Flattened(classes())
        settings: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        network = self.fitted
        if self.kind != "ctgan:ctgan":
            settings["processor"] = flat.value(processor_parts(self.fitted._data_processor))
            network = self.fitted._model
        if self.kind == "sdv:gaussian_copula":
            described = network.to_dict()
            arrays["correlation"] = np.array(described.pop("correlation"), np.float64)
            settings["copula"] = flat.value(described)
        elif self.kind == "sdv:tvae":
            settings["transformer"] = flat.value(network.transformer)
            arrays |= weights(network.decoder)
        else:
            settings["transformer"] = flat.value(network._transformer)
            sampler = dict(vars(network._data_sampler))
            rows = sampler.pop("_rid_by_cat_cols")
            arrays[RECORDS] = record_codes(rows, sampler.pop("_data_length"))
            settings["sampler"] = flat.value(sampler)
            arrays |= weights(network._generator)
        return {**settings, "objects": flat.objects}, {**arrays, **flat.arrays}

    @classmethod
    def put_together(
        cls,
        kind: Kind,
        metadata: dict[str, Any],
        parameters: dict[str, Any],
        state: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]],
    ) -> Engine:
        """The engine that was taken apart, on the processor.

        Raises:
            ValueError: parts that do not fit together; so do LookupError and TypeError say.
        """
        settings, arrays = state
        rebuilt = Rebuilt(classes(), arrays, settings["objects"])
        # whatever fitted it, a model draws anywhere
        parameters = {k: False if k == "enable_gpu" else v for k, v in parameters.items()}
        if kind == "ctgan:ctgan":
            from ctgan import CTGAN

            network = CTGAN(**parameters)
            fill_ctgan(network, settings, rebuilt)
            return cls(kind, network)
        fitted = _synthesizer(kind, metadata, parameters)
        fill_processor(fitted._data_processor, rebuilt.value(settings["processor"]))
        if kind == "sdv:gaussian_copula":
            fitted._model = copula(rebuilt.value(settings["copula"]), arrays["correlation"])
        elif kind == "sdv:ctgan":
            from ctgan import CTGAN

            fitted._model = CTGAN(**fitted._model_kwargs)
            fill_ctgan(fitted._model, settings, rebuilt)
        else:
            from ctgan import TVAE

            fitted._model = TVAE(**fitted._model_kwargs)
            fill_tvae(fitted._model, settings, rebuilt)
        fitted._fitted = True
        return cls(kind, fitted)


def _synthesizer(kind: Kind, metadata: dict[str, Any], parameters: dict[str, Any]) -> Any:
    from sdv import single_table
    from sdv.metadata import Metadata

    name = {
        "sdv:gaussian_copula": "GaussianCopulaSynthesizer",
        "sdv:ctgan": "CTGANSynthesizer",
        "sdv:tvae": "TVAESynthesizer",
    }[kind]
    return getattr(single_table, name)(Metadata.load_from_dict(metadata), **parameters)


def _seed_transformers(network: Any, seed: int) -> None:
    transformer = getattr(network, "_transformer", None) or network.transformer
    _seed([info.transform for info in transformer._column_transform_info_list], seed)


def _seed(transformers: list[Any], seed: int) -> None:
    own = np.random.SeedSequence(seed).generate_state(3 * len(transformers))
    for transformer, seeds in zip(transformers, own.reshape(-1, 3), strict=True):
        methods = ("fit", "transform", "reverse_transform")
        states = [np.random.RandomState(int(s)) for s in seeds]
        transformer.random_states = dict(zip(methods, states, strict=True))


def _mark_missing(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A frame as CTGAN takes it: no missing number, but a discrete column that says where.

    Columns are named by position, so that no name of the table's can be taken for a mark.
    """
    columns: dict[str, Any] = {}
    discrete = []
    for position, name in enumerate(frame.columns):
        values, key = frame[name], f"{position}"
        if values.dtype == object:
            columns[key] = values
            discrete.append(key)
            continue
        columns[key] = values.fillna(values.median())
        if values.isna().any():
            columns[f"{key}{_CTGAN_MISSING}"] = values.isna().map({True: "yes", False: "no"})
            discrete.append(f"{key}{_CTGAN_MISSING}")
    import pandas as pd

    return pd.DataFrame(columns), discrete


def _unmark_missing(drawn: pd.DataFrame) -> pd.DataFrame:
    for mark in [name for name in drawn.columns if name.endswith(_CTGAN_MISSING)]:
        name = mark.removesuffix(_CTGAN_MISSING)
        drawn[name] = drawn[name].mask(drawn[mark] == "yes")
    return drawn[[name for name in drawn.columns if not name.endswith(_CTGAN_MISSING)]]
