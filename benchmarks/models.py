"""Densities that samplers are held against, for PyTorch and for JAX: one formula for both.

Each takes an array library ``xp`` (torch or jax.numpy) and numbers without bounds, u (..., d), and
gives F(u) = -log p(y) - log |dy/du|, up to a constant; ``bounded`` gives y by name. The models and
the data are those of posteriordb; normal(m, s) has standard deviation s.
"""

import json
import math
import zipfile
from pathlib import Path

import numpy as np

LOG_2_PI = math.log(2 * math.pi)


def normal(xp, y, mean, log_sd):
    """-log density of normal(mean, exp(log_sd))."""
    return 0.5 * ((y - mean) * xp.exp(-log_sd)) ** 2 + log_sd + 0.5 * LOG_2_PI


def half_cauchy(xp, log_s, scale):
    """-log density of log s, with s half-Cauchy(0, scale)."""
    return xp.log1p(xp.exp(2 * log_s) / scale**2) - log_s


def log_sigmoid(xp, u):
    return -xp.logaddexp(-u, 0 * u)


class Regression:
    """y ~ normal(beta1 + beta2 x, sigma), beta flat; sigma half-Cauchy(0, scale) or flat."""

    d = 3
    names = ("beta[1]", "beta[2]", "sigma")

    def __init__(self, x, y, scale=None):
        self.x, self.y, self.scale = x, y, scale

    def __call__(self, xp, u):
        mean = u[..., 0:1] + u[..., 1:2] * self.x
        fit = normal(xp, self.y, mean, u[..., 2:3]).sum(-1)
        log_s = u[..., 2]
        return fit + (half_cauchy(xp, log_s, self.scale) if self.scale else -log_s)

    def bounded(self, xp, u):
        return [u[..., 0], u[..., 1], xp.exp(u[..., 2])]


class Autoregression:
    """y_t ~ normal(alpha + sum_k beta_k y_{t-k}, sigma)."""

    d = 7
    names = ("alpha", "beta[1]", "beta[2]", "beta[3]", "beta[4]", "beta[5]", "sigma")

    def __init__(self, lags, y):
        self.lags, self.y = lags, y

    def __call__(self, xp, u):
        mean = u[..., 0:1] + u[..., 1:6] @ self.lags
        fit = normal(xp, self.y, mean, u[..., 6:7]).sum(-1)
        prior = normal(xp, u[..., :6], 0.0, xp.log(10 + 0 * u[..., :6])).sum(-1)
        return fit + prior + half_cauchy(xp, u[..., 6], 2.5)

    def bounded(self, xp, u):
        return [*(u[..., i] for i in range(6)), xp.exp(u[..., 6])]


class Garch:
    """s_t^2 = alpha0 + alpha1 (y_{t-1} - mu)^2 + beta1 s_{t-1}^2; y_t ~ normal(mu, s_t)."""

    d = 4
    names = ("mu", "alpha0", "alpha1", "beta1")

    def __init__(self, y, sigma1):
        self.y, self.sigma1 = y, sigma1

    def __call__(self, xp, u):
        mu, alpha0, alpha1, beta1 = self.bounded(xp, u)
        square = (self.y[:-1] - mu[..., None]) ** 2
        shock = alpha0[..., None] + alpha1[..., None] * square
        first = self.sigma1**2 + 0 * shock[..., :1]
        variance = xp.concatenate([first, shock], -1)
        # the recurrence has one factor: sums over 1, 2, 4, ... steps instead of one after another
        factor, reach, length = beta1[..., None], 1, len(self.y)
        while reach < length:
            before = xp.concatenate([0 * variance[..., :reach], variance[..., :-reach]], -1)
            variance = variance + factor * before
            factor, reach = factor**2, 2 * reach
        fit = normal(xp, self.y, mu[..., None], 0.5 * xp.log(variance)).sum(-1)
        # log Jacobians: alpha0 = exp, alpha1 = sigmoid, beta1 = (1 - alpha1) sigmoid
        one = log_sigmoid(xp, u[..., 2]) + log_sigmoid(xp, -u[..., 2])
        two = log_sigmoid(xp, u[..., 3]) + log_sigmoid(xp, -u[..., 3])
        return fit - u[..., 1] - one - two - log_sigmoid(xp, -u[..., 2])

    def bounded(self, xp, u):
        alpha1 = xp.exp(log_sigmoid(xp, u[..., 2]))
        beta1 = xp.exp(log_sigmoid(xp, -u[..., 2]) + log_sigmoid(xp, u[..., 3]))
        return [u[..., 0], xp.exp(u[..., 1]), alpha1, beta1]


