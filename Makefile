# The companion's commands. `make` alone lists them. TF=1.15 uses the second lane.
PYTHON3 ?= python3
TF ?= 1.13
VENV := $(if $(filter 1.15,$(TF)),.venv-tf1.15,.venv)
PYTHON := $(VENV)/bin/python
WORKERS ?= 2
E ?= capsule_rnn tfts_births tacotron deblurgan attgan threads
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help env demo try test test-fast hard lint format bench births capsule tacotron deblurgan attgan gallery index results env-check clean

help:  ## this list
	@grep -hE '^[a-z -]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

env:  ## set up the environment (every other target does so by itself)
	@$(PYTHON3) tools/setup_env.py --tf $(TF)

demo: env  ## run all five examples at preset tiny on generated samples, build the gallery
	@$(PYTHON) tools/demo.py

try: env  ## a local page: your own text, series, sentence, photo, face
	@$(PYTHON) -W ignore -m tools.try_page.server

births capsule tacotron deblurgan attgan: env  ## one example at preset tiny
	@$(PYTHON) tools/demo.py $@

test: env lint  ## every test
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup -m "not hard" tests

test-fast: env lint  ## pure functions and graphs only
	$(PYTHON) -m pytest -n $(WORKERS) -m "not slow and not script and not real and not hard" tests

hard: env  ## kill, fill, break and feed nonsense to every example, train each for 2,000 steps (hours)
	@rm -rf output/hard/figures.jsonl output/hard/long
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup -m hard tests
	$(PYTHON) tests/benchmarks/long_runs.py

bench: env  ## speed and memory of the listings and ours, in turns; E=deblurgan: one example; BENCH=--quick: does it run?
	@for example in $(E); do $(PYTHON) tests/benchmarks/bench_$$example.py $(BENCH) || exit $$?; done

lint: env  ## check style and format
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

format: env  ## mend style and format
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

gallery: env  ## one page of all runs below output/
	@$(PYTHON) tools/gallery.py

index: env  ## INDEX.md anew: every printed name, file and line
	@$(PYTHON) tools/index.py

results: env  ## RESULTS.md and results/*.md anew from the records in results/
	@$(PYTHON) tools/results.py

env-check: env  ## OK or FAIL for each requirement, to paste when asking for help
	@$(PYTHON) tools/env_check.py

clean:  ## remove what was generated; downloads and trained models stay
	rm -rf .ruff_cache .pytest_cache data/samples
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
