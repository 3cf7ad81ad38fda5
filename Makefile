# `make run` and `make test` set everything up; a second call does nothing that is already done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
ifeq ($(strip $(DAGSTER_HOME)),)
export DAGSTER_HOME := $(CURDIR)/.dagster_home
endif

# The tests write many small files and wait for the disk each time; where there is room in memory, they write there.
ROOMY := $(shell [ -w /dev/shm ] && [ "$$(df -k --output=avail /dev/shm | tail -1)" -ge 4000000 ] && echo /dev/shm)
ifneq ($(ROOMY),)
export PYTEST_DEBUG_TEMPROOT ?= $(ROOMY)
endif

.PHONY: run report test test-slow test-exhaustive check format dev bench-store bench-stats bench-eta bench-chunks bench-enrich bench-tuning scenarios demonstrate durability lock clean

# The pipeline on the real input, and then, in a clone below .story, what comes of many runs: an accepted baseline, a
# change that is refused, a deployment that is blocked and then signed.
run: $(STAMP) .dagster_home/dagster.yaml
	$(BIN)/dagster-ledger run --job enrich_companies --executor in_process
	$(BIN)/python -m tests.demonstrations.story

report: $(STAMP)
	$(BIN)/dagster-ledger report

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not browser and not exhaustive" -n 2 --dist loadgroup

# What takes minutes, or drives a browser (Debian: apt-get install chromium).
test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow or browser" -n 2 --dist loadgroup

# Every fault, every tampering, every mutant and every mutation, where the other tests take samples.
test-exhaustive: $(STAMP)
	$(BIN)/python -m pytest -m exhaustive -n 2 --dist loadgroup

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m assets.snapshot --check

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

dev: $(STAMP) .dagster_home/dagster.yaml
	$(BIN)/dagster dev

# Dagster's own telemetry is off in the home that is made here; a home that is named stays as it is.
.dagster_home/dagster.yaml:
	mkdir -p .dagster_home
	printf 'telemetry:\n  enabled: false\nnux:\n  enabled: false\n' > $@

# The store beside its peers and limits, and the table and chart of docs/performance.md; ten minutes of a quiet machine.
bench-store: $(STAMP)
	$(BIN)/python -m tests.benchmarks.store --write $(ARGS)

# How often the statistics are wrong, beside their peers, and the tables of docs/statistics.md; a quarter of an hour.
bench-stats: $(STAMP)
	$(BIN)/python -m tests.benchmarks.stats $(ARGS)

# How wrong the time left is, on simulated and real runs, and the tables of docs/progress.md; five minutes.
bench-eta: $(STAMP)
	$(BIN)/python -m tests.benchmarks.eta --write $(ARGS)

# Ways to link awards to a registry side by side, and the tables of docs/performance.md; ten minutes.
bench-enrich: $(STAMP)
	$(BIN)/python -m tests.benchmarks.enrich --write $(ARGS)

# What settings do to an enrichment, and the tables of docs/tuning.md; a quarter of an hour.
bench-tuning: $(STAMP)
	$(BIN)/python -m tests.benchmarks.enrich.tuning --write $(ARGS)

# Every requirement as a scenario that is executed, and the table of docs/scenarios.md; two minutes.
scenarios: $(STAMP)
	$(BIN)/python -m tests.scenarios $(ARGS)

# The executors of chunks beside each other, and the table of docs/chunks.md; five minutes of a quiet machine.
bench-chunks: $(STAMP)
	$(BIN)/python -m tests.benchmarks.chunks --write $(ARGS)

# The gate on the benchmark suite: unchanged, with faults, beside busy processors; half an hour of a quiet machine.
demonstrate: $(STAMP)
	place=$$(mktemp -d) && $(BIN)/python -m tests.demonstrations.regressions $$place && \
	  $(BIN)/python -m tests.demonstrations.histories $$place

# Every fault at every system call of the store, and the table of docs/durability.md; ten minutes.
durability: $(STAMP)
	$(BIN)/python -m tests.durability --write docs/durability.md $(ARGS)

lock:
	$(BIN)/uv pip compile pyproject.toml --extra webserver --extra object-stores --extra dask --group dev --python-version 3.11 \
	  --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header \
	  --upgrade -q -o .ci/requirements.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "dagster-ledger needs Python 3.11, 3.12 or 3.13: name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# uv installs the lock in seconds where pip takes a minute; it comes from the lock's own index, by hash. Compiled
# bytecode halves the start of every run where Python does not write it by itself (PYTHONDONTWRITEBYTECODE).
$(STAMP): .ci/requirements.lock pyproject.toml | $(VENV)/bin/python
	grep -A 99 '^uv==' .ci/requirements.lock | awk 'NR > 1 && !/^ / { exit } { print }' > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode .ci/requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(VENV) .dagster_home .ledger .story output build dist
