"""Posteriors of posteriordb as energies: a function of the data gives a log density by name.

A new one is a function with its name above it, that takes the data as tensors in double precision
and gives log p of named parameters, each (n, *shape), and their shapes or constraints.

Magnusson et al., "posteriordb: testing, benchmarking and developing Bayesian inference algorithms"
(2025); what is stated here are its models, written anew.
"""

import torch
from torch.distributions import Beta, Cauchy, Dirichlet, Exponential, Gamma, Normal, Poisson
from torch.distributions import StudentT as Student
from torch.distributions.constraints import positive, simplex, unit_interval

POSTERIORS = {}
"""By name: from data to a log density and its parameters."""


def posterior(*names):
    def register(build):
        for name in names:
            POSTERIORS[name] = build
        return build

    return register


def regression(columns, y, prior=lambda beta, sigma: 0.0):
    """y ~ normal(beta . (1, columns), sigma), flat but for a prior that is given."""
    x = torch.stack([torch.ones_like(y), *columns])

    def log_density(beta, sigma):
        return Normal(beta @ x, sigma[:, None]).log_prob(y).sum(1) + prior(beta, sigma)

    return log_density, {"beta": len(x), "sigma": positive}


def cauchy(beta, sigma):
    return Cauchy(0, 2.5).log_prob(sigma)


@posterior("kidiq-kidscore_interaction")
def kid_interaction(data):
    hs, iq = data["mom_hs"], data["mom_iq"]
    return regression([hs, iq, hs * iq], data["kid_score"], cauchy)


@posterior("kidiq-kidscore_momhs")
def kid_hs(data):
    return regression([data["mom_hs"]], data["kid_score"], cauchy)


@posterior("kidiq-kidscore_momiq")
def kid_iq(data):
    return regression([data["mom_iq"]], data["kid_score"], cauchy)


@posterior("kidiq-kidscore_momhsiq")
def kid_hs_iq(data):
    return regression([data["mom_hs"], data["mom_iq"]], data["kid_score"], cauchy)


@posterior("kidiq_with_mom_work-kidscore_interaction_c")
def kid_centered(data):
    hs, iq = (data[name] - data[name].mean() for name in ("mom_hs", "mom_iq"))
    return regression([hs, iq, hs * iq], data["kid_score"])


@posterior("kidiq_with_mom_work-kidscore_interaction_c2")
def kid_about(data):
    hs, iq = data["mom_hs"] - 0.5, data["mom_iq"] - 100
    return regression([hs, iq, hs * iq], data["kid_score"])


@posterior("kidiq_with_mom_work-kidscore_interaction_z")
def kid_scaled(data):
    hs, iq = ((x - x.mean()) / (2 * x.std()) for x in (data["mom_hs"], data["mom_iq"]))
    return regression([hs, iq, hs * iq], data["kid_score"])


@posterior("kidiq_with_mom_work-kidscore_mom_work")
def kid_work(data):
    return regression([(data["mom_work"] == k).double() for k in (2, 3, 4)], data["kid_score"])


@posterior("earnings-earn_height")
def earnings(data):
    return regression([data["height"]], data["earn"])


@posterior("earnings-log10earn_height")
def earnings_10(data):
    return regression([data["height"]], data["earn"].log10())


@posterior("earnings-logearn_height")
def earnings_log(data):
    return regression([data["height"]], data["earn"].log())


@posterior("earnings-logearn_height_male")
def earnings_male(data):
    return regression([data["height"], data["male"]], data["earn"].log())


@posterior("earnings-logearn_logheight_male")
def earnings_log_log(data):
    return regression([data["height"].log(), data["male"]], data["earn"].log())


@posterior("earnings-logearn_interaction")
def earnings_interaction(data):
    height, male = data["height"], data["male"]
    return regression([height, male, height * male], data["earn"].log())


