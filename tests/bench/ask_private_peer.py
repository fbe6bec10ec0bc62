"""`python ask_private_peer.py PEER FOLDER EPSILON DELTA RHO`, in an environment with that peer.

Fits FOLDER/train.csv with the domains that FOLDER/domain.json declares, and leaves
FOLDER/synthetic.csv of as many records; prints CPU seconds of the fit and the peer's version. Each
peer is used as its guide says, with all of the budget, and with its own defaults where nothing must
be said. Missing values are a category.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MISSING = "?"
# numbers are cut into so many bins of one width where a peer does not cut them itself
BINS = 20

Domains = dict[str, dict[str, Any]]


def cpu() -> float:
    """CPU seconds of this process and of those it waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def dpmm(kind: str, train: pd.DataFrame, domains: Domains, epsilon: float, delta: float) -> Any:
    """A tenth of the budget goes to its private bins, as the default of epsilon 1 has it."""
    pipeline = getattr(import_module("dpmm.pipelines"), kind)(
        epsilon=0.9 * epsilon, delta=delta, proc_epsilon=0.1 * epsilon
    )
    known = {
        name: {k: d[k] for k in ("categories", "lower", "upper") if k in d}
        for name, d in domains.items()
    }
    as_categories = {n: "category" for n, d in domains.items() if "categories" in d}
    pipeline.fit(train.astype(as_categories), known)
    return lambda n: pipeline.generate(n_records=n)


def smartnoise(
    kind: str, train: pd.DataFrame, domains: Domains, epsilon: float, delta: float
) -> Any:
    """Bounds are declared; its labels of categories come from the records, without a price."""
    transform = import_module("snsynth.transform")
    columns = [
        transform.LabelTransformer(nullable=False)
        if "categories" in d
        else transform.BinTransformer(bins=BINS, lower=d["lower"], upper=d["upper"])
        for d in domains.values()
    ]
    maker = import_module("snsynth").Synthesizer.create(kind, epsilon=epsilon, delta=delta)
    maker.fit(train[list(domains)], transformer=transform.TableTransformer(columns))
    return maker.sample


def opendp(kind: str, train: pd.DataFrame, domains: Domains, rho: float) -> Any:
    """Categories and cuts span all columns, so it accounts in rho alone."""
    dp, polars = import_module("opendp.prelude"), import_module("polars")
    dp.enable_features("contrib")
    frame = polars.from_pandas(train[list(domains)])
    context = dp.Context.compositor(
        data=frame.lazy(), privacy_unit=dp.unit_of(contributions=1),
        privacy_loss=dp.loss_of(rho=rho), split_evenly_over=1,
    )  # fmt: skip
    table = context.query().contingency_table(
        keys={n: d["categories"] for n, d in domains.items() if "categories" in d},
        # a value at the lower bound has a bin of its own
        cuts={n: _edges(d, train[n]) for n, d in domains.items() if "categories" not in d},
        algorithm=getattr(dp.mbi, kind)(),
    ).release()  # fmt: skip
    return lambda n: table.synthesize(rows=n).to_pandas()


def _edges(domain: dict[str, Any], column: pd.Series[Any]) -> list[Any]:
    """Cuts between bins, each open on the left: a value at the lower bound has its own."""
    edges = np.linspace(domain["lower"], domain["upper"], BINS)[:-1]
    return np.unique(edges.astype(column.dtype)).tolist()  # type: ignore[no-any-return]


def main() -> None:
    """Fit, draw, and say what it cost."""
    warnings.simplefilter("ignore")
    peer, folder = sys.argv[1], Path(sys.argv[2])
    epsilon, delta, rho = map(float, sys.argv[3:])
    domains: Domains = json.loads((folder / "domain.json").read_text(encoding="utf-8"))
    texts = {n: str for n, d in domains.items() if "categories" in d}
    train = pd.read_csv(folder / "train.csv", dtype=texts, keep_default_na=False)
    package, _, kind = peer.partition(":")
    start = cpu()
    if package == "dpmm":
        draw = dpmm(kind, train, domains, epsilon, delta)
    elif package == "smartnoise-synth":
        draw = smartnoise(kind, train, domains, epsilon, delta)
    else:
        draw = opendp(kind, train, domains, rho)
    seconds = cpu() - start
    drawn = pd.DataFrame(draw(len(train)), columns=list(domains))
    for name, domain in domains.items():
        if "categories" not in domain:
            found = pd.to_numeric(drawn[name]).clip(domain["lower"], domain["upper"])
            drawn[name] = found.round().astype("int64") if domain["whole"] else found
    drawn.to_csv(folder / "synthetic.csv", index=False)
    print(json.dumps({"fit_cpu_seconds": seconds, "version": f"{package} {version(package)}"}))


if __name__ == "__main__":
    main()
