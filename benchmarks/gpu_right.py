"""Right on a GPU: every estimator, objective and sampler once, held against the CPU.

What there is comes from the packages' own lists, so that one that is added later is missed here:
without a recipe it is a row that failed.
"""

import copy
import inspect
import shutil
import warnings

import gpu_estimators
import gpu_objectives
import numpy as np
import torch
from gpu_rows import Check, Found, NotRun, Row

import thalweg.estimators
import thalweg.objectives
import thalweg.samplers
from thalweg.energies import Normal, RestrictedBoltzmann, every_state
from thalweg.estimators import EnergyDensity, MaskedLanguageModel, VQAutoencoder
from thalweg.objectives import Negatives, Objective, Points
from thalweg.samplers import (
    HMC,
    LBFGS,
    MALA,
    NUTS,
    BlockGibbs,
    GibbsWithGradients,
    GradientDescent,
    Independence,
    Langevin,
    Minimizer,
    Nesterov,
    ParallelTempering,
    RandomWalk,
    Sampler,
    annealed_importance,
    importance,
    mcse_mean,
    mcse_sd,
    rejection,
    run,
    sequential,
)
from thalweg.training import Run


def offered(package, *kinds):
    """Classes of a kind in a package's list, abstract ones aside, by name."""
    every = {name: getattr(package, name) for name in package.__all__}
    return {
        name: kind
        for name, kind in every.items()
        if inspect.isclass(kind) and issubclass(kind, kinds) and not inspect.isabstract(kind)
    }


def rows():
    """All rows, the most telling first."""
    estimators = {
        name: kind
        for name in thalweg.estimators.__all__
        if inspect.isclass(kind := getattr(thalweg.estimators, name)) and hasattr(kind, "fit")
    }
    groups = [
        ("estimator", estimators, gpu_estimators.RECIPES, gpu_estimators.check),
        (
            "objective",
            offered(thalweg.objectives, Objective, Negatives, Points),
            gpu_objectives.RECIPES,
            gpu_objectives.check,
        ),
        ("sampler", offered(thalweg.samplers, Sampler), SAMPLERS, check_sampler),
        ("minimizer", offered(thalweg.samplers, Minimizer), MINIMIZERS, check_minimizer),
    ]
    found = [
        Row("right", f"{group} {name}", _of(name, recipes, check))
        for group, kinds, recipes, check in groups
        for name in kinds
    ]
    tables = {name: made for name, made in gpu_estimators.RECIPES.items() if made.data == "rows"}
    found += [
        Row("right", f"table with words, {name}", _of(name, tables, gpu_estimators.check_columns))
        for name in tables
    ]
    found.append(Row("right", "Monte Carlo without chains", check_monte_carlo))
    found += [
        Row("right", f"checkpoint of {name}", lambda where, n=name: check_checkpoint(where, n))
        for name in ("EnergyDensity", "VQAutoencoder", "MaskedLanguageModel")
    ]
    found += [
        Row("right", f"mixed precision, {p}{of}", lambda where, p=p, c=check: mixed(where, p, c))
        for of, check in (("", check_precision), (", of text", check_precision_of_text))
        for p in ("bf16", "fp16")
    ]
    found.append(Row("right", "mixed precision, one device then the other", check_both_devices))
    return found


def _of(name, recipes, check):
    def call(where):
        if name not in recipes:
            return Found(failed=True, note="no recipe: this script has to be given one")
        return check(where, name, recipes[name])

    return call


MEAN = torch.tensor([1.0, -2.0, 0.5])
COVARIANCE = torch.tensor([[1.0, 0.6, 0.0], [0.6, 2.0, -0.3], [0.0, -0.3, 0.5]])

SAMPLERS = {
    "BlockGibbs": lambda where: BlockGibbs(),
    "GibbsWithGradients": lambda where: GibbsWithGradients(),
    "HMC": lambda where: HMC(0.3),
    "Independence": lambda where: Independence(
        Normal(torch.zeros(3), 4 * COVARIANCE).to(where.device)
    ),
    "Langevin": lambda where: Langevin(0.1),
    "MALA": lambda where: MALA(0.3),
    "NUTS": lambda where: NUTS(0.3, max_doublings=5),
    "ParallelTempering": lambda where: ParallelTempering(RandomWalk(1.0), (1.0, 0.5, 0.25)),
    "RandomWalk": lambda where: RandomWalk(1.0),
}

MINIMIZERS = {
    "GradientDescent": lambda where: GradientDescent(),
    "LBFGS": lambda where: LBFGS(),
    "Nesterov": lambda where: Nesterov(),
}