class Mixture:
    """y ~ theta normal(mu1, sigma1) + (1 - theta) normal(mu2, sigma2), mu1 < mu2."""

    d = 5
    names = ("mu[1]", "mu[2]", "sigma[1]", "sigma[2]", "theta")

    def __init__(self, y):
        self.y = y

    def __call__(self, xp, u):
        mu1, mu2 = u[..., 0:1], u[..., 0:1] + xp.exp(u[..., 1:2])
        log1, log2 = u[..., 2:3], u[..., 3:4]
        in1 = log_sigmoid(xp, u[..., 4:5]) - normal(xp, self.y, mu1, log1)
        in2 = log_sigmoid(xp, -u[..., 4:5]) - normal(xp, self.y, mu2, log2)
        fit = -xp.logaddexp(in1, in2).sum(-1)
        prior = (mu1**2 + mu2**2 + xp.exp(2 * log1) + xp.exp(2 * log2))[..., 0] / 8
        share = 5 * (log_sigmoid(xp, u[..., 4]) + log_sigmoid(xp, -u[..., 4]))
        return fit + prior - share - u[..., 1] - u[..., 2] - u[..., 3]

    def bounded(self, xp, u):
        mu1 = u[..., 0]
        return [mu1, mu1 + xp.exp(u[..., 1]), xp.exp(u[..., 2]), xp.exp(u[..., 3]),
                xp.exp(log_sigmoid(xp, u[..., 4]))]  # fmt: skip


class Funnel:
    """Neal's funnel: v normal(0, 3), nine others with variance e^v given it."""

    d = 10
    names = tuple(f"y[{i}]" for i in range(10))

    def __call__(self, xp, u):
        v = u[..., 0]
        return v**2 / 18 + 0.5 * (u[..., 1:] ** 2).sum(-1) * xp.exp(-v) + 4.5 * v

    def bounded(self, xp, u):
        return [u[..., i] for i in range(self.d)]


class TenModes:
    """Ten normal wells of width 1 on a circle of radius 6."""

    d = 2
    names = ("y[0]", "y[1]")

    def __init__(self, means):
        self.means = means

    def __call__(self, xp, u):
        away = ((u[..., None, :] - self.means) ** 2).sum(-1)
        terms = [-0.5 * away[..., k] for k in range(10)]
        total = terms[0]
        for term in terms[1:]:
            total = xp.logaddexp(total, term)
        return -total

    def bounded(self, xp, u):
        return [u[..., 0], u[..., 1]]


def _read(folder, name):
    with zipfile.ZipFile(Path(folder) / "posteriordb" / name) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


def posteriors(folder, array):
    """The five posteriors by name; ``array`` makes an array of the library from numpy's."""

    def data(name):
        return {k: array(np.asarray(v, dtype=np.float64)) if isinstance(v, list) else v
                for k, v in _read(folder, f"{name}.data.json.zip").items()}  # fmt: skip

    kid, ark, garch = data("kidiq"), data("arK"), data("garch")
    mesquite, mixture = _read(folder, "mesquite.data.json.zip"), data("low_dim_gauss_mix")
    series = np.asarray(_read(folder, "arK.data.json.zip")["y"], dtype=np.float64)
    lags = np.stack([series[5 - k : len(series) - k] for k in range(1, 6)])
    volume = np.log(np.prod([mesquite[k] for k in ("diam1", "diam2", "canopy_height")], axis=0))
    return {
        "kidiq-kidscore_momiq": Regression(kid["mom_iq"], kid["kid_score"], 2.5),
        "arK-arK": Autoregression(array(lags), ark["y"][5:]),
        "garch-garch11": Garch(garch["y"], garch["sigma1"]),
        "low_dim_gauss_mix-low_dim_gauss_mix": Mixture(mixture["y"]),
        "mesquite-logmesquite_logvolume": Regression(
            array(volume), array(np.log(np.asarray(mesquite["weight"], dtype=np.float64)))
        ),
    }


def toys(array):
    """The funnel and the ten modes, which need no data."""
    angle = 2 * np.pi * np.arange(10) / 10
    return {
        "funnel": Funnel(),
        "ten modes": TenModes(array(6 * np.stack([np.cos(angle), np.sin(angle)], axis=1))),
    }


def reference(folder, name):
    """Reference draws of posteriordb: name to (chains, draws)."""
    chains = _read(folder, f"{name}.draws.json.zip")
    return {key: np.array([chain[key] for chain in chains]) for key in chains[0]}
