# `make demo` runs the demo, `make test` runs all checks; both set up the environment first.
# Needs Python 3.11 or newer (with venv), make and git. PYTHON=/path/to/python chooses the interpreter.

SHELL := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := help

BIN := .venv/bin
READY := .venv/.ready
PLUGINS := $(filter-out plugins/arbkit-speed/%,$(wildcard plugins/*/pyproject.toml))
PACKAGES := arbkit $(PLUGINS:plugins/%/pyproject.toml=%)
WORKSPACE := pyproject.toml uv.lock $(PLUGINS)

# arbkit-speed needs a C compiler: `make speed` installs it, and `make setup` keeps it then.
SPEED := plugins/arbkit-speed
COMPILER = cc --version >/dev/null 2>&1 && test -f "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"
SYNC = $(BIN)/uv sync --locked --quiet --all-packages --python $(BIN)/python

# uv uses .venv with its Python, and never downloads another one.
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help setup demo test speed sanitize compiled format lint types floors tests long matrix bounds chaos crash day soak bench peers history clients api-cost browser chromium size dist sbom lock clean

help:
	@echo "make demo     trade on simulated exchanges (no keys, no network)"
	@echo "make test     all checks: format, lint, strict types, import layers, tests and docs examples"
	@echo "make long     the tests that try every place where make test tries a sample (TESTS=tests/venues)"
	@echo "make speed    build and install arbkit-speed, the compiled order books (needs a C compiler)"
	@echo "make sanitize the tests of arbkit-speed in a build that checks each access to memory (gcc or clang)"
	@echo "make matrix   the tests on every Python from 3.11 that is found, one line each (TESTS=tests/core)"
	@echo "make bounds   the tests on the oldest and the newest dependencies that are allowed (BOUNDS=highest TESTS=tests/core)"
	@echo "make chaos    many seeds in bad weather, in virtual time, each safeguard off, then venues that lie (SEEDS=0..499 JOBS=2)"
	@echo "make crash    real processes killed at twelve points, with and without a power failure (RUNS=10 JOBS=2)"
	@echo "make day      a day of all venues in virtual time: planned and unplanned ends of connections (HOURS=25)"
	@echo "make soak     all venues over loopback for a while: memory and its slope, reconnects, ledgers (MINUTES=20)"
	@echo "make bench    measure the speed, and run the tests that judge it (on an otherwise idle machine)"
	@echo "make peers    the same book frames through arbkit, cryptofeed and ccxt.pro, in an environment of their own"
	@echo "make history  a history of a million deals: its size, a rebuild, and how fast it is read; what it costs a run (DEALS=100000)"
	@echo "make api-cost what the API and five clients cost the way from tick to order (on an otherwise idle machine)"
	@echo "make clients  other people's clients on the simulated venues, in environments of their own (CLIENTS=pybit)"
	@echo "make browser  the dashboard in chromium: its tests, its speed, and pictures of all pages in dist/screens"
	@echo "make size     lines per venue package, and the share of code that they have in common"
	@echo "make dist     build wheels and sdists of all packages into dist/"
	@echo "make sbom     the bill of materials of all packages (CycloneDX) in dist/sbom.json, from uv.lock"
	@echo "make lock     update uv.lock from pyproject.toml"
	@echo "make clean    remove the environments, dist and caches"

setup: $(READY)

$(READY): $(WORKSPACE)
	@python=$$(.ci/python) && \
	if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		rm -rf .venv && "$$python" -m venv .venv; \
	fi
	@version=$$(sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock) && \
	if ! $(BIN)/uv --version 2>/dev/null | grep -qF "uv $$version"; then \
		$(BIN)/python .ci/pinned.py uv > .venv/pinned.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/pinned.txt; \
	fi
	@$(SYNC) $(if $(wildcard .venv/.speed),--extra speed)
	@touch $@

speed: $(READY)
	@$(COMPILER) || { echo "arbkit-speed needs a C compiler (cc) and the header files of Python (python3-dev)" >&2; exit 1; }
	@$(SYNC) --extra speed
	@touch .venv/.speed
	@$(BIN)/python -c 'from arbkit.core.market import speed; print("order books:", speed.USED)'

demo: $(READY)
	@$(BIN)/arbkit demo

test: format lint types floors compiled tests

format: $(READY)
	$(BIN)/ruff format --check
lint: $(READY)
	$(BIN)/ruff check
types: $(READY)
	$(BIN)/mypy
floors: $(READY)
	$(BIN)/python .ci/floors.py
tests: $(READY)
	@# the examples of a page build on each other, so one process runs them
	$(BIN)/pytest -q docs README.md
	@# each worker begins with one half, so that a module's fixtures are made once; who is done takes from the other
	$(BIN)/pytest -q -n 2 --dist worksteal tests plugins

# The suite runs with the Python ladder, as after a plain install, and once more with the compiled one where books are made.
tests: export ARBKIT_SPEED := off
compiled: $(READY)
	@if $(COMPILER); then $(SYNC) --extra speed && touch .venv/.speed && $(BIN)/pytest -q -m 'not compiled and not quiet and not long' $(BOOKS); \
	else echo "no C compiler: the compiled ladder and rows are not tested"; fi
BOOKS := tests/core/market tests/venues/test_recordings.py

# the tests of arbkit-speed with a build that stops at the first wrong access, undefined behaviour or leak
sanitize: speed
	@$(SPEED)/tests/sanitize

TESTS ?= tests plugins
long: $(READY)
	$(BIN)/pytest -q -n 2 --dist worksteal -m long $(TESTS)

PYTHONS ?=
BOUNDS ?=
matrix: $(READY)
	@PYTHONS="$(PYTHONS)" .ci/matrix $(TESTS)

bounds: $(READY)
	@BOUNDS="$(BOUNDS)" .ci/bounds $(TESTS)

SEEDS ?= 0..99
JOBS ?= 2
chaos: $(READY)
	@for profile in calm rough storm; do \
		for deals in pair staged triangle chain; do \
			$(BIN)/arbkit chaos --seeds $(SEEDS) --jobs $(JOBS) --profile $$profile --kinds foundation --deals $$deals || exit 1; \
		done; \
	done
	@for profile in calm rough storm; do $(BIN)/arbkit chaos --seeds $(SEEDS) --jobs $(JOBS) --profile $$profile; done
	@$(BIN)/python tests/chaos/hunt.py
	@$(BIN)/python tests/chaos/hostile.py

RUNS ?= 10
crash: $(READY)
	@$(BIN)/python tests/live/crash_runs.py --runs $(RUNS) --jobs $(JOBS)

HOURS ?= 25
day: $(READY)
	@$(BIN)/python tests/chaos/day.py --hours $(HOURS)

MINUTES ?= 20
soak: $(READY)
	@$(BIN)/python tests/live/soak.py --minutes $(MINUTES)

bench: $(READY)
	@for name in frame "frame --live" scale order tick-to-order saturate floats; do $(BIN)/arbkit bench $$name; done
	@$(BIN)/pytest -q -m quiet

peers: $(READY)
	@.ci/peers

DEALS ?= 1000000
history: $(READY)
	@$(BIN)/python tests/history/million.py --deals $(DEALS)
	@$(BIN)/python tests/history/tick_cost.py

# what the API and five clients cost the trading loop
api-cost: $(READY)
	@$(BIN)/python tests/monitor/api/cost.py

CLIENTS ?=
clients: $(READY)
	@$(BIN)/python tests/clients/run.py $(CLIENTS)

SCREENS ?= dist/screens
browser: $(READY)
	@$(BIN)/python -c 'import shutil, sys; sys.exit(0 if shutil.which("chromium") else "chromium was not found: apt-get install chromium")'
	@ARBKIT_SCREENSHOTS=$(SCREENS) $(BIN)/pytest -q -s -m 'quiet or not quiet' tests/browser
	@echo "pictures of all pages: $(SCREENS)"

# for the machine that runs the checks: somebody who is not root, or without apt-get, installs it as they like
chromium:
	@.ci/chromium

size: $(READY)
	@$(BIN)/python tests/size.py

dist: $(READY)
	rm -rf dist
	@for package in $(PACKAGES); do $(BIN)/uv build --quiet --no-build-isolation --package $$package --out-dir dist --python $(BIN)/python; done
	@$(BIN)/uv build --quiet --no-build-isolation --sdist $(SPEED) --out-dir dist --python $(BIN)/python
	@if $(COMPILER); then $(BIN)/uv build --quiet --no-build-isolation --wheel $(SPEED) --out-dir dist --python $(BIN)/python; \
	else echo "no C compiler: no wheel of arbkit-speed"; fi
	@rm -f dist/.gitignore
	@ls -1 dist

sbom: $(READY)
	@mkdir -p dist
	@$(BIN)/uv export --quiet --frozen --offline --no-dev --all-packages --format cyclonedx1.5 --output-file dist/sbom.json
	@ls -1 dist/sbom.json

lock:
	@# a changed pyproject.toml fails the setup until the lock is written, but uv is installed before that
	@test -x $(BIN)/uv || $(MAKE) setup || test -x $(BIN)/uv
	$(BIN)/uv lock --default-index https://pypi.org/simple

clean:
	rm -rf .venv .venv-* .clients dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