@posterior("earnings-logearn_interaction_z")
def earnings_scaled(data):
    height, male = data["height"], data["male"]
    height = (height - height.mean()) / height.std()
    return regression([height, male, height * male], data["earn"].log())


BUSH = ("diam1", "diam2", "canopy_height", "total_height", "density")


@posterior("mesquite-mesquite")
def bushes(data):
    return regression([*(data[name] for name in BUSH), data["group"]], data["weight"])


@posterior("mesquite-logmesquite")
def bushes_log(data):
    return regression([*(data[name].log() for name in BUSH), data["group"]], data["weight"].log())


@posterior("mesquite-logmesquite_logvolume", "mesquite-logmesquite_logva",
           "mesquite-logmesquite_logvas", "mesquite-logmesquite_logvash")  # fmt: skip
def bushes_volume(data):
    wide, deep, high, tall, dense = (data[name].log() for name in BUSH)
    volume, area, shape = wide + deep + high, wide + deep, wide - deep
    columns = {
        "logvolume": [volume],
        "logva": [volume, area, data["group"]],
        "logvas": [volume, area, shape, tall, dense, data["group"]],
        "logvash": [volume, area, shape, tall, data["group"]],
    }[data["name"].rsplit("_", 1)[1]]
    return regression(columns, data["weight"].log())


@posterior(*(f"nes{year}-nes" for year in (1972, 1976, 1980, 1984, 1988, 1992, 1996, 2000)))
def parties(data):
    ages = [(data["age_discrete"] == k).double() for k in (2, 3, 4)]
    before, after = ("real_ideo", "race_adj"), ("educ1", "gender", "income")
    columns = [*(data[name] for name in before), *ages, *(data[name] for name in after)]
    return regression(columns, data["partyid7"])


@posterior("sblrc-blr", "sblri-blr")
def bayesian_regression(data):
    x, y = data["X"], data["y"]

    def log_density(beta, sigma):
        prior = Normal(0, 10).log_prob(beta).sum(1) + Normal(0, 10).log_prob(sigma)
        return prior + Normal(beta @ x.T, sigma[:, None]).log_prob(y).sum(1)

    return log_density, {"beta": x.shape[1], "sigma": positive}


@posterior("diamonds-diamonds")
def diamonds(data):
    y, x = data["Y"], data["X"][:, 1:]
    x = x - x.mean(dim=0)

    def log_density(b, Intercept, sigma):
        prior = Normal(0, 1).log_prob(b).sum(1) + Student(3, 8, 10).log_prob(Intercept)
        prior = prior + Student(3, 0, 10).log_prob(sigma)
        mean = Intercept[:, None] + b @ x.T
        return prior + Normal(mean, sigma[:, None]).log_prob(y).sum(1)

    return log_density, {"b": x.shape[1], "Intercept": (), "sigma": positive}


@posterior("kilpisjarvi_mod-kilpisjarvi")
def lake(data):
    x, y = data["x"], data["y"]

    def log_density(alpha, beta, sigma):
        prior = Normal(data["pmualpha"], data["psalpha"]).log_prob(alpha)
        prior = prior + Normal(data["pmubeta"], data["psbeta"]).log_prob(beta)
        mean = alpha[:, None] + beta[:, None] * x
        return prior + Normal(mean, sigma[:, None]).log_prob(y).sum(1)

    return log_density, {"alpha": (), "beta": (), "sigma": positive}


@posterior("eight_schools-eight_schools_noncentered")
def schools(data):
    y, error = data["y"], data["sigma"]

    def log_density(theta_trans, mu, tau):
        theta = theta_trans * tau[:, None] + mu[:, None]
        prior = Normal(0, 1).log_prob(theta_trans).sum(1) + Normal(0, 5).log_prob(mu)
        return prior + Cauchy(0, 5).log_prob(tau) + Normal(theta, error).log_prob(y).sum(1)

    return log_density, {"theta_trans": len(y), "mu": (), "tau": positive}


