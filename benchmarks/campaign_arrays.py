"""Hostile tables, asked of every estimator of tables, beside a slow reference in double precision.

python benchmarks/campaign_arrays.py [--quick] [--seeds 1] [--only KMeans] [--show]

For every table an estimator either refuses it in one line (InputError) or answers: energies as the
reference has them and never NaN, codes and completions finite, nothing that is visible rewritten,
labels that exist, draws that are finite, the same answers for the same numbers in another layout.
K-means is also held to the inertia of Lloyd's algorithm by differences, mixtures to expectation
maximization by differences. One table is printed: how many of how many agree; the exit status is 1
if any does not. --quick takes every fifth table.
"""

import argparse
import warnings
from collections import Counter, defaultdict

import numpy as np
import torch
from hostile_arrays import hostile_arrays
from slow_reference import energies, lloyd, mixture_steps

from thalweg import estimators
from thalweg.core import InputError
from thalweg.estimators.registry import names_in

SETTINGS = {
    "KMeans": {"n_clusters": 3}, "GaussianMixture": {"n_components": 2, "max_iter": 30},
    "PCA": {"n_components": 2}, "SparseCoding": {"n_components": 5, "max_iter": 5},
    "SquareICA": {"max_iter": 20}, "BernoulliRBM": {"n_components": 3, "n_steps": 5},
    "EnergyDensity": {"n_steps": 5, "hidden": (8,)}, "GLO": {"n_steps": 5, "n_components": 2},
    "VQAutoencoder": {"n_steps": 5, "n_components": 4},
    "SparseAutoencoder": {"n_steps": 5, "n_components": 4},
    "MaskedAutoencoder": {"n_steps": 5, "hidden": (8,)},
}  # fmt: skip
BY_DESCENT = {name for name in names_in("tables") if "Autoencoder" in name or name == "GLO"}
AUTOENCODER = {"n_steps": 5, "n_components": 2, "hidden": (8,)}


def made(name):
    kind = getattr(estimators, name)
    settings = SETTINGS.get(name, AUTOENCODER)
    return kind(**{k: v for k, v in settings.items() if k in kind.parameters}, random_state=0) \
        if "random_state" in kind.parameters else kind(**settings)  # fmt: skip


def check(name, table):
    """What of this table agrees: question -> 'agrees', 'refused' or what is wrong."""
    rows, found = table.plain, {}
    model = made(name)
    weight = {} if table.weight is None or name not in ("KMeans", "GaussianMixture") else {
        "sample_weight": table.weight}  # fmt: skip
    try:
        model.fit(table.given, **weight)
    except InputError as error:
        return {"fit": "refused" if "\n" not in str(error) else f"two lines: {error}"}
    except (TypeError, ValueError) as error:
        words = type(table.given) in (list,) or np.asarray(table.given).dtype == object
        return {"fit": "refused" if words else f"{type(error).__name__}: {error}"}
    found["fit"] = fitted(model, name, table, weight)
    for question, asked in QUESTIONS.items():
        try:
            found[question] = asked(model, name, table.given, rows)
        except AttributeError:
            if hasattr(model, question):
                raise
        except InputError as error:
            found[question] = "refused" if "\n" not in str(error) else f"two lines: {error}"
    return found


def fitted(model, name, table, weight):
    """Whether the fit is that of the slow algorithm, where there is one."""
    state = model.energy_.state_dict()
    for part, value in state.items():
        if not value.isfinite().all():
            return f"{part} is not finite"
    if name == "KMeans":
        whole = ~np.isnan(table.plain).any()
        if whole:
            start = table.plain[np.linspace(0, len(table.plain) - 1, 3).astype(int)]
            if len(np.unique(start, axis=0)) < 3:
                return "agrees"
            ours = type(model)(3, init=start, max_iter=10, tol=0).fit(table.given, **weight)
            dtype = ours.cluster_centers_.dtype
            theirs = lloyd(table.plain, start, 10, table.weight, dtype)
            return close(ours.inertia_, theirs, 1e-3 if dtype == np.float32 else 1e-6)
    if name == "GaussianMixture" and "float32" not in table.name:
        means, spread = model.means_, np.array([np.diag(c) for c in model.covariances_])
        start = {"means_init": means, "weights_init": [0.5, 0.5],
                 "precisions_init": [np.diag(1 / each) for each in spread]}  # fmt: skip
        ours = type(model)(2, max_iter=3, tol=0, **start).fit(table.given, **weight)
        theirs = mixture_steps(ours, table.plain, means, spread, table.weight)
        return close(ours.energy(table.given), theirs, 1e-6, 1.0)
    return "agrees"


