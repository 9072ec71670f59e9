# `make` without a target lists all targets.
VENV   := .venv
BIN    := $(VENV)/bin
EXTRA  := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

# With a GPU: the newest Python for which the extra `gpu` can be installed. PYTHON=... chooses another.
SUITS_GPU := import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 15))
ifeq ($(EXTRA)-$(origin PYTHON),gpu-undefined)
PYTHON := $(shell for python in python3.14 python3.13 python3.12 python3; do \
	if $$python -c '$(SUITS_GPU)' >/dev/null 2>&1; then echo $$python; exit; fi; done; echo python3)
endif
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-all lint bench bench-page screenshots environment gpu-setup gpu-rehearsal rehearse-all test-rehearsal clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready-$(EXTRA)  ## install into .venv what demo and test need (GPU libraries too, if nvidia-smi finds a GPU)

ifeq ($(EXTRA),gpu)
define NO_PYTHON
Install one with your system's packages, such as python3.12 and python3.12-venv, and start again. Or fetch one:
  python3 -m venv .venv-uv && .venv-uv/bin/pip install uv && .venv-uv/bin/uv python install 3.13 && \
  make PYTHON="$$(.venv-uv/bin/uv python find 3.13)" setup
endef
define NOT_FOR_GPU
A GPU is here, and $(VENV) was made for the CPU or with an unsuitable Python. Make it anew:
  rm -rf $(VENV) && make setup
endef
export NO_PYTHON NOT_FOR_GPU
define CHECK
@test -e $(BIN)/python || $(PYTHON) -c '$(SUITS_GPU)' 2>/dev/null || { \
	printf 'A GPU is here. Its libraries need Python 3.12, 3.13 or 3.14, with venv and ensurepip; %s is %s.\n' \
		'$(PYTHON)' "$$($(PYTHON) --version 2>&1 || true)"; printf '%s\n' "$$NO_PYTHON"; exit 1; } >&2
@! test -e $(BIN)/python || { ! test -e $(VENV)/.ready-cpu && $(BIN)/python -c '$(SUITS_GPU)'; } || { \
	printf '%s\n' "$$NOT_FOR_GPU"; exit 1; } >&2
endef
else
define CHECK
$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Residency needs Python 3.11 or later: make PYTHON=python3.12 setup")'
endef
endif

$(VENV)/.ready-$(EXTRA): pyproject.toml constraints.txt
	$(CHECK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRA),dev]'
	touch $@

# The quick tasks of the five topics; of each, the fastest CPU library and those that have a GPU side. None first compiles or
# trains for half a minute. So each implementation gets its turn before the budget ends.
DEMO := $(addprefix tabular/,anomaly clustering etl random_forest ridge) timeseries/lag_features ocr/binarise nlp/classify \
	nlp/search nlp/word_count image/preprocess
DEMO_OF := brute_force tree onedal estimator data_frame lazy_frame sql histograms exact_splits normal_equations lag_matrix \
	opencv one_pass ndimage columns kernels matrix_product flat_index image_by_image filters

demo: setup  ## run the quick tasks of all five topics at smoke size, print a report, and write it as a page with charts
	@status=0; \
	$(BIN)/residency run $(DEMO) --implementations "$$(echo $(DEMO_OF) | tr ' ' ,)" \
		--replicates 3 --rounds 4 --budget 170 || status=$$?; \
	printf '\nThe report with all details, as Markdown: '; $(BIN)/residency report --format markdown --output results/runs/demo.md; \
	printf 'As a page for a browser: '; $(BIN)/residency report --format html --output results/runs/demo.html; \
	printf 'To type the commands above, first: source $(BIN)/activate\n'; \
	exit $$status

HANGS := --timeout 400  # seconds, four times as long as the longest test

TESTS := $(BIN)/python -m pytest $(HANGS) --benchmark-disable --durations 15
# More processes than cores, because many tests wait. Slow ones take more memory, so fewer at once.
ASIDE := --dist worksteal --numprocesses
ALONE := --numprocesses 2 --dist loadfile $$(grep -rl --include=test_*.py mark.clock tests)  # each on its own core

# First the tests that do not depend on times, then those that do, with one test at a time on each core.
test: setup  ## run the tests without the slow ones (six minutes on two cores)
	$(TESTS) $(ASIDE) 4 -m 'not clock and not slow'
	$(TESTS) $(ALONE) -m 'clock and not slow'

test-slow: setup  ## run only the slow tests (five seconds or more each)
	$(TESTS) $(ASIDE) 3 -m 'not clock and slow'
	$(TESTS) $(ALONE) -m 'clock and slow'

test-all: setup  ## run all tests, with the slow ones, the contract of every task, and thirty kills instead of six
	$(TESTS) --thorough $(ASIDE) 3 -m 'not clock'
	$(TESTS) --thorough $(ALONE) -m clock

lint: setup  ## check style and types, and list the largest files and functions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/largest.py

bench-page: setup  ## measure how long pages take to make and to draw (needs Chromium)
	$(BIN)/python -m tests.browser.times

screenshots: setup  ## make the pictures of the README in Chromium from a recorded run
	$(BIN)/python -m tests.browser.screenshots

environment: setup  ## make a named environment for single implementations: make environment NAME=xgboost-3.4 [PYTHON=...]
	$(BIN)/python -m residency.runners.environments '$(NAME)' $(if $(filter command line,$(origin PYTHON)),--python '$(PYTHON)')

bench: setup  ## compare the harness with timeit, pyperf and pytest-benchmark; writes results/bench.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pyperf
	$(BIN)/python tests/trials/harness_cost.py | tee results/bench.md

REHEARSAL := $(VENV)-gpu

$(REHEARSAL)/.ready: pyproject.toml constraints.txt
	test -x $(REHEARSAL)/bin/python || $(PYTHON) -m venv $(REHEARSAL)
	$(REHEARSAL)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[rehearsal,dev]'
	touch $@

gpu-setup: $(REHEARSAL)/.ready

gpu-rehearsal: rehearse-all test-rehearsal  ## test GPU implementations without a GPU: real signatures, emulated devices (installs 10 GB)

rehearse-all: gpu-setup
	test -e .envs/polars-gpu/made.json || $(REHEARSAL)/bin/python -m residency.runners.environments polars-gpu
	$(REHEARSAL)/bin/residency rehearse --strict

test-rehearsal: gpu-setup  ## the same in tests: tasks run again after a change of their code or of a library
	$(REHEARSAL)/bin/python -m pytest $(HANGS) --numprocesses 2 --dist loadfile -k 'not own_back_end' \
		tests/runners/test_rehearsal.py tests/test_rehearsed.py  # `make test` runs those on their own back end

clean:  ## remove what was built, and keep the results
	rm -rf $(VENV) $(VENV)-gpu .envs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