@posterior("arK-arK")
def autoregression(data):
    y, k = data["y"], int(data["K"])
    lags = torch.stack([y[k - i - 1 : len(y) - i - 1] for i in range(k)])

    def log_density(alpha, beta, sigma):
        prior = Normal(0, 10).log_prob(alpha) + Normal(0, 10).log_prob(beta).sum(1)
        mean = alpha[:, None] + beta @ lags
        fit = Normal(mean, sigma[:, None]).log_prob(y[k:]).sum(1)
        return prior + Cauchy(0, 2.5).log_prob(sigma) + fit

    return log_density, {"alpha": (), "beta": k, "sigma": positive}


@posterior("arma-arma11")
def moving_average(data):
    y = data["y"]

    def log_density(mu, phi, theta, sigma):
        errors = [y[0] - mu - phi * mu]
        for t in range(1, len(y)):
            errors.append(y[t] - mu - phi * y[t - 1] - theta * errors[-1])
        prior = Normal(0, 10).log_prob(mu) + Normal(0, 2).log_prob(torch.stack([phi, theta])).sum(0)
        fit = Normal(0, sigma[:, None]).log_prob(torch.stack(errors, dim=1)).sum(1)
        return prior + Cauchy(0, 2.5).log_prob(sigma) + fit

    return log_density, {"mu": (), "phi": (), "theta": (), "sigma": positive}


@posterior("garch-garch11")
def volatility(data):
    y = data["y"]

    def log_density(mu, alpha0, alpha1, share):
        # beta1 is below 1 - alpha1, of which it is this share
        beta1, sizes = share * (1 - alpha1), [data["sigma1"].expand_as(mu)]
        for t in range(1, len(y)):
            square = alpha0 + alpha1 * (y[t - 1] - mu).square() + beta1 * sizes[-1].square()
            sizes.append(square.sqrt())
        fit = Normal(mu[:, None], torch.stack(sizes, dim=1)).log_prob(y).sum(1)
        return fit + torch.log1p(-alpha1)

    return log_density, {"mu": (), "alpha0": positive, "alpha1": unit_interval,
                         "share": unit_interval}  # fmt: skip


def _covariance(x, alpha, rho):
    away = (x[:, None] - x).square() / rho[:, None, None].square()
    return alpha[:, None, None].square() * torch.exp(-0.5 * away)


@posterior("gp_pois_regr-gp_regr")
def process(data):
    x, y = data["x"], data["y"]

    def log_density(rho, alpha, sigma):
        spread = _covariance(x, alpha, rho) + sigma[:, None, None] * torch.eye(len(x))
        factor, _ = torch.linalg.cholesky_ex(spread)
        white = torch.linalg.solve_triangular(
            factor, y.expand(len(rho), -1)[..., None], upper=False
        )
        fit = -0.5 * white.square().sum((1, 2)) - factor.diagonal(dim1=1, dim2=2).log().sum(1)
        prior = Gamma(25, 4).log_prob(rho) + Normal(0, 2).log_prob(alpha)
        return prior + Normal(0, 1).log_prob(sigma) + fit

    return log_density, {"rho": positive, "alpha": positive, "sigma": positive}


@posterior("gp_pois_regr-gp_pois_regr")
def counts(data):
    x, k = data["x"], data["k"]

    def log_density(rho, alpha, f_tilde):
        spread = _covariance(x, alpha, rho) + 1e-10 * torch.eye(len(x))
        factor, _ = torch.linalg.cholesky_ex(spread)
        f = (factor @ f_tilde[..., None])[..., 0]
        prior = Gamma(25, 4).log_prob(rho) + Normal(0, 2).log_prob(alpha)
        fit = Poisson(f.exp(), validate_args=False).log_prob(k).sum(1)
        return prior + Normal(0, 1).log_prob(f_tilde).sum(1) + fit

    return log_density, {"rho": positive, "alpha": positive, "f_tilde": len(x)}