def target(binary):
    """An energy, its mean and its standard deviations (None for bits: the mean says both)."""
    if not binary:
        return Normal(MEAN, COVARIANCE), MEAN, COVARIANCE.diagonal().sqrt()
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(5, 3, generator=generator)
    energy = RestrictedBoltzmann(weights, torch.zeros(5), torch.zeros(3))
    share = torch.softmax(-energy(every_state(5).float()).double(), dim=0)
    return energy, (share @ every_state(5)).detach(), None


def begin(energy, sampler, n, where):
    """Chains where the density is; what an inexact step of Langevin keeps is known for a normal."""
    if sampler.space == "binary":
        return torch.randint(2, (n, 5), generator=where.seeded(1), device=where.device).float()
    if isinstance(sampler, Langevin):
        energy = Normal(MEAN, kept_by_langevin(sampler)).to(where.device)
    return energy.draw(n, where.seeded(1))


def kept_by_langevin(sampler):
    """S = P^-1 (1 - eta P / 2)^-1, the covariance that the unadjusted step leaves as it is."""
    precision = torch.linalg.inv(COVARIANCE.double())
    inner = torch.eye(3).double() - 0.5 * sampler.step_size * precision
    return torch.linalg.inv(precision @ inner).float()


def check_sampler(where, name, recipe):
    """Moments of a density that is known; and the energies of where the chains are."""
    check, sampler = Check(), recipe(where)
    plain, mean, sd = target(sampler.space == "binary")
    if isinstance(sampler, Langevin):
        sd = kept_by_langevin(sampler).diagonal().sqrt()
    energy = copy.deepcopy(plain).to(where.device)
    generator, chains, steps = where.seeded(), where.pick(64, 256), where.pick(60, 100)
    state = sampler.init(energy, begin(energy, sampler, chains, where))
    sampler, state = sampler.warm_up(energy, state, steps, generator)
    found = run(sampler, energy, state, 2 * steps, generator)
    y = sampler.position(found.state)
    check.that(y.device.type == where.device.type, f"the chains are on {y.device}")
    with torch.no_grad():
        exact = copy.deepcopy(plain).double()(y.cpu().double())
        check.held("energy", energy(y), plain(y.cpu()), exact)
    away = ((found.mean() - mean.to(y.device)).cpu() / mcse_mean(found.draws)).abs()
    if sd is not None:
        spread = ((found.sd() - sd.to(y.device)).cpu() / mcse_sd(found.draws)).abs()
        away = torch.cat([away, spread])
    worst = float(away.max())
    check.that(worst <= 5, f"moments are {worst:.1f} standard errors away")
    check.notes.append(f"moments within {worst:.1f} standard errors")
    return check.found()


def check_minimizer(where, name, recipe):
    """From far up to the bottom of a bowl."""
    check, method, lowest = Check(), recipe(where), []
    for device in (where.device, torch.device("cpu")):
        energy = Normal(MEAN, COVARIANCE).to(device)
        y = (10 * torch.randn(32, 3, generator=torch.Generator().manual_seed(0))).to(device)
        state = method.init(energy, y)
        for _ in range(100):
            state, _ = method.step(energy, state)
        lowest.append(float(state.energy.max()))
    check.that(lowest[0] < max(1e-3, 10 * lowest[1]), f"ends at {lowest[0]:.1e}")
    check.notes.append(f"ends at {lowest[0]:.1e}, on the CPU at {lowest[1]:.1e}")
    return check.found()


