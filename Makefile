# One command for each thing one does here; every one of them sets itself up.
UV_VERSION := 0.13.9
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVES := $(VENV)/.serves
STAMP := $(VENV)/.installed
INSTALL := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --system-certs

# Where it is set, every worker compiles all of torch's Python anew: 20 seconds of CPU each.
unexport PYTHONDONTWRITEBYTECODE

LOCK := $(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml

STACK := $(BIN)/python -m deploy.stack
# A file's tests share servers, so they stay together. Most of them wait: hence two processes more than cores, and
# the order of the folders, in which those that only compute come last and leave nobody idle behind them.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(6, (os.cpu_count() or 1) + 2))')
PARALLEL := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
# Each with real servers of its own, which compute, too.
STACKS ?= $(shell $(PYTHON) -c 'import os; print(min(6, (os.cpu_count() or 1) + 1))')
# Each of them collects what it runs a part of: not what holds no such test, as `tests/conftest.py` makes sure.
NONE_REAL := tests/unit tests/hostile

.PHONY: help setup demo test test-fast test-real test-mongo stack-up stack-down check audit format lock docs bench bench-full bench-gpu bench-growth bench-latency bench-takeover bench-swaps bench-priority bench-rollouts bench-lanes bench-api bench-batches bench-renditions benchmark benchmark-store soak sabotage clean
.DEFAULT_GOAL := help

help:  ## What there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

setup: $(STAMP)  ## Everything into .venv, from the locked and hashed requirements

$(STAMP): requirements.lock $(SERVES)
	@echo "Installing what requirements.lock names into $(VENV) (half a minute, 6 GB: torch with its CUDA libraries) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

# What serves, without torch: all that the demo needs.
$(SERVES): deploy/requirements-serve.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Tagstream needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "Installing what serves into $(VENV) (half a gigabyte) ..."
	@$(INSTALL) --require-hashes -r deploy/requirements-serve.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(SERVES)  ## The main job on sample photographs, with a worker killed in the middle of it
	$(BIN)/tagstream demo

test: setup  ## All tests
	$(BIN)/python -m pytest $(PARALLEL)

test-fast: setup  ## The tests that start no worker processes
	$(BIN)/python -m pytest $(PARALLEL) -m "not e2e and not real"

test-real: setup  ## The tests over Apache Kafka, a MongoDB-wire server and versitygw (JDK 17, Maven and Go)
	$(BIN)/python -m pytest $(PARALLEL) -n $(STACKS) -m real $(NONE_REAL:%=--ignore=%)

test-mongo: setup  ## Contract suite and crash matrix over a server of yours; URL=mongodb://..., ONLY=contract
	@$(BIN)/python -m tests.other_mongo $(or $(URL),$(error say which server: make test-mongo URL=mongodb://...)) $(if $(ONLY),--$(ONLY))

stack-up: setup  ## Those servers in the background, on loopback; says how to use them
	@$(STACK) up

stack-down: setup  ## Stop them; what they hold stays in .stack/
	@$(STACK) down

check: setup  ## Format, lint, types, who may import whom, the compose file; needs no network
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

audit: setup  ## Known vulnerabilities of the locked versions; asks OSV, else PyPI
	$(BIN)/python -m deploy.audit

format: setup  ## Write the code the way `check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup  ## Resolve pyproject.toml anew, keeping what can stay
	$(LOCK) --extra dev -o requirements.lock
	$(LOCK) --extra build -c requirements.lock -o deploy/requirements-serve.lock
	$(LOCK) --extra build --extra gpu -c requirements.lock -o deploy/requirements-gpu.lock

docs: setup  ## Write the generated parts of the README and of docs/ anew, the schemas too
	$(BIN)/python -m tools.reference README.md docs
	$(BIN)/tagstream schemas --output docs/schemas

soak: setup  ## Steady traffic and random faults over real servers; MINUTES=3 RATE=20 WORKERS=2 SEED=1 REPORT=soak.html
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),3) --rate $(or $(RATE),20) --workers $(or $(WORKERS),2) \
		--seed $(or $(SEED),1) $(if $(REPORT),--report $(REPORT))

sabotage: setup  ## Break the code on purpose, in a copy, and see the tests turn red; ROW=name for one
	$(BIN)/python -m tests.sabotage $(ROW)

benchmark: setup  ## What a photograph costs, by stage
	$(BIN)/python -m benchmarks

bench: setup  ## As fast as the machine allows? The limit, the system, and what one would pick instead (minutes)
	@$(BIN)/python -m benchmarks.suite $(OPTIONS)

bench-full: setup  ## The same, with more rounds and photographs; OPTIONS="--photographs DIR --page docs/performance.md"
	@$(BIN)/python -m benchmarks.suite --full $(OPTIONS)

bench-growth: setup  ## Does an image cost more where there is more? Backlogs, stores, workers; OPTIONS=--full to a million
	@$(BIN)/python -m benchmarks.growth $(OPTIONS)

bench-latency: setup  ## Upload to tag at 25, 50, 75 and 90 % of what the system can do
	@$(BIN)/python -m benchmarks.latency $(OPTIONS)

bench-takeover: setup  ## How long a killed worker's partitions stand still
	@$(BIN)/python -m benchmarks.takeover $(OPTIONS)

bench-lanes: setup  ## Simulated days: what uploads wait with and without a replay; OPTIONS="--workers 1,2 --rates none,20"
	@$(BIN)/python -m benchmarks.lanes $(OPTIONS)

bench-swaps: setup  ## A model swapped a hundred times under load: what is lost, what it takes, memory
	@$(BIN)/python -m benchmarks.swaps $(OPTIONS)

bench-priority: setup  ## What a replay costs the uploads that come meanwhile
	@$(BIN)/python -m benchmarks.priority $(OPTIONS)

bench-api: setup  ## Predictions over HTTP: throughput, latency and CPU beside LitServe's
	@$(BIN)/python -m benchmarks.api_load $(OPTIONS)

bench-batches: setup  ## What a batch job costs predictions over HTTP, and they cost it
	@$(BIN)/python -m benchmarks.batch_load $(OPTIONS)

bench-rollouts: setup  ## What a shadow and a canary on live uploads cost them
	@$(BIN)/python -m benchmarks.rollouts $(OPTIONS)

bench-renditions: setup  ## CPU of a replay from renditions beside one from the originals
	@$(BIN)/python -m benchmarks.renditions $(OPTIONS)

bench-gpu: setup  ## JPEG in, scores out on a GPU: images a second, decoded by processes and on the device
	$(BIN)/python -m benchmarks.gpu $(OPTIONS)

benchmark-store: setup  ## Every query of the MongoDB adapter over the stack's server; SIZES=1000,10000,100000
	$(BIN)/python -m benchmarks.store $(if $(SIZES),--sizes $(SIZES))

clean:  ## Remove the environment and what tools leave behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache demo-report.html
