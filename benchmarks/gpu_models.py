"""Training of the language model and of the image models beside plain torch on a GPU."""

import math

import numpy as np
import torch
from gpu_rows import Found, NotRun, Row, by_turns

from thalweg.core import BEYOND_TOKEN, Batch
from thalweg.data import Marks, Shuffled, as_images, turning_digits
from thalweg.energies import (
    ClipShape,
    ConvolutionalInpainter,
    FrameNetwork,
    FramePrediction,
    GaussianNoise,
    MaskedPrediction,
    PatchTransformer,
    TextTransformer,
    TokenPrediction,
)
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.objectives import Denoising, RelaxedPushDown
from thalweg.pretext import Masked, Shaped
from thalweg.training import Hardware, Recipe, gradient_step, learn

VOCABULARY = 8000
MARKS = Marks(start=2, end=3, hidden=4, padding=0)
LONGEST = 126


def language_rows():
    return [
        Row("fast", f"masked language model, {name}", lambda where, n=name: language(where, n))
        for name in ("float32", "bf16")
    ]


def token_rows(texts, seed):
    """Rows of random tokens, as long as dictionary entries are: 18 in the mean, few long ones."""
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(2.7, 0.55, texts).astype(int), 2, LONGEST)
    y = np.full((texts, lengths.max()), BEYOND_TOKEN)
    for row, length in zip(y, lengths, strict=True):
        row[:length] = random.integers(5, VOCABULARY, length)
    return torch.from_numpy(y)


def our_step(where, width, layers, precision):
    """A step of the library's transformer on rows from the host."""
    network = TextTransformer(
        VOCABULARY, MARKS, width, layers, context=LONGEST + 2,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    energy = TokenPrediction(network).to(where.device)
    optimizer = torch.optim.AdamW(energy.parameters(), 3e-4, fused=True)
    hardware = Hardware(str(where.device), precision)
    step = gradient_step(energy, Denoising(Masked(0.15)), optimizer, clip=1.0, hardware=hardware)
    generator = where.seeded()
    size = sum(p.numel() for p in energy.parameters())
    return lambda y: step(Batch(y.to(where.device)), generator), size


def their_step(where, width, layers, precision, parameters):
    """A step of transformers' BERT, random at first, padded to the longest of the batch."""
    try:
        from transformers import BertConfig, BertForMaskedLM
    except ImportError as error:
        raise NotRun("transformers is not installed") from error
    shape = {
        "vocab_size": VOCABULARY, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // 64), "max_position_embeddings": LONGEST + 2,
        "pad_token_id": MARKS.padding,
    }  # fmt: skip
    # as many parameters, to one unit inside
    spare = BertForMaskedLM(BertConfig(**shape, intermediate_size=4 * width)).num_parameters()
    inner = 4 * width - round((spare - parameters) / (layers * 2 * width + layers))
    model = BertForMaskedLM(BertConfig(**shape, intermediate_size=inner)).to(where.device)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4, fused=True)
    kind, half = where.device.type, precision == "bf16"

    def step(y):
        y = y.to(where.device)
        ids, there = padded(y)
        asked = (torch.rand(ids.shape, device=ids.device) < 0.15) & (ids >= 5)
        labels = torch.where(asked, ids, -100)
        ids = torch.where(asked, MARKS.hidden, ids)
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            loss = model(input_ids=ids, attention_mask=there, labels=labels).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step, model.num_parameters()


def padded(y):
    """Rows with their marks, and which places are no padding."""
    lengths = (y != BEYOND_TOKEN).sum(dim=1)
    edge = y.new_full((len(y), 1), MARKS.padding)
    ids = torch.cat([edge, torch.where(y == BEYOND_TOKEN, MARKS.padding, y), edge], dim=1)
    ids[:, 0] = MARKS.start
    ids.scatter_(1, lengths[:, None] + 1, MARKS.end)
    there = torch.arange(ids.shape[1], device=y.device) < lengths[:, None] + 2
    return ids, there.long()


def language(where, precision):
    """Real tokens a second (marks included, padding not) of whole steps, the same texts."""
    width, layers, texts, steps = where.pick((64, 2, 16, 2), (256, 4, 512, 8))
    ours, size = our_step(where, width, layers, "no" if precision == "float32" else precision)
    theirs, other_size = their_step(where, width, layers, precision, size)
    batches = [token_rows(texts, seed) for seed in range(steps)]
    tokens = sum(int((y >= 0).sum()) + 2 * len(y) for y in batches)

    def all_of(step):
        return lambda: [step(y) for y in batches]

    one, other = by_turns(where, all_of(ours), all_of(theirs), 3)
    return Found(
        True, tokens / one, tokens / other, None, "tokens/s",
        f"{texts} texts a step, {size / 1e6:.2f} million parameters, transformers' BERT "
        f"{other_size / 1e6:.2f}; AdamW for both",
    )  # fmt: skip


