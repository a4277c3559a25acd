"""On a GPU: first right, then fast. One table, in 8 minutes at most, without a network.

python benchmarks/gpu.py [--out gpu] [--device cuda] [--minutes 8] [--quick]

Right: every estimator, objective and sampler once on the device, answers held against the CPU's
within float32 (`gpu_rows.py` says what that is); a checkpoint that a run goes on from; mixed
precision. TF32, which is no float32, is off for these. Fast: K-means, mixture, sparse codes, chains
(as they are, in CUDA graphs, compiled), contrastive steps, the masked language model beside
transformers', the image models; each beside the plainest torch that does the same, torch's own
settings. Medians, the first call left out.

The folder gets gpu.md, gpu.json and gpu.log, written anew after every row. A row that fails is
said with its error, in full in gpu.log, and the others go on; one that would start after --minutes
is not run. Exit status 1 if a row failed or differed. Without a GPU nothing is run, and said so;
--device cpu --quick tries the script itself.
"""

import argparse
import gc
import json
import logging
import os
import platform
import sys
import time
import warnings
from pathlib import Path

import gpu_fast
import gpu_right
import torch
from gpu_rows import Found, NotRun, Where, in_short

import thalweg

LOG = logging.getLogger("gpu")

COLUMNS = ("part", "what", "result", "ours", "plain torch", "times as fast", "ours on the CPU",
           "MiB", "s", "note")  # fmt: skip


def machine(device):
    """What it ran on, by name."""
    about = {
        "thalweg": thalweg.__version__, "torch": torch.__version__,
        "python": platform.python_version(), "cpu cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "device": str(device),
    }  # fmt: skip
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        about |= {
            "card": torch.cuda.get_device_name(device), "CUDA": torch.version.cuda,
            "compute capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
            "memory": f"{card.total_memory / 2**30:.0f} GiB",
        }  # fmt: skip
    return about


def precise(part):
    """Products in float32 for what has to be right; torch's own settings for what is timed."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = part == "fast"


def ran(row, where):
    """A row run: a list of Found, what it took, and the memory that it had at its height."""
    cuda = where.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(where.device)
    begun = time.perf_counter()
    try:
        precise(row.part)
        found = row.run(where)
        where.synchronize()
    except NotRun as reason:
        found = Found(note=f"not run: {reason}")
    except Exception as error:
        LOG.exception("%s: %s", row.part, row.name)
        found = Found(failed=True, note=in_short(error))
    took = time.perf_counter() - begun
    most = torch.cuda.max_memory_allocated(where.device) / 2**20 if cuda else None
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    return found if isinstance(found, list) else [found], took, most


def result_of(found):
    """One word for the table."""
    if found.note.startswith("not run"):
        return "not run"
    return "failed" if found.failed else "fine" if found.fine else "differs"


def entries(row, found, took, most):
    """What is written of a row."""
    for each in found:
        yield {
            "part": row.part, "what": row.name if each.name is None else f"{row.name}: {each.name}",
            "result": result_of(each), "ours": each.ours, "plain torch": each.plain,
            "times as fast": each.ratio, "ours on the CPU": each.cpu, "unit": each.unit,
            "MiB": most, "s": took, "note": each.note,
        }  # fmt: skip


def shown(entry, column):
    """A cell of the table."""
    value = entry[column]
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("|", "/").replace("\n", " ")
    if column in ("ours", "plain torch", "ours on the CPU"):
        return f"{value:,.3g} {entry['unit']}" if value < 1000 else f"{value:,.0f} {entry['unit']}"
    return (
        f"{value:.0f}" if column == "MiB" else f"{value:.2f}" if column != "s" else f"{value:.1f}"
    )


def write(folder, about, table):
    """The table so far, for people and for programs."""
    counted = {word: sum(e["result"] == word for e in table) for word in
               ("fine", "differs", "failed", "not run")}  # fmt: skip
    lines = [
        "# On a GPU", "", ", ".join(f"{name}: {value}" for name, value in about.items()), "",
        ", ".join(f"{count} {word}" for word, count in counted.items()), "",
        f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|",
        *(f"| {' | '.join(shown(entry, c) for c in COLUMNS)} |" for entry in table), "",
    ]  # fmt: skip
    (folder / "gpu.md").write_text("\n".join(lines), encoding="utf-8")
    found = json.dumps({"machine": about, "rows": table}, indent=1)
    (folder / "gpu.json").write_text(found + "\n", encoding="utf-8")


def run_all(rows, where, about):
    """Every row in turn, as long as there is time."""
    table = []
    for row in rows:
        if where.left() <= 0:
            found, took, most = [Found(note="not run: out of time")], 0.0, None
        else:
            found, took, most = ran(row, where)
        for entry in entries(row, found, took, most):
            table.append(entry)
            cells = " | ".join(shown(entry, c) for c in COLUMNS if shown(entry, c))
            sys.stdout.write(f"| {cells} |\n")
        sys.stdout.flush()
        write(where.folder, about, table)
    return table


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder for the table")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    return parser.parse_args()


def main():
    begun, chosen = time.perf_counter(), options()
    device = torch.device(chosen.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.stdout.write(
            "No CUDA device here: nothing was run (--device cpu runs it on the CPU).\n"
        )
        return 0
    if device.index is not None:
        torch.cuda.set_device(device)
    chosen.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=chosen.out / "gpu.log", filemode="w", level=logging.ERROR)
    warnings.simplefilter("ignore")
    where = Where(device, chosen.quick, chosen.out, begun + 60 * chosen.minutes)
    about = machine(device)
    sys.stdout.write(", ".join(f"{name}: {value}" for name, value in about.items()) + "\n")
    table = run_all([*gpu_right.rows(), *gpu_fast.rows()], where, about)
    wrong = [entry["what"] for entry in table if entry["result"] in ("failed", "differs")]
    sys.stdout.write(
        f"{len(table)} rows in {time.perf_counter() - begun:.0f} s, {len(wrong)} wrong; "
        f"{chosen.out / 'gpu.md'}\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
