# Every target works as the very first command after a clone: it makes the environment if there is none.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install bench train test gpu check long lint types layers speed learn cull kills coverage tensorboard clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

install: $(READY)  ## Make the environment (.venv) with everything in it

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

bench: $(READY)  ## Benchmark siamese, ava and iqa on the sample photos (ARGS="data=folder data.root=DIR" for yours)
	$(BIN)/python -m iqbench.bench -m model=siamese,ava,iqa $(ARGS)

train: $(READY)  ## Train siamese on degraded sample photos, for a try (ARGS="model=ava trainer.max_epochs=2")
	$(BIN)/python -m iqbench.train $(ARGS)

# One thread each: there is a process per core, and threads that wait for one another cost more than they give.
test: $(READY)  ## Run the tests and the examples in the docstrings
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

long: $(READY)  ## Run the tests that take minutes each, which make test leaves out
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --numprocesses=auto --maxprocesses=4 --dist=worksteal $(ARGS)

gpu: $(READY)  ## Run the tests that need an NVIDIA GPU, which make test hides from the others
	$(BIN)/python -m pytest -m gpu $(ARGS)

check: lint types layers  ## Everything that CI checks: format, lint, types, layers, all tests
	$(MAKE) test ARGS="-m 'slow or not slow' $(ARGS)"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

speed: $(READY)  ## Time iqbench against the plain loop, pictures, the Python around a network, a sweep, training steps, telemetry
	$(BIN)/python tests/speed/compare.py $(ARGS)
	$(BIN)/python tests/speed/pictures.py $(ARGS)
	$(BIN)/python tests/speed/host.py
	$(BIN)/python tests/speed/training.py $(ARGS)
	$(BIN)/python tests/speed/sweep.py $(ARGS)
	$(BIN)/python tests/speed/telemetry_cost.py

learn: $(READY)  ## Show that training learns labels that can be seen, and none that cannot (about a quarter of an hour)
	$(BIN)/python tests/proof/learning.py $(ARGS)

cull: $(READY)  ## Plant series of damaged copies and show whether their best is ranked first (ARGS="--photos DIR")
	$(BIN)/python tests/proof/culling.py $(ARGS)

kills: $(READY)  ## Kill a benchmark 20 times and show that nothing is lost (ARGS="--photos DIR")
	$(BIN)/python tests/proof/kills.py $(ARGS)

coverage: $(READY)  ## Show that the intervals hold what they promise, on simulated benchmarks (ARGS=--quick: 3 minutes)
	$(BIN)/python tests/proof/coverage $(ARGS)

tensorboard: $(READY)  ## Show the training curves below results/
	$(BIN)/tensorboard --logdir results

clean:  ## Remove the environment and caches, but no results
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
