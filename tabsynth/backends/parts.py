"""Parts of the reference packages' objects: what each holds after a fit, and gets back later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.backends.plain import Rebuilt

_MARGINS: Final = ("Beta", "Gamma", "Gaussian", "Uniform")


def classes() -> dict[str, type]:
    """What may stand in a model file, by name: transformers, formatters and mixtures."""
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


def processor_parts(processor: Any) -> dict[str, Any]:
    """What an SDV data processor has learnt, in an order that does not hang on hashes."""
    hyper = processor._hyper_transformer
    return {
        "transformers": hyper._transformers_sequence,
        "columns": hyper._input_columns,
        "outputs": hyper._output_columns,
        "types": dict(processor._dtypes),
        "formatters": {name: processor.formatters[name] for name in sorted(processor.formatters)},
    }


def fill_processor(processor: Any, learnt: dict[str, Any]) -> None:
    """Give an SDV data processor what `processor_parts` took."""
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


def copula(described: dict[str, Any], correlation: NDArray[Any]) -> Any:
    """The copula that its `to_dict` described.

    Raises:
        ValueError: parts that do not fit together, or a margin of another kind than sdv offers.
    """
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


def fill_ctgan(network: Any, settings: Mapping[str, Any], rebuilt: Rebuilt) -> None:
    """Give a CTGAN its transformer, its conditions and its generator."""
    from ctgan.data_sampler import DataSampler
    from ctgan.synthesizers.ctgan import Generator

    network._transformer = rebuilt.value(settings["transformer"])
    sampler = DataSampler.__new__(DataSampler)
    # what training alone reads stays empty
    vars(sampler).update(rebuilt.value(settings["sampler"]), _rid_by_cat_cols=[], _data_length=0)
    network._data_sampler = sampler
    width = network._embedding_dim + sampler.dim_cond_vec()
    network._generator = Generator(
        width, network._generator_dim, network._transformer.output_dimensions
    )
    _set_weights(network._generator, rebuilt.arrays)


def fill_tvae(network: Any, settings: Mapping[str, Any], rebuilt: Rebuilt) -> None:
    """Give a TVAE its transformer and its decoder."""
    from ctgan.synthesizers.tvae import Decoder

    network.transformer = rebuilt.value(settings["transformer"])
    network.decoder = Decoder(
        network.embedding_dim, network.decompress_dims, network.transformer.output_dimensions
    )
    _set_weights(network.decoder, rebuilt.arrays)


def weights(module: Any) -> dict[str, NDArray[Any]]:
    """Copies of a network's weights, by name."""
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


def record_codes(rows: list[list[NDArray[np.int64]]], records: int) -> NDArray[np.int32]:
    """Which category each training record has, shape (discrete columns, records)."""
    codes = np.zeros((len(rows), records), np.int32)
    for column, by_category in zip(codes, rows, strict=True):
        for code, members in enumerate(by_category):
            column[members] = code
    return codes
