"""Names of synthesizers, sources and metrics: the built-in ones here, plugins by entry point.

A plugin's project declares, for example,

    [project.entry-points."tabsynth.synthesizers"]
    my_method = "my_package:MySynthesizer"

and it is found by name. A plugin that fails to import fails loudly, when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, Literal

Kind = Literal[
    "synthesizers",
    "private_synthesizers",
    "sources",
    "simulators",
    "metrics",
    "attacks",
    "constraints",
]

BUILT_IN: Final[dict[Kind, dict[str, str]]] = {
    "synthesizers": {
        "ctgan": "tabsynth.synthesizers.ctgan:Ctgan",
        "gaussian_copula": "tabsynth.synthesizers.gaussian_copula:GaussianCopula",
        "independent": "tabsynth.synthesizers.independent:Independent",
        "trees": "tabsynth.synthesizers.trees:Trees",
        "tvae": "tabsynth.synthesizers.tvae:Tvae",
        "ctgan:ctgan": "tabsynth.backends.synthesizers:CtganCtgan",
        "sdv:ctgan": "tabsynth.backends.synthesizers:SdvCtgan",
        "sdv:gaussian_copula": "tabsynth.backends.synthesizers:SdvGaussianCopula",
        "sdv:tvae": "tabsynth.backends.synthesizers:SdvTvae",
    },
    "private_synthesizers": {
        "aim": "tabsynth.synthesizers.aim:Aim",
        "ctgan": "tabsynth.synthesizers.private_ctgan:PrivateCtgan",
        "gaussian_copula": "tabsynth.synthesizers.private_copula:PrivateGaussianCopula",
        "mst": "tabsynth.synthesizers.mst:Mst",
    },
    # models that are made from what a person wrote, not from a table alone
    "sources": {
        "procedural": "tabsynth.sources.procedural:Procedural",
        "simulation": "tabsynth.sources.simulation:Simulated",
    },
    # functions of a user's own: (parameters, records, seed) -> DataFrame
    "simulators": {},
    "metrics": {
        "validity": "tabsynth.metrics.validity:validity",
        "constraint_violations": "tabsynth.metrics.constraints:constraint_violations",
        "univariate_tv": "tabsynth.metrics.variation:univariate_tv",
        "pairwise_tv": "tabsynth.metrics.variation:pairwise_tv",
        "threeway_tv": "tabsynth.metrics.variation:threeway_tv",
        "tail_tv": "tabsynth.metrics.tails:tail_tv",
        "rare_categories": "tabsynth.metrics.tails:rare_categories",
        "missingness": "tabsynth.metrics.missingness:missingness",
        "association": "tabsynth.metrics.correlation:association",
        "dependency_violations": "tabsynth.metrics.rules:dependency_violations",
        "c2st_auc": "tabsynth.metrics.detection:c2st_auc",
        "c2st_auc_network": "tabsynth.metrics.detection:c2st_auc_network",
        "shape_error": "tabsynth.metrics.published:shape_error",
        "trend_error": "tabsynth.metrics.published:trend_error",
        "alpha_precision": "tabsynth.metrics.support:alpha_precision_beta_recall",
        "s_pmse": "tabsynth.metrics.propensity:s_pmse",
        "tstr": "tabsynth.metrics.utility:tstr",
        "tstr_columns": "tabsynth.metrics.transfer:tstr_columns",
        "text_transfer": "tabsynth.metrics.texts:text_transfer",
        "exact_copies": "tabsynth.metrics.copies:exact_copies",
        "group_shares": "tabsynth.metrics.bias:group_shares",
        "group_outcomes": "tabsynth.metrics.bias:group_outcomes",
        "group_missingness": "tabsynth.metrics.group_missingness:group_missingness",
        "group_proxies": "tabsynth.metrics.group_proxies:group_proxies",
        "conditional_parity": "tabsynth.metrics.conditional_parity:conditional_parity",
        "group_fidelity": "tabsynth.metrics.group_fidelity:group_fidelity",
        "amplification": "tabsynth.metrics.amplification:amplification",
        "downstream": "tabsynth.metrics.downstream:downstream",
    },
    "attacks": {
        "membership": "tabsynth.attacks.membership:membership",
        "replicated_uniques": "tabsynth.attacks.replicated_uniques:replicated_uniques",
        "singling_out": "tabsynth.attacks.singling_out:singling_out",
        "disco": "tabsynth.attacks.disco:disco",
        "attribute_inference": "tabsynth.attacks.attribute_inference:attribute_inference",
        "linkability": "tabsynth.attacks.linkability:linkability",
        "closeness": "tabsynth.attacks.closeness:closeness",
        "text_replay": "tabsynth.attacks.text_replay:text_replay",
    },
    "constraints": {},
}


class UnknownNameError(LookupError):
    """No built-in and no plugin has that name; the message lists those there are."""


def names(kind: Kind) -> list[str]:
    """Registered names, sorted."""
    return sorted({*BUILT_IN[kind], *(e.name for e in entry_points(group=f"tabsynth.{kind}"))})


def find(kind: Kind, name: str) -> Any:
    """The object registered under a name; built-in names cannot be replaced.

    Raises:
        UnknownNameError: nothing has that name.
    """
    if name in BUILT_IN[kind]:
        module, attribute = BUILT_IN[kind][name].split(":")
        return getattr(import_module(module), attribute)
    for entry in entry_points(group=f"tabsynth.{kind}", name=name):
        return entry.load()
    raise UnknownNameError(f"known {kind}: {', '.join(names(kind)) or 'none'}")


def synthesizer(name: str, *, private: bool = False) -> Any:
    """The synthesizer class of that name; `private`: its differentially private form."""
    return find("private_synthesizers" if private else "synthesizers", name)


def is_source(name: str) -> bool:
    """Whether models of that name come from a specification; no plugin can be one."""
    return name in BUILT_IN["sources"]


def maker(name: str, *, private: bool = False) -> Any:
    """What restores a model of that name: a source, or a synthesizer; see `synthesizer`."""
    if is_source(name) and not private:
        return find("sources", name)
    return synthesizer(name, private=private)


def summary(kind: Kind, name: str) -> str:
    """One line about a registered object: its `summary`, else the first line of its docstring."""
    found = find(kind, name)
    return str(getattr(found, "summary", None) or (found.__doc__ or "").partition("\n")[0])