def close(ours, theirs, tolerance, scale=0.0):
    tiny = 1e-300 if tolerance < 1e-5 else 1e-37  # what squares of doubles and singles vanish below
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if np.isnan(ours).any():
        return "NaN"
    if np.isnan(theirs).all():
        return "agrees"  # the reference has no answer
    both = np.isfinite(ours) & np.isfinite(theirs)
    # what is beyond the numbers of the answer's type
    over = np.isinf(ours) & (np.isinf(theirs) | (theirs > 1e37))
    apart = np.abs(ours - theirs) > tolerance * (np.abs(theirs) + scale) + tiny
    wrong = np.where(both, apart, ~over)
    if not wrong.any():
        return "agrees"
    worst = int(np.argmax(wrong))
    return f"{ours.reshape(-1)[worst]:.9g} for {theirs.reshape(-1)[worst]:.9g}"


def energy(model, name, given, rows):
    value = model.energy(given)
    single = value.dtype == np.float32 or next(model.energy_.parameters()).dtype == torch.float32
    network = name not in ("KMeans", "GaussianMixture", "PCA")
    scale = 0.0 if name in ("KMeans", "PCA") else 1.0
    if name == "PCA":
        # what is left of rows in the plane is what their differences from the offset round
        offset = model.energy_.energy.decoder.offset.detach().double().numpy()
        rounded = np.finfo(value.dtype).eps * np.nanmax(np.abs(rows - offset), axis=1)
        scale = (1e5 * rounded) ** 2 / 1e-6
    if name in BY_DESCENT:
        # the codes of rows with hidden entries are found by descent, in one valley or another
        if np.isnan(value).any():
            return "NaN"
        whole = ~np.isnan(rows).any(axis=1)
        value, rows = value[whole], rows[whole]
    return close(
        value,
        energies(model, rows),
        1e-2 if network and single else 1e-4 if single else 1e-6,
        scale,
    )


def transform(model, name, given, rows):
    codes = model.transform(given)
    return "agrees" if np.isfinite(codes).all() and len(codes) == len(rows) else "not finite"


def predict(model, name, given, rows):
    label = model.predict(given)
    k = model._n_features_out
    if name == "KMeans":
        centers = model.cluster_centers_.astype(np.float64)
        squares = np.nansum((rows[:, None] - centers) ** 2, axis=2)
        least = squares.min(axis=1)
        # of two that are as near to rounding either will do
        right = squares[np.arange(len(rows)), label] <= least * (1 + 1e-12)
        return "agrees" if right.all() else f"{(~right).sum()} rows not given the nearest"
    return "agrees" if ((label >= 0) & (label < k)).all() else "no such label"


def complete(model, name, given, rows):
    whole = np.asarray(model.complete(given), np.float64)
    seen = ~np.isnan(rows)
    given = np.asarray(given, np.float64) if not np.ma.isMaskedArray(given) else rows
    if not (whole[seen] == given[seen]).all():
        return "what is visible was rewritten"
    return "agrees" if np.isfinite(whole).all() else "not finite"


def project(model, name, given, rows):
    near = np.asarray(model.project(given), np.float64)
    return "agrees" if np.isfinite(near).all() and near.shape == rows.shape else "not finite"


def sample(model, name, given, rows):
    if name in ("EnergyDensity", "BernoulliRBM"):
        return "agrees"  # chains of a network that has hardly learned; see the campaign of samplers
    draws = model.sample(5, random_state=0)
    return "agrees" if np.isfinite(draws).all() else "not finite"


QUESTIONS = {"energy": energy, "transform": transform, "predict": predict, "complete": complete,
             "project": project, "sample": sample}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true", help="print each that does not agree")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts = defaultdict(Counter)
    for name in names_in("tables"):
        if options.only not in name:
            continue
        for seed in range(options.seeds):
            tables = list(hostile_arrays(seed))
            for table in tables[:: 5 if options.quick else 1]:
                try:
                    found = check(name, table)
                except Exception as error:  # noqa: BLE001  what is looked for
                    found = {"other": f"{type(error).__name__}: {error}"}
                for question, said in found.items():
                    kind = said if said in ("agrees", "refused") else "wrong"
                    counts[name, question][kind] += 1
                    if kind == "wrong" and options.show:
                        print(f"  {name} {question}, {table.name}: {said}"[:300], flush=True)
    total = Counter()
    print("| estimator | question | agrees | refused | wrong |\n|---|---|---|---|---|")
    for (name, question), each in counts.items():
        print(f"| {name} | {question} | {each['agrees']} | {each['refused']} | {each['wrong']} |")
        total += each
    asked = total.total()
    print(f"\n{total['agrees']} of {asked} agree, {total['refused']} are refused in one line, "
          f"{total['wrong']} are wrong")  # fmt: skip
    raise SystemExit(int(total["wrong"] > 0))


if __name__ == "__main__":
    main()
