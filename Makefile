# make demo: set up and run the main job.  make test: set up and run every test.
# make test-lowest: every test with the oldest versions that pyproject.toml allows, on Python 3.11.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
LOWEST := .venv-lowest/bin
LOWEST_STAMP := .venv-lowest/.installed
# make bench DATA="--data-dir DIR": the folder with the data of the benchmarks that need some
DATA ?=
export MPLBACKEND := Agg

.PHONY: install demo test test-lowest check bench docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,check]"
	touch $(STAMP)

demo: install
	$(BIN)/thalweg demo --out demo

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

$(LOWEST_STAMP): pyproject.toml constraints-lowest.txt
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e ".[test]"
	touch $(LOWEST_STAMP)

test-lowest: $(LOWEST_STAMP)
	OMP_NUM_THREADS=1 $(LOWEST)/python -m pytest -n auto --dist worksteal

check: install
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/kmeans_speed.py
	$(BIN)/python benchmarks/kmeans_training.py
	$(BIN)/python benchmarks/mixture_speed.py
	$(BIN)/python benchmarks/sparse_coding_speed.py
	$(BIN)/python benchmarks/ica.py
	$(BIN)/python benchmarks/samplers_speed.py
	$(BIN)/python benchmarks/samplers_kernels.py
	$(BIN)/python benchmarks/samplers_efficiency.py $(DATA)
	$(BIN)/python benchmarks/posteriors.py $(DATA)
	$(BIN)/python benchmarks/contrastive_speed.py
	$(BIN)/python benchmarks/strategies.py
	$(BIN)/python benchmarks/stability.py
	$(BIN)/python benchmarks/rbm.py $(DATA)
	$(BIN)/python benchmarks/inpainting.py
	$(BIN)/python benchmarks/representations.py run --seeds 0
	$(BIN)/python benchmarks/next_frame.py turning
	$(BIN)/python benchmarks/next_frame.py behind
	$(BIN)/python benchmarks/image_training.py speed
	$(BIN)/python benchmarks/image_training.py disk
	$(BIN)/python benchmarks/branches.py --out docs/branches.png
	$(BIN)/python benchmarks/completion.py $(DATA)
	$(BIN)/python benchmarks/filling_speed.py
	$(BIN)/python benchmarks/anomaly.py $(DATA)
	$(BIN)/python benchmarks/denoising.py $(DATA) --out docs/denoising.png
	$(BIN)/python benchmarks/language_speed.py
	$(BIN)/python benchmarks/language_learning.py
	$(BIN)/python benchmarks/language_memory.py
	$(BIN)/python benchmarks/raw_table.py
	$(BIN)/python benchmarks/mixed_tables.py
	$(BIN)/python benchmarks/reading_speed.py
	$(BIN)/python benchmarks/long_table.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/gpu.py

docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	rm -rf docs/lecture docs/reference/generated  # of the library as it is now
	$(BIN)/python -m sphinx -W -b html docs docs/_build

clean:
	rm -rf .venv .venv-lowest demo docs/_build docs/lecture docs/reference/generated