def image_rows():
    return [
        Row("fast", f"training, {name}", lambda where, n=name: images(where, n))
        for name in ("masked images, transformer", "masked images, U-Net", "next frame")
    ]


def plain_loop(where, module, loss_of, n, batch, steps):
    """What fit does, written out."""
    optimizer = torch.optim.Adam(module.parameters(), 1e-3, fused=True)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    generator = where.seeded(1)
    for i in range(steps):
        start = i * batch % (n - batch)
        loss = loss_of(order[start : start + batch], generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def masked(where, network):
    """A masked model of images, and the same by hand."""
    n = where.pick(64, 4096)
    rows = np.random.default_rng(0).random((n, *network.shape[:2]), dtype=np.float32)
    source, flat = as_images(rows), torch.from_numpy(rows).flatten(1)
    hide = Shaped(Masked(0.75, (4, 4)), source.shape)
    energy = MaskedPrediction(network, source.n_columns).to(where.device)

    def take(index):
        return Batch(torch.from_numpy(source.take(index)).to(where.device))

    def loss_of(index, generator):
        y = flat[index].to(where.device)
        spoiled = hide(y, generator)
        seen = ~spoiled.y.isnan()
        made = network(torch.cat([spoiled.y.nan_to_num(), seen.float()], dim=1))
        return ((made - y) * spoiled.asked).square().sum(dim=1).mean()

    return energy, Denoising(hide), take, loss_of, n


def frames(where):
    """The discrete next frame of 32 x 32 pixels, 16 codes, and the same by hand."""
    n = where.pick(40, 600)
    digits = np.random.default_rng(0).integers(0, 255, (20, 14, 14), dtype=np.uint8)
    clips = turning_digits(digits, n, torch.Generator().manual_seed(0), length=5).frames
    rows = torch.from_numpy(clips).float().flatten(1) / 255
    shape = ClipShape(32, 32, 1, 4, 1)
    x, y = rows[:, : 4 * shape.frame], rows[:, 4 * shape.frame :]
    network = FrameNetwork(shape, 16, 48, generator=torch.Generator().manual_seed(0))
    latent = FramePrediction(network, OneHot(16), GaussianNoise(0.3))
    energy = FreeEnergy(latent, Exhaustive()).to(where.device)
    log_sigma, codes = latent.cost.log_sigma, torch.eye(16, device=where.device)

    def take(index):
        return Batch(y[index].to(where.device), x[index].to(where.device))

    def loss_of(index, generator):
        target, context = take(index)[:2]
        state, near = network.state(context), network.near(context)
        share = network.log_share(context)

        def cost(z):
            square = (target - network.from_state(z, state, near)).square().sum(dim=1)
            constant = shape.frame * (log_sigma + 0.5 * math.log(2 * math.pi))
            return 0.5 * torch.exp(-2 * log_sigma) * square + constant

        with torch.no_grad():
            every = torch.stack([cost(code[None]) for code in codes])
            best = codes[(every - share.T).argmin(dim=0)]
        return (cost(best) - (best * share).sum(dim=1)).mean()

    return energy, RelaxedPushDown(0.0), take, loss_of, n


def images(where, name):
    """Images (or clips) a second, the same network, hiding and batches from the host."""
    seeded, shape = torch.Generator().manual_seed(0), (28, 28, 1)
    batch, steps = where.pick((16, 2), (256, 20))
    if name == "next frame":
        batch = where.pick(8, 64)
        parts = frames(where)
    elif name == "masked images, transformer":
        width, depth = where.pick((32, 1), (96, 4))
        parts = masked(where, PatchTransformer(shape, 4, width, depth, generator=seeded))
    else:
        parts = masked(where, ConvolutionalInpainter(shape, where.pick(4, 16), generator=seeded))
    energy, objective, take, loss_of, n = parts

    def ours():
        order = Shuffled(n, batch, steps, torch.Generator().manual_seed(0))
        learn(energy, objective, take, order, Recipe(steps, 1e-3), where.seeded(1), title="speed",
            hardware=Hardware(str(where.device)))  # fmt: skip

    def plain():
        plain_loop(where, energy, loss_of, n, batch, steps)

    one, other = by_turns(where, ours, plain, 3)
    count = batch * steps
    what = "clips" if name == "next frame" else "images"
    return Found(True, count / one, count / other, None, f"{what}/s", f"batch {batch}")
