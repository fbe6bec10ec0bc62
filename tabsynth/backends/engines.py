"""The reference packages' own objects: fitted, taken apart into plain state, put together, drawn from.

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
from tabsynth.backends.plain import Flattened, Rebuilt

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["sdv:gaussian_copula", "sdv:ctgan", "sdv:tvae", "ctgan:ctgan"]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]

RECORDS: Final = "records"
_MARGINS: Final = ("Beta", "Gamma", "Gaussian", "Uniform")
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
        return self.fitted.sample(rows)[TABLE]

    def take_apart(self) -> State:
        """All of it as JSON values and arrays, `records` included where there are any."""
        flat = Flattened(_classes())
        settings: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        network = self.fitted
        if self.kind != "ctgan:ctgan":
            settings["processor"] = flat.value(_processor(self.fitted._data_processor))
            network = self.fitted._model
        if self.kind == "sdv:gaussian_copula":
            described = network.to_dict()
            arrays["correlation"] = np.array(described.pop("correlation"), np.float64)
            settings["copula"] = flat.value(described)
        elif self.kind == "sdv:tvae":
            settings["transformer"] = flat.value(network.transformer)
            arrays |= _weights(network.decoder)
        else:
            settings["transformer"] = flat.value(network._transformer)
            sampler = dict(vars(network._data_sampler))
            rows = sampler.pop("_rid_by_cat_cols")
            arrays[RECORDS] = _record_codes(rows, network._data_sampler._data_length)
            settings["sampler"] = flat.value(sampler)
            arrays |= _weights(network._generator)
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
        rebuilt = Rebuilt(_classes(), arrays, settings["objects"])
        # whatever fitted it, a model draws anywhere
        parameters = {k: False if k == "enable_gpu" else v for k, v in parameters.items()}
        if kind == "ctgan:ctgan":
            from ctgan import CTGAN

            network = CTGAN(**parameters)
            _fill_ctgan(network, settings, rebuilt)
            return cls(kind, network)
        fitted = _synthesizer(kind, metadata, parameters)
        _fill_processor(fitted._data_processor, rebuilt.value(settings["processor"]))
        if kind == "sdv:gaussian_copula":
            fitted._model = _copula(rebuilt.value(settings["copula"]), arrays["correlation"])
        elif kind == "sdv:ctgan":
            from ctgan import CTGAN

            fitted._model = CTGAN(**fitted._model_kwargs)
            _fill_ctgan(fitted._model, settings, rebuilt)
        else:
            from ctgan import TVAE

            fitted._model = TVAE(**fitted._model_kwargs)
            _fill_tvae(fitted._model, settings, rebuilt)
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


def _classes() -> dict[str, type]:
    from ctgan import data_transformer
    from rdt import transformers
    from rdt.transformers.null import NullTransformer
    from sdv.data_processing.numerical_formatter import NumericalFormatter
    from sklearn.mixture import BayesianGaussianMixture

    kinds = (
        transformers.FloatFormatter, transformers.UniformEncoder, transformers.OneHotEncoder,
        transformers.OrderedUniformEncoder, transformers.ClusterBasedNormalizer, NullTransformer,
        NumericalFormatter, BayesianGaussianMixture, data_transformer.DataTransformer,
        data_transformer.SpanInfo, data_transformer.ColumnTransformInfo,
    )  # fmt: skip
    return {kind.__name__: kind for kind in kinds}


def _processor(processor: Any) -> dict[str, Any]:
    """What an SDV data processor has learnt, in an order that does not hang on hashes."""
    hyper = processor._hyper_transformer
    return {
        "transformers": hyper._transformers_sequence,
        "columns": hyper._input_columns,
        "outputs": hyper._output_columns,
        "types": dict(processor._dtypes),
        "formatters": {name: processor.formatters[name] for name in sorted(processor.formatters)},
    }


def _fill_processor(processor: Any, learnt: dict[str, Any]) -> None:
    import pandas as pd
    from rdt import HyperTransformer

    hyper = HyperTransformer()
    hyper._transformers_sequence = learnt["transformers"]
    hyper._input_columns, hyper._output_columns = learnt["columns"], learnt["outputs"]
    hyper.field_transformers = dict.fromkeys(learnt["columns"])
    hyper.field_transformers |= {t.columns[0]: t for t in learnt["transformers"]}
    hyper._fitted_fields = set(learnt["columns"])
    hyper._fitted, hyper._modified_config = True, False
    processor._hyper_transformer = hyper
    processor._dtypes = pd.Series(learnt["types"], dtype=object)
    processor.formatters = learnt["formatters"]
    processor.fitted = processor._prepared_for_fitting = True


def _copula(described: dict[str, Any], correlation: NDArray[Any]) -> Any:
    from copulas import univariate
    from copulas.multivariate import GaussianMultivariate
    from copulas.univariate import Univariate

    # by name they would be imported, whatever module a file names
    kinds = [getattr(univariate, f"{name}Univariate") for name in _MARGINS]
    known = {f"{k.__module__}.{k.__name__}" for k in (*kinds, univariate.TruncatedGaussian)}
    if any(parameters["type"] not in known for parameters in described["univariates"]):
        raise ValueError("expected known distributions")
    if correlation.shape != (len(described["columns"]),) * 2:
        raise ValueError("expected a correlation for every pair of columns")
    for parameters in described["univariates"]:
        Univariate.from_dict(parameters)
    return GaussianMultivariate.from_dict({**described, "correlation": correlation})


def _fill_ctgan(network: Any, settings: Mapping[str, Any], rebuilt: Rebuilt) -> None:
    from ctgan.data_sampler import DataSampler
    from ctgan.synthesizers.ctgan import Generator

    network._transformer = rebuilt.value(settings["transformer"])
    sampler = DataSampler.__new__(DataSampler)
    vars(sampler).update(rebuilt.value(settings["sampler"]), _rid_by_cat_cols=[])
    network._data_sampler = sampler
    width = network._embedding_dim + sampler.dim_cond_vec()
    network._generator = Generator(
        width, network._generator_dim, network._transformer.output_dimensions
    )
    _set_weights(network._generator, rebuilt.arrays)


def _fill_tvae(network: Any, settings: Mapping[str, Any], rebuilt: Rebuilt) -> None:
    from ctgan.synthesizers.tvae import Decoder

    network.transformer = rebuilt.value(settings["transformer"])
    network.decoder = Decoder(
        network.embedding_dim, network.decompress_dims, network.transformer.output_dimensions
    )
    _set_weights(network.decoder, rebuilt.arrays)


def _weights(module: Any) -> dict[str, NDArray[Any]]:
    named = module.state_dict().items()
    return {f"weights.{k}": np.atleast_1d(v.detach().cpu().numpy()).copy() for k, v in named}


def _set_weights(module: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    import torch

    own = module.state_dict()
    if {f"weights.{name}" for name in own} != {n for n in arrays if n.startswith("weights.")}:
        raise ValueError("expected the weights of every layer")
    for name, tensor in own.items():
        array = arrays[f"weights.{name}"]
        if array.size != tensor.numel():
            raise ValueError("expected weights of the layers' shapes")
        tensor.copy_(torch.from_numpy(array.copy()).reshape(tensor.shape))


def _record_codes(rows: list[list[NDArray[np.int64]]], records: int) -> NDArray[np.int32]:
    """Which category each training record has, shape (discrete columns, records)."""
    codes = np.zeros((len(rows), records), np.int32)
    for column, by_category in zip(codes, rows, strict=True):
        for code, members in enumerate(by_category):
            column[members] = code
    return codes


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
