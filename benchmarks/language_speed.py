"""Pretraining a BERT: tokens a second, and loss after as many, beside transformers.

python benchmarks/language_speed.py [--corpus DIR] [--tokens 400000] [--rates 0.0003 0.001]

DIR holds WordNet (Debian: wordnet-base); without it nothing is measured, and said so. The same
tokens, texts a step and number of parameters for both, in single precision. transformers: a
BertForMaskedLM, DataCollatorForLanguageModeling, padding to the longest of the batch, AdamW with a
linear rise and fall, once for each of --rates. Speed: real tokens (marks included, padding not) of
whole steps in turn, median of --repeats rounds of 10 steps. Then both learn from --tokens; the loss
is that of held-out tokens, 15 in 100, all masked, hidden alike for both.
"""

import argparse
import sys
import time

import corpora
import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    get_linear_schedule_with_warmup,
)

from thalweg.core import HIDDEN_TOKEN, Batch
from thalweg.data import TokenRows, Vocabulary, as_texts
from thalweg.energies import PretrainedNetwork, TextTransformer, TokenPrediction
from thalweg.objectives import Denoising
from thalweg.pretext import Masked
from thalweg.training.muon import MuonAndAdam
from thalweg.training.steps import gradient_step, rise_and_fall

TEXTS_A_STEP = 64


def ours(vocabulary, steps):
    """A function that takes a step on rows, and the energy that it trains."""
    network = TextTransformer(
        len(vocabulary), vocabulary.marks, context=128, generator=torch.Generator().manual_seed(0)
    )
    energy = TokenPrediction(network)
    optimizer = MuonAndAdam(energy, 0.01, 0.003, [])
    step = gradient_step(
        energy, Denoising(Masked(0.3)), optimizer, rise_and_fall(optimizer, steps), clip=5.0
    )
    generator = torch.Generator().manual_seed(0)
    return lambda y: step(Batch(torch.from_numpy(y)), generator), energy


def theirs(vocabulary, steps, rate, parameters):
    torch.manual_seed(0)
    shape = {
        "vocab_size": len(vocabulary), "hidden_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 128, "pad_token_id": vocabulary.marks.padding,
    }  # fmt: skip
    # as many parameters, to one unit inside
    spare = BertForMaskedLM(BertConfig(**shape, intermediate_size=1024)).num_parameters()
    inner = 1024 - round((spare - parameters) / (4 * 2 * 256 + 4))
    model = BertForMaskedLM(BertConfig(**shape, intermediate_size=inner))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=vocabulary.tokenizer, cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", pad_token="[PAD]",
    )  # fmt: skip
    collate = DataCollatorForLanguageModeling(tokenizer, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, max(1, steps // 10), steps)
    start, end = vocabulary.marks.start, vocabulary.marks.end

    def step(y):
        texts = [{"input_ids": [start, *row[row >= 0].tolist(), end]} for row in y]
        batch = collate(texts)
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()

    energy = TokenPrediction(PretrainedNetwork(model, vocabulary.marks))
    return step, energy


@torch.no_grad()
def held_out_loss(energy, rows):
    energy.eval()
    generator = torch.Generator().manual_seed(1)
    total = count = 0
    for start in range(0, len(rows), 100):
        y = torch.from_numpy(rows.take(np.arange(start, min(start + 100, len(rows)))))
        spoiled = Masked(0.15)(y, generator)
        likely = energy.conditional(spoiled.y, spoiled.asked)
        total -= float(likely.gather(1, y[spoiled.asked][:, None]).sum())
        count += int((spoiled.y == HIDDEN_TOKEN).sum())
    energy.train()
    return total / count


def tokens_of(y):
    return int((y >= 0).sum()) + 2 * len(y)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", default="/usr/share/wordnet")
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--rates", type=float, nargs="*", default=[0.0003, 0.001])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    texts = corpora.glosses(options.corpus)
    if texts is None:
        sys.stdout.write(f"skipped: {options.corpus} does not hold WordNet\n")
        return
    learned, held_out = corpora.split(texts, 5000)
    vocabulary = Vocabulary.train(learned, 8000)
    rows = TokenRows(as_texts(learned), vocabulary, 126)
    asked = TokenRows(as_texts(held_out[:2000]), vocabulary, 126)
    steps = round(options.tokens / (TEXTS_A_STEP * (rows.lengths.mean() + 2)))
    order = np.random.default_rng(0).permutation(len(rows))
    batches = [rows.take(order[i * TEXTS_A_STEP :][:TEXTS_A_STEP]) for i in range(steps)]

    step, energy = ours(vocabulary, steps)
    parameters = sum(p.numel() for p in energy.parameters())
    other, model = theirs(vocabulary, steps, 0.0003, parameters)
    counted = sum(p.numel() for p in model.parameters())
    sys.stdout.write(f"parameters: thalweg {parameters}, transformers {counted}\n")
    speeds = {"thalweg": [], "transformers": []}
    for i in range(options.repeats):
        for name, take in (("thalweg", step), ("transformers", other)):
            part = [batches[(10 * i + j) % steps] for j in range(10)]
            begun = time.perf_counter()
            for y in part:
                take(y)
            speeds[name].append(sum(map(tokens_of, part)) / (time.perf_counter() - begun))
    medians = {name: float(np.median(each)) for name, each in speeds.items()}
    for name, each in speeds.items():
        sys.stdout.write(
            f"{name}: {medians[name]:.0f} tokens/s ({min(each):.0f} to {max(each):.0f})\n"
        )
    sys.stdout.write(f"ratio: {medians['thalweg'] / medians['transformers']:.1f}\n")
    sys.stdout.flush()

    seen = sum(map(tokens_of, batches))
    runs = [("thalweg", lambda: ours(vocabulary, steps))]
    runs += [
        (f"transformers, rate {rate:g}", lambda r=rate: theirs(vocabulary, steps, r, parameters))
        for rate in options.rates
    ]
    for name, make in runs:
        step, energy = make()
        begun = time.perf_counter()
        for y in batches:
            step(y)
        took = time.perf_counter() - begun
        loss = held_out_loss(energy, asked)
        sys.stdout.write(f"{name}: loss {loss:.3f} after {seen} tokens, {took:.0f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
