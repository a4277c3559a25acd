"""Ten million rows x 16 through the command line: rows a second, and memory beyond the libraries.

python benchmarks/long_table.py [--rows 10000000] [--method kmeans] [--csv] [--fit-rows N]

float32 columns from a fixed seed, written in pieces; a model is fitted on the file (``--fit-rows``:
on its first rows) and asked for energies of all rows, and for completions where 2% of the cells
are hidden. Rows a second are those of the whole process, its start included. Memory beyond the
libraries is the peak of a verb less that of the same verb on 1,000 rows. Order: the first column
of what is completed is a function of the row number, and energies of rows at the start, in the
middle and at the end are those of the same rows alone. The bars, for K-means and Parquet: 500 MiB,
500,000 rows a second, order kept. Writing takes 64 bytes of disk a row, and as much for gaps.
"""

import argparse
import platform
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from measured import thalweg

D, PIECE, SMALL = 16, 250_000, 1000
RATE, MEMORY = 500_000, 500
NAMES = [f"c{j}" for j in range(D)]


def marks(start, n):
    """The first column: a function of the row number that looks like other columns."""
    i = np.arange(start, start + n, dtype=np.int64)
    return ((i * 7919 % 1_000_003) / 125_000 - 4).astype(np.float32)


def rows_of(start, n, hidden):
    """Rows of the table from a fixed seed for each piece: a few clusters in 16 columns."""
    random = np.random.default_rng((start, 17))
    X = random.standard_normal((n, D), dtype=np.float32)
    X += 4 * random.integers(4, size=(n, 1)).astype(np.float32)
    X[:, 0] = marks(start, n)
    gaps = random.random((n, D), dtype=np.float32) < hidden
    gaps[:, 0] = False
    columns = [pl.Series(name, X[:, j]) for j, name in enumerate(NAMES)]
    return pl.DataFrame(
        each.set(pl.Series(gaps[:, j]), None) if gaps[:, j].any() else each
        for j, each in enumerate(columns)
    )


def write(path, rows, hidden):
    """A table of so many rows; Parquet by row groups, or CSV."""
    if path.suffix == ".csv":
        with path.open("wb") as file:
            for start in range(0, rows, PIECE):
                piece = rows_of(start, min(PIECE, rows - start), hidden)
                piece.write_csv(file, include_header=start == 0)
        return
    import pyarrow.parquet as pq

    schema = rows_of(0, 10, 0.0).to_arrow().schema
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PIECE):
            piece = rows_of(start, min(PIECE, rows - start), hidden)
            writer.write_table(piece.to_arrow().cast(schema))


def part_of(path, start, n):
    scan = pl.scan_csv(path) if path.suffix == ".csv" else pl.scan_parquet(path)
    return scan.slice(start, n).collect()


def put(frame, path):
    (frame.write_csv if path.suffix == ".csv" else frame.write_parquet)(path)


def energies_in_order(folder, model, data, out, rows):
    """Whether rows of three places have the energies that they have alone."""
    n = min(SMALL, rows)
    for start in (0, (rows - n) // 2, rows - n):
        alone, answer = folder / f"alone{data.suffix}", folder / f"alone-out{data.suffix}"
        put(part_of(data, start, n), alone)
        if thalweg("energy", model, alone, "--out", answer, folder=folder).status != 0:
            return False
        expected = part_of(answer, 0, n)["energy"].to_numpy()
        if not np.allclose(part_of(out, start, n)["energy"], expected, rtol=1e-4, atol=1e-4):
            return False
    return True


def completed_in_order(out, rows):
    """Whether the first column is what it was, row by row, and nothing is missing."""
    n = 1_000_000
    for start in range(0, rows, n):
        part = part_of(out, start, n)
        said = part[NAMES[0]].to_numpy().astype(np.float32)
        if not np.array_equal(said, marks(start, min(n, rows - start))):
            return False
        if any(part[name].null_count() or part[name].is_nan().any() for name in NAMES):
            return False
    return True


def ask(verb, folder, model, data, small, rows):
    """A line of the table, and whether the bars hold."""
    out = folder / f"{verb}-out{data.suffix}"
    little = thalweg(verb, model, small, "--out", folder / f"small-out{data.suffix}", folder=folder)
    if little.status != 0:
        return f"| {verb}, {data.suffix} | of {SMALL:,} rows: {little.why()} |", False
    whole = thalweg(verb, model, data, "--out", out, folder=folder, memory=16_384)
    if whole.status != 0:
        return f"| {verb}, {data.suffix} | {whole.why()} |", False
    if verb == "energy":
        kept = energies_in_order(folder, model, data, out, rows)
    else:
        kept = completed_in_order(out, rows)
    out.unlink()
    rate, beyond = rows / whole.seconds, whole.peak - little.peak
    line = (f"| {verb}, {data.suffix} | {whole.seconds:.1f} | {rate:,.0f} | {whole.peak:.0f} "
            f"| {beyond:.0f} | {'kept' if kept else 'NOT kept'} |")  # fmt: skip
    return line, rate >= RATE and beyond <= MEMORY and kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--method", default="kmeans")
    parser.add_argument("--fit-rows", type=int, default=0, help="0: the whole file")
    parser.add_argument("--csv", action="store_true", help="CSV, beside Parquet")
    parser.add_argument("--folder", type=Path, help="where the files are written and removed")
    options = parser.parse_args()
    rows = options.rows
    print(f"{platform.machine()}, Python {platform.python_version()}, {rows:,} x {D} float32, "
          f"{options.method}\n")  # fmt: skip
    print("| what | seconds | rows a second | peak MiB | beyond 1,000 rows, MiB | order |")
    print("|---|---|---|---|---|---|")
    held = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        for ending in (".parquet", ".csv") if options.csv else (".parquet",):
            data, small = folder / f"whole{ending}", folder / f"small{ending}"
            model = folder / "m.safetensors"
            try:
                write(data, rows, 0.0)
            except ImportError as error:
                print(f"{ending} left out: {error}")
                continue
            write(small, SMALL, 0.02)
            learned = data
            if options.fit_rows:
                learned = folder / f"learned{ending}"
                put(part_of(data, 0, options.fit_rows), learned)
            n = options.fit_rows or rows
            little = thalweg("fit", options.method, small, "--out", model, folder=folder)
            fit = thalweg("fit", options.method, learned, "--out", model, folder=folder,
                          memory=16_384)  # fmt: skip
            if fit.status != 0:
                print(f"| fit, {ending} | {fit.why()} |")
                continue
            print(f"| fit, {ending} | {fit.seconds:.1f} | {n / fit.seconds:,.0f} | {fit.peak:.0f} "
                  f"| {fit.peak - little.peak:.0f} | |", flush=True)  # fmt: skip
            for verb, hidden in (("energy", 0.0), ("complete", 0.02)):
                if hidden:
                    write(data, rows, hidden)
                line, held[verb, ending] = ask(verb, folder, model, data, small, rows)
                print(line, flush=True)
            data.unlink()
    print()
    for (verb, ending), each in held.items():
        print(f"{verb} from {ending}: {'the bars hold' if each else 'the bars do not hold'}")


if __name__ == "__main__":
    main()