@posterior("low_dim_gauss_mix-low_dim_gauss_mix")
def mixture(data):
    y = data["y"][:, None]

    def log_density(low, gap, sigma, theta):
        mu = torch.stack([low, low + gap], dim=1)
        prior = Normal(0, 2).log_prob(sigma).sum(1) + Normal(0, 2).log_prob(mu).sum(1)
        each = Normal(mu[:, None], sigma[:, None]).log_prob(y)
        share = torch.stack([theta, 1 - theta], dim=1).log()
        fit = torch.logsumexp(share[:, None] + each, dim=2).sum(1)
        return prior + Beta(5, 5).log_prob(theta) + fit

    return log_density, {"low": (), "gap": positive, "sigma": (positive, 2),
                         "theta": unit_interval}  # fmt: skip


def _hidden_chain(emission, theta1, theta2):
    """log p of what is seen, emission (n, T, 2), by a chain of two hidden states."""
    change = torch.stack([theta1, theta2], dim=1).log()
    at = emission[:, 0]
    for t in range(1, emission.shape[1]):
        at = torch.logsumexp(at[:, :, None] + change, dim=1) + emission[:, t]
    return torch.logsumexp(at, dim=1)


@posterior("hmm_example-hmm_example")
def hidden_states(data):
    y = data["y"][:, None]

    def log_density(theta1, theta2, low, gap):
        mu = torch.stack([low, low + gap], dim=1)
        prior = Normal(3, 1).log_prob(mu[:, 0]) + Normal(10, 1).log_prob(mu[:, 1])
        return prior + _hidden_chain(Normal(mu[:, None], 1).log_prob(y), theta1, theta2)

    return log_density, {"theta1": (simplex, 2), "theta2": (simplex, 2), "low": positive,
                         "gap": positive}  # fmt: skip


@posterior("bball_drive_event_0-hmm_drive_0", "bball_drive_event_1-hmm_drive_1")
def drives(data):
    u, v = data["u"][:, None], data["v"][:, None]
    first = data["name"].endswith("0")

    def log_density(theta1, theta2, phi_low, phi_gap, lambda_low, lambda_gap):
        phi = torch.stack([phi_low, phi_low + phi_gap], dim=1)
        rate = torch.stack([lambda_low, lambda_low + lambda_gap], dim=1)
        means = torch.tensor([0.0, 3.0])
        prior = sum(Normal(means, 1).log_prob(each).sum(1) for each in (phi, rate))
        for each, weight in zip((theta1, theta2), data["alpha"], strict=True):
            prior = prior + Dirichlet(weight).log_prob(each)
        if first:
            seen = Exponential(phi[:, None]).log_prob(u) + Exponential(rate[:, None]).log_prob(v)
        else:
            seen = Normal(phi[:, None], data["tau"]).log_prob(u)
            seen = seen + Normal(rate[:, None], data["rho"]).log_prob(v)
        return prior + _hidden_chain(seen, theta1, theta2)

    low, chain = positive if first else (), {"theta1": (simplex, 2), "theta2": (simplex, 2)}
    return log_density, {**chain, "phi_low": low, "phi_gap": positive, "lambda_low": low,
                         "lambda_gap": positive}  # fmt: skip


def as_in_stan(values):
    """What Stan's models call their parameters, from ours."""
    found = dict(values)
    if "theta_trans" in found:
        found["theta"] = found["theta_trans"] * found["tau"][..., None] + found["mu"][..., None]
    if "share" in found:
        found["beta1"] = found.pop("share") * (1 - found["alpha1"])
    for low, gap, name in (("low", "gap", "mu"), ("phi_low", "phi_gap", "phi"),
                           ("lambda_low", "lambda_gap", "lambda")):  # fmt: skip
        if gap in found:
            first = found.pop(low)
            found[name] = torch.stack([first, first + found.pop(gap)], dim=-1)
    return found
