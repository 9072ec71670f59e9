# One verb a target; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
EXTRA  := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-all lint bench gpu-setup gpu-rehearsal rehearse-all test-rehearsal clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready-$(EXTRA)  ## make .venv with what demo and test need (with the GPU libraries where nvidia-smi finds a GPU)

$(VENV)/.ready-$(EXTRA): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Residency needs Python 3.11 or later: make PYTHON=python3.12 setup")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRA),dev]'
	touch $@

# The quick tasks of the five topics: none of these compiles or trains for half a minute first.
DEMO := $(addprefix tabular/,anomaly clustering etl gradient_boosting random_forest ridge) timeseries/lag_features \
	image/classify image/preprocess ocr/binarise nlp/classify nlp/search nlp/word_count

demo: setup  ## the quick tasks of all five topics at smoke size, some on real data too, then a report
	@status=0; \
	$(BIN)/residency run $(DEMO) --dataset generated --dataset digits --dataset shaded_text \
		--replicates 3 --rounds 4 --budget 200 || status=$$?; \
	printf '\nThe same report as a file: '; $(BIN)/residency report --format markdown --output results/runs/demo.md; \
	exit $$status

HANGS := --timeout 400  # seconds; the longest test takes a quarter of it

TESTS := $(BIN)/python -m pytest $(HANGS) --benchmark-disable --durations 15
ASIDE := --numprocesses 3 --dist worksteal  # on two cores: many tests wait
ALONE := --numprocesses 2 --dist loadfile $$(grep -rl --include=test_*.py mark.clock tests)  # on a core each

# First what is only right or wrong, then what listens to the clock, on a core each.
test: setup  ## the tests, without the slow ones: six minutes on two cores
	$(TESTS) $(ASIDE) -m 'not clock and not slow'
	$(TESTS) $(ALONE) -m 'clock and not slow'

test-slow: setup  ## the slow tests: what takes more than some ten seconds
	$(TESTS) $(ASIDE) -m 'not clock and slow'
	$(TESTS) $(ALONE) -m 'clock and slow'

test-all: setup  ## every test: the slow ones, the contract of every task, and thirty kills in place of six
	$(TESTS) --thorough $(ASIDE) -m 'not clock'
	$(TESTS) --thorough $(ALONE) -m clock

lint: setup  ## style and types; and the largest files and functions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/largest.py

bench: setup  ## the harness's own benchmark, beside timeit, pyperf and pytest-benchmark; writes results/bench.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pyperf
	$(BIN)/python tests/trials/harness_cost.py | tee results/bench.md

REHEARSAL := $(VENV)-gpu

$(REHEARSAL)/.ready: pyproject.toml constraints.txt
	test -x $(REHEARSAL)/bin/python || $(PYTHON) -m venv $(REHEARSAL)
	$(REHEARSAL)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[gpu,dev]'
	touch $@

gpu-setup: $(REHEARSAL)/.ready

gpu-rehearsal: rehearse-all test-rehearsal  ## every GPU implementation without a GPU: real signatures, emulated devices (seven gigabytes)

rehearse-all: gpu-setup
	$(REHEARSAL)/bin/residency rehearse --strict

test-rehearsal: gpu-setup
	$(REHEARSAL)/bin/python -m pytest $(HANGS) -k 'not own_back_end' tests/runners/test_rehearsal.py  # `test` has those

clean:  ## remove what was built; results stay
	rm -rf $(VENV) $(VENV)-gpu build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