def check_monte_carlo(where):
    """log Z of a normal density three ways, and its mean by rejection."""
    check, n = Check(), where.pick(500, 4000)
    energy = Normal(MEAN, COVARIANCE).to(where.device)
    wide = Normal(torch.zeros(3), 9 * torch.eye(3)).to(where.device)
    exact, generator = float(energy.log_normalizer()), where.seeded()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            "importance": importance(energy, wide, 20 * n, generator).log_z,
            "sequential": sequential(energy, wide, HMC(0.3, n_steps=3), n, generator).log_z,
        }
    annealed = annealed_importance(energy, wide, HMC(0.3, n_steps=3), 50, n, generator)
    found["annealed"] = annealed.value
    for name, value in found.items():
        allowed = 0.05 + 5 * annealed.standard_error
        check.that(
            abs(value - exact) < allowed, f"{name}: log Z is {value:.3f}, exactly {exact:.3f}"
        )
    # the proposal's energy is half as high everywhere: the bound is 0
    kept = rejection(energy, Normal(MEAN, 2 * COVARIANCE).to(where.device), 0.0, n, generator)
    error = (COVARIANCE.diagonal() / n).sqrt()
    z = float(((kept.y.mean(dim=0).cpu() - MEAN) / error).abs().max())
    check.that(z <= 5, f"rejection: the mean is {z:.1f} standard errors away")
    check.notes.append(", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    check.notes.append(f"exactly {exact:.3f}")
    return check.found()


def _model(name, device):
    """A model with chains, one with a codebook, one with two optimizers in one."""
    kinds = {
        "EnergyDensity": lambda: EnergyDensity(
            "persistent-contrastive-divergence", hidden=(16, 16), n_steps=60, random_state=0,
            device=device,
        ),
        "VQAutoencoder": lambda: VQAutoencoder(
            2, hidden=(16,), n_steps=60, random_state=0, device=device
        ),
        "MaskedLanguageModel": lambda: MaskedLanguageModel(
            layers=1, width=32, epochs=6, batch_tokens=120, learning_rate=0.02, random_state=0,
            device=device,
        ),
    }  # fmt: skip
    return kinds[name]()


def check_checkpoint(where, name):
    """A run whose last checkpoint is taken away, as if it had been killed, ends where it did."""
    check, folder = Check(), where.folder / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    data = gpu_estimators.texts() if name == "MaskedLanguageModel" else gpu_estimators.table()
    try:
        model = _model(name, str(where.device))
        whole = gpu_estimators.fitted(model, data, run=Run(folder, every=20))
        files = sorted(folder.glob("step-*.safetensors"))
        check.that(len(files) == 2, f"{len(files)} checkpoints; expected the last two")
        files[-1].unlink()
        again = _model(name, str(where.device)).fit(data, run=Run(folder, every=20, resume=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    check.that(len(again.history_) == len(whole.history_), "it did not go on to the end")
    one, other = (
        torch.cat([p.detach().flatten().cpu() for p in model.energy_.parameters()])
        for model in (whole, again)
    )
    far = float((one - other).abs().max() / one.abs().max())
    # on a GPU sums may be taken in another order each time
    check.that(far <= (1e-3 if where.device.type == "cuda" else 0), f"ends {far:.1e} apart")
    check.notes.append("to the bit" if far == 0 else f"{far:.1e} apart")
    return check.found()


def mixed(where, precision, check):
    """A check of mixed precision, where the device knows it."""
    if precision == "fp16" and where.device.type == "cpu":
        raise NotRun("fp16 needs a GPU")
    return check(where, precision)


def check_precision(where, precision):
    """It trains, on the device, to about the loss of single precision; parameters stay single."""
    check, steps, ends = Check(), where.pick(100, 300), {}
    for each in ("no", precision):
        model = EnergyDensity(
            hidden=(64, 64), n_steps=steps, random_state=0, device=str(where.device), precision=each
        ).fit(gpu_estimators.table(1000))
        single_on_device(check, where, model)
        ends[each] = float(np.mean(model.history_.losses[-steps // 4 :]))
    check.that(abs(ends[precision] / ends["no"] - 1) < 0.1, "the loss is another")
    check.notes.append(f"loss {ends[precision]:.4f}, in single precision {ends['no']:.4f}")
    return check.found()


def check_precision_of_text(where, precision):
    """The same of the language model: the loss comes down."""
    check = Check()
    model = MaskedLanguageModel(
        layers=1, width=64, epochs=4, batch_tokens=200, random_state=0, device=str(where.device),
        precision=precision,
    )  # fmt: skip
    gpu_estimators.fitted(model, gpu_estimators.texts())
    single_on_device(check, where, model)
    losses = [float(m["error"]) for m in model.history_.metrics]
    check.that(losses[-1] < losses[0], "the loss did not come down")
    check.notes.append(f"loss of a token {losses[0]:.2f}, then {losses[-1]:.2f}")
    return check.found()


def single_on_device(check, where, model):
    parameter = next(model.energy_.parameters())
    check.that(parameter.device.type == where.device.type, f"trained on {parameter.device}")
    check.that(parameter.dtype == torch.float32, f"parameters are {parameter.dtype}")


def check_both_devices(where):
    """A process that trained in mixed precision on one device can do so on the other."""
    check = Check()
    for device in (str(where.device), "cpu", str(where.device)):
        model = EnergyDensity(
            hidden=(8,), n_steps=5, random_state=0, device=device, precision="bf16"
        ).fit(gpu_estimators.table())
        place = next(model.energy_.parameters()).device
        check.that(place.type == torch.device(device).type, f"asked for {device}, on {place}")
    return check.found()
