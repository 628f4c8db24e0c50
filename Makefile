# lunaredge: everything a person needs to run, check or measure it. `make help` lists it.
#
# It needs GNU make and a Python of 3.11 or later with venv, and no root. What it installs goes to
# $(VENV); a stamp there depends on pyproject.toml, so that a second run starts at once.
# Words for the program go in ARGS: make demo ARGS="--kill scheduler".

VENV   ?= .venv
ARGS   ?=
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN       := $(VENV)/bin
LUNAREDGE := $(BIN)/lunaredge
SITE      := $(VENV)/.site-installed
DEV       := $(VENV)/.dev-installed
PEERS     := $(VENV)/.bench-installed

.DEFAULT_GOAL := help
.PHONY: help demo test check format sim exhaustive campaign exactness plans power-cut kills bench wheel clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: $(SITE) ## run a whole construction site through an Earth outage (about 3 minutes; the first time some 10 more)
	@$(LUNAREDGE) demo $(ARGS)

test: $(DEV) ## run every test (about 12 minutes; the first time some 10 more)
	@$(LUNAREDGE) doctor --warm --json >/dev/null || true
	@$(BIN)/python -m tests.run $(ARGS)

check: $(DEV) ## check format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy lunaredge
	@$(BIN)/lint-imports --no-logo

format: $(DEV) ## put the code in its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

sim: $(SITE) ## run the site in the seeded simulator; then measure its speed, and what authorities cost
	@$(LUNAREDGE) sim $(ARGS)
	@$(LUNAREDGE) bench sim

exhaustive: $(SITE) ## try every interleaving of two machines and a scheduler (about a minute)
	@$(LUNAREDGE) sim --exhaustive $(ARGS)

campaign: $(SITE) ## run 4,000 seeds of an hour and 100 of a day, from where it was broken off
	@$(LUNAREDGE) sim --campaign --jobs $(JOBS) $(ARGS)

exactness: $(DEV) ## check a million random motions against independent judges (long)
	@$(BIN)/python -m tests.paths.campaign $(ARGS)

plans: $(DEV) ## check the plans of 10,000 drawn sites against an independent judge
	@$(BIN)/python -m tests.placement.campaign $(ARGS)

power-cut: $(DEV) ## cut the power of a node's store 100 times, in 400 places (about 15 seconds)
	@$(BIN)/python -m tests.runtime.power.campaign $(ARGS)

kills: $(DEV) ## kill -9 the processes of a site under load, in 200 rounds (about 12 minutes)
	@$(BIN)/python -m tests.system.kills.campaign $(ARGS)

bench: $(PEERS) ## measure, beside named peers
	@$(LUNAREDGE) bench $(ARGS)

wheel: $(VENV)/pyvenv.cfg ## build the wheel into dist/
	@$(BIN)/pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .
	@ls dist

clean: ## delete what was installed, built or cached here; nothing else
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	@find lunaredge tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@if [ -z "$(PYTHON)" ]; then \
		echo "no Python of 3.11 or later found; install one, or name it: make PYTHON=/path/to/python" >&2; \
		exit 3; fi
	@echo "making a virtual environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "this Python has no venv; on Debian or Ubuntu: apt install python3-venv" >&2; exit 3; }

$(SITE): $(VENV)/pyvenv.cfg pyproject.toml
	@echo "installing lunaredge[site] into $(VENV): 1 to 2 minutes, most of it downloads"
	@$(BIN)/pip --disable-pip-version-check install --quiet --editable '.[site]'
	@touch $@

$(DEV): $(VENV)/pyvenv.cfg pyproject.toml
	@echo "installing lunaredge[site,dev] into $(VENV): 1 to 2 minutes, most of it downloads"
	@$(BIN)/pip --disable-pip-version-check install --quiet --editable '.[site,dev]'
	@touch $(SITE) $@

$(PEERS): $(VENV)/pyvenv.cfg pyproject.toml
	@echo "installing lunaredge[site,bench] into $(VENV): 1 to 2 minutes, most of it downloads"
	@$(BIN)/pip --disable-pip-version-check install --quiet --editable '.[commonroad]'
	@$(BIN)/pip --disable-pip-version-check install --quiet --no-warn-conflicts --editable '.[bench]'
	@touch $(SITE) $@
