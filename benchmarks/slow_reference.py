"""Energies in double precision, row by row, by differences: slow, plain, and right."""

import copy
import math

import numpy as np
import torch

from thalweg.core import visible_energy

SOURCES = 0.5 * math.log(2 * math.pi)


def energies(model, rows):
    """F of every row as the formula has it, from the fitted parameters: (n,) float64."""
    by = {"KMeans": _k_means, "GaussianMixture": _mixture, "PCA": _plane}.get(type(model).__name__)
    if by is not None:
        with np.errstate(over="ignore"):
            return np.array([by(model, row[~np.isnan(row)], ~np.isnan(row)) for row in rows])
    double = copy.deepcopy(model.energy_).double()
    found = []
    with torch.no_grad():
        for row in torch.from_numpy(np.ascontiguousarray(rows)):
            y = row[None]
            found.append(float(visible_energy(double, y)(y)))
    return np.array(found)


def _k_means(model, row, seen):
    return ((row - model.cluster_centers_.astype(np.float64)[:, seen]) ** 2).sum(axis=1).min()


def _plane(model, row, seen):
    """The squared distance to the plane, in the coordinates that are seen."""
    affine = model.energy_.energy.decoder
    plane = affine.weight.detach().numpy().astype(np.longdouble)[:, seen].T
    away = row - affine.offset.detach().numpy().astype(np.float64)[seen]
    # by reflections, in more than double precision: no normal equations
    basis = []
    for whole in plane.T:
        column = whole
        for other in 2 * basis:
            column = column - (column @ other) * other
        length = np.sqrt(column @ column)
        # less is what is left of rounding
        if length > 1e-17 * np.sqrt(whole @ whole):
            basis.append(column / length)
    rest = away.astype(np.longdouble)
    for other in 2 * basis:
        rest = rest - (rest @ other) * other
    return float(rest @ rest)


def _mixture(model, row, seen):
    components = model.energy_.energy
    factors = components.factor().detach().double().numpy()
    factors = np.broadcast_to(factors, (len(components.means), *factors.shape[1:]))
    log_share = torch.log_softmax(components.logits.detach().double(), dim=0).numpy()
    each = []
    for mean, factor, share in zip(
        components.means.detach().double().numpy(), factors, log_share, strict=True
    ):
        each.append(_normal(row - mean[seen], factor.astype(np.longdouble), seen) - share)
    least = min(each)
    if not np.isfinite(least):
        return math.inf
    return least - math.log(sum(math.exp(least - e) for e in each))


def _normal(away, factor, seen):
    """-log p of the seen coordinates of a normal density whose precision is L L^T."""
    d = len(factor)
    # covariance = A A^T with A = L^-T; the seen rows of A, by reflections, give its triangle
    inverse = np.zeros((d, d), np.longdouble)
    for i in range(d):
        unit = np.zeros(d, np.longdouble)
        unit[i] = 1
        for j in range(d):
            unit[j] = (unit[j] - factor[j, :j] @ unit[:j]) / factor[j, j]
        inverse[:, i] = unit
    half = inverse.T[seen]
    triangle, rest = np.zeros((len(half), len(half)), np.longdouble), half.copy()
    solved = np.zeros(len(half), np.longdouble)
    for i in range(len(half)):
        for j in range(i):
            length = np.sqrt(rest[j] @ rest[j])
            triangle[i, j] = rest[i] @ rest[j] / length
            rest[i] = rest[i] - (rest[i] @ rest[j]) / (length * length) * rest[j]
        triangle[i, i] = np.sqrt(rest[i] @ rest[i])
        solved[i] = (away[i] - triangle[i, :i] @ solved[:i]) / triangle[i, i]
    log_det = 2 * np.log(np.diagonal(triangle)).sum()
    return float(0.5 * (solved @ solved + log_det) + len(half) * SOURCES)


def lloyd(rows, centers, iterations, weight, dtype):
    """The inertia that Lloyd's algorithm ends with, by differences; centers are of that type."""
    centers = centers.astype(np.float64)
    weight = np.ones(len(rows)) if weight is None else weight
    label = None
    with np.errstate(over="ignore"):
        for _ in range(iterations):
            squares = ((rows[:, None] - centers) ** 2).sum(axis=2)
            before, label = label, squares.argmin(axis=1)
            for k in range(len(centers)):
                here = label == k
                if weight[here].sum() == 0:
                    return math.nan  # an empty cluster, which may take any far row
                first = rows[here][0]
                share = weight[here] / weight[here].sum()
                centers[k] = first + (share[:, None] * (rows[here] - first)).sum(axis=0)
            centers = centers.astype(dtype).astype(np.float64)
            if before is not None and (before == label).all():
                break
        squares = ((rows[:, None] - centers) ** 2).sum(axis=2)
        return float((weight * squares.min(axis=1)).sum())


def mixture_steps(model, rows, means, variances, weight=None):
    """Energies of rows after as many iterations of EM; the model's own where some are hidden."""
    k, weight = len(means), np.ones(len(rows)) if weight is None else weight
    if np.isnan(rows).any():
        return energies(model, rows)
    means = means.astype(np.longdouble)
    covariances = np.array([np.diag(each) for each in variances.astype(np.longdouble)])
    shares = np.full(k, 1 / k, np.longdouble)
    for _ in range(model.n_iter_):
        each = _all(rows, means, covariances) - np.log(shares)
        share = np.exp(each.min(axis=1)[:, None] - each)
        share = share / share.sum(axis=1)[:, None] * weight[:, None]
        counts = share.sum(axis=0)
        for c in range(k):
            first = means[c]
            away = rows - first
            means[c] = first + (share[:, c, None] * away).sum(axis=0) / counts[c]
            away = rows - means[c]
            covariances[c] = (share[:, c, None] * away).T @ away / counts[c]
            covariances[c] += model.reg_covar * np.eye(len(first))
        shares = counts / counts.sum()
    each = _all(rows, means, covariances) - np.log(shares)
    least = each.min(axis=1)
    return (least - np.log(np.exp(least[:, None] - each).sum(axis=1))).astype(np.float64)


def _all(rows, means, covariances):
    """-log p of complete rows under every component: (n, k)."""
    found = np.zeros((len(rows), len(means)), np.longdouble)
    for c, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        d = len(mean)
        factor = np.zeros((d, d), np.longdouble)
        for i in range(d):
            for j in range(i + 1):
                rest = covariance[i, j] - factor[i, :j] @ factor[j, :j]
                factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
        solved = np.zeros((len(rows), d), np.longdouble)
        away = rows - mean
        for i in range(d):
            solved[:, i] = (away[:, i] - solved[:, :i] @ factor[i, :i]) / factor[i, i]
        log_det = 2 * np.log(np.diagonal(factor)).sum()
        found[:, c] = 0.5 * ((solved**2).sum(axis=1) + log_det) + d * SOURCES
    return found
