"""Time of a leapfrog step beside torchebm and BlackJAX.

python benchmarks/samplers_speed.py [--repeat 5] [--device cpu]

HMC of ten leapfrog steps: 64 chains on a 50-dimensional Gaussian of condition 100, rotated, and 256
chains on a network energy, 2-128-128-1 with SiLU. Everything of a transition counts: momenta, the
gradients, acceptance. Also what torch.compile costs, cold and from its cache.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from statistics import median

import torch

from thalweg.energies import NetworkEnergy, Normal, Perceptron
from thalweg.questions import Compiled
from thalweg.samplers import HMC

STEPS, TRANSITIONS = 10, 100


def gaussian(d=50):
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(d, d, generator=generator))[0]
    return turn @ torch.diag(torch.logspace(-2, 0, d)) @ turn.T


def network():
    torch.manual_seed(0)
    return Perceptron((2, 128, 128, 1), generator=torch.Generator().manual_seed(0))


def microseconds(transitions, repeat):
    """Median time of a leapfrog step, of a call that makes TRANSITIONS transitions."""
    transitions()
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        transitions()
        times.append(time.perf_counter() - begun)
    return 1e6 * median(times) / (TRANSITIONS * STEPS)


def ours(energy, y, step):
    sampler = HMC(step, n_steps=STEPS, jitter=0.0)
    generator = torch.Generator(y.device).manual_seed(0)
    state = sampler.init(energy, y)

    def transitions():
        nonlocal state
        for _ in range(TRANSITIONS):
            state, _ = sampler.step(energy, state, generator)

    return transitions


def of_torchebm(model, y, step):
    from torchebm.samplers import HamiltonianMonteCarlo

    sampler = HamiltonianMonteCarlo(model, step_size=step, n_leapfrog_steps=STEPS, device=y.device)
    return lambda: sampler.sample(x=y, n_steps=TRANSITIONS)


def of_blackjax(log_density, y, step):
    import blackjax
    import jax
    import jax.numpy as jnp

    hmc = blackjax.hmc(log_density, step, jnp.ones(y.shape[1]), STEPS)
    state = jax.vmap(hmc.init)(jnp.asarray(y.cpu().numpy()))

    @jax.jit
    def scan(state, key):
        def body(state, key):
            state, info = jax.vmap(hmc.step)(jax.random.split(key, len(y)), state)
            return state, info.acceptance_rate.mean()

        return jax.lax.scan(body, state, jax.random.split(key, TRANSITIONS))

    return lambda: jax.block_until_ready(scan(state, jax.random.PRNGKey(0)))


COMPILE = """
import time, torch
from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.questions import Compiled
energy = NetworkEnergy(Perceptron((2, 128, 128, 1)), 0.1)
y = torch.randn(256, 2)
begun = time.perf_counter()
Compiled(energy).value_and_gradient(y)
print(time.perf_counter() - begun)
"""


def compile_seconds():
    """Cold, and from the cache of the run before."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        return [
            float(subprocess.run([sys.executable, "-c", COMPILE], env=environment, check=True,
                                 capture_output=True, text=True).stdout)
            for _ in range(2)
        ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"torch {torch.__version__}, {args.device}")  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    rows = [measure_gaussian, measure_network]
    print(
        "| energy | sampler | microseconds a leapfrog step | times thalweg's |\n|---|---|---|---|"
    )
    for measure in rows:
        name, times = measure(generator, args)
        for who, value in times.items():
            print(f"| {name} | {who} | {value:.1f} | {value / times['thalweg']:.2f} |", flush=True)
    cold, cached = compile_seconds()
    print(f"torch.compile of the network energy: {cold:.1f} s cold, {cached:.1f} s cached")


def measure_gaussian(generator, args):
    import jax.numpy as jnp
    from torchebm.core import GaussianModel

    covariance = gaussian().to(args.device)
    mean = torch.zeros(50, device=args.device)
    energy = Normal(mean, covariance)
    y = energy.draw(64, torch.Generator(args.device).manual_seed(0))
    plain = torch.linalg.inv(covariance)
    precision = jnp.asarray(plain.cpu().numpy())
    return "Gaussian, 64 x 50", {
        "thalweg": microseconds(ours(energy, y, 0.05), args.repeat),
        "thalweg, autograd": microseconds(
            ours(lambda y: 0.5 * ((y @ plain) * y).sum(1), y, 0.05), args.repeat
        ),
        "torchebm": microseconds(
            of_torchebm(GaussianModel(mean, covariance, device=args.device), y, 0.05), args.repeat
        ),
        "BlackJAX, jitted scan": microseconds(
            of_blackjax(lambda y: -0.5 * y @ precision @ y, y, 0.05), args.repeat
        ),
    }


def measure_network(generator, args):
    import jax
    import jax.numpy as jnp
    from torchebm.core import BaseModel

    net = network().to(args.device)
    energy = NetworkEnergy(net, 0.1)
    y = torch.randn(256, 2, generator=generator).to(args.device)

    class Model(BaseModel):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, y):
            return self.net(y).squeeze(-1) + 0.05 * y.square().sum(dim=1)

    parts = [(m.weight.detach().cpu().numpy(), m.bias.detach().cpu().numpy())
             for m in list(net.layers)[0::2]]  # fmt: skip
    layers = [(jnp.asarray(weight), jnp.asarray(bias)) for weight, bias in parts]

    def log_density(y):
        at = y
        for weight, bias in layers[:-1]:
            at = jax.nn.silu(weight @ at + bias)
        return -(layers[-1][0] @ at + layers[-1][1])[0] - 0.05 * y @ y

    return "network, 256 x 2", {
        "thalweg": microseconds(ours(energy, y, 0.1), args.repeat),
        "thalweg, autograd": microseconds(ours(energy.forward, y, 0.1), args.repeat),
        "thalweg, compiled": microseconds(ours(Compiled(energy), y, 0.1), args.repeat),
        "torchebm": microseconds(of_torchebm(Model().to(args.device), y, 0.1), args.repeat),
        "BlackJAX, jitted scan": microseconds(of_blackjax(log_density, y, 0.1), args.repeat),
    }


if __name__ == "__main__":
    main()
