# Two commands on a bare Linux machine with Python 3.11: `make` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Keys of config.yaml may be set on the command line: make scale=open motion=cmu budget='{hours: 3}'
# (everything is passed on, so that the workflow refuses unknown keys; in quotes, because values may hold blanks and braces).
GIVEN := $(filter-out PYTHON VENV of,$(sort $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))))
CHOICES := $(foreach name,$(GIVEN),'$(name)=$(subst ','\'',$(value $(name)))')
DOTTED := $(strip $(foreach name,$(GIVEN),$(if $(findstring .,$(name)),$(name))))
$(if $(DOTTED),$(error $(DOTTED): no key of config.yaml; write a key inside another as make budget='{hours: 3}'))
SNAKEMAKE := $(BIN)/python -m workflow run
CONFIG := $(if $(CHOICES),--config $(CHOICES))

ifneq ($(words $(wildcard Makefile Snakefile requirements.txt)),3)
$(error this folder is not a checkout; run `make -C $(dir $(lastword $(MAKEFILE_LIST)))`)
endif
ifneq ($(words $(VENV)),1)
$(error VENV=$(VENV): name a path without blanks)
endif

# Kernels, fonts and packages are kept between runs in the home folder, or here if it cannot be written to. A home folder
# is never created.
ifneq ($(shell cache="$${XDG_CACHE_HOME:-$${HOME:-/nowhere}/.cache}"; mkdir "$$cache" 2>/dev/null; test -w "$$cache" && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.cache
export SSMPOSE_CACHE ?= $(CURDIR)/.cache/ssmpose
export MPLCONFIGDIR ?= $(CURDIR)/.cache/matplotlib
export TRITON_CACHE_DIR ?= $(CURDIR)/.cache/triton
endif

# Bytecode is written when a file is first imported, not for every file while pip installs, which would double the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := all
.PHONY: data bill doctor record verify all tables orders figures audit site efficiency scaling train regression baseline counts explain open plan resume env setup test search lint format benchmark clean help

all tables orders figures audit site efficiency scaling train: env  ## run the workflow up to that point (all: every table, figure and page)
	@$(SNAKEMAKE) $@ $(CONFIG)

open: site  ## open the site in a browser
	@$(BIN)/python -m workflow open

record: env  ## train missing records and keep them: make record scale=small motion=cmu (stop it at any time)
	@$(SNAKEMAKE) record $(CONFIG)

verify: env  ## evaluate the records again and check their results: make verify motion=cmu
	@$(SNAKEMAKE) verify $(CONFIG)

# These two take no choices: the baseline is that of config.yaml as committed.
regression: env  ## compare today's numbers with baselines/quick-cpu.csv
	@$(SNAKEMAKE) regression

baseline: env  ## make today's numbers the baseline: make baseline reason="why"
	@test -n "$$reason" || { echo 'error: give the reason for the new baseline: make baseline reason="..."' >&2; exit 1; }
	@$(SNAKEMAKE) watched --config seeds=0,1,2
	@$(BIN)/python -m workflow gate --accept "$$reason"
	@$(BIN)/python -m workflow counts

counts: env  ## count the changed networks again and keep the counts in baselines/
	@$(BIN)/python -m workflow counts

bill: env  ## estimate hours and disk of the remaining runs
	@$(BIN)/python -m workflow bill $(CHOICES)

doctor: env  ## check data, environment, device, kernels and disk
	@$(BIN)/python -m workflow doctor $(CHOICES)

data: env  ## download the public part of the papers' data, and list what you must fetch yourself
	@$(BIN)/python -m workflow data $(of) $(CHOICES)

explain: env  ## explain why a number changed: make explain a=RUN b=RUN
	@$(BIN)/python -m workflow explain $(a) $(b)

plan: env  ## show what would run, why, and for about how long
	@$(BIN)/python -m workflow plan $(CHOICES)

resume: env  ## continue after a kill: clear what the dead run left, then run `all`
	@$(BIN)/python -m workflow resume
	@$(SNAKEMAKE) all $(CONFIG)

# Checked every time, because a finished environment may stop working: its folder is moved, or its Python removed.
env:
	@why=$$($(BIN)/python -P workflow/place.py check $(VENV) 2>/dev/null) || WHY="$$why" $(MAKE) --no-print-directory setup

# .ready comes last, so that a killed installation is never taken for a finished one.
setup:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) workflow/place.py before $(VENV) "$$WHY"
	@echo "setting up $(VENV)$${WHY:+, which $$WHY} (about a minute with a warm package cache)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(VENV)/.ready

test: env  ## run all tests, including slow ones
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone"
	@$(BIN)/python -m pytest -m alone

search: env  ## test examples drawn at random; make search seed=7 draws the same again
	@$(BIN)/python tests/search.py $(seed)

lint: env  ## run ruff, snakefmt and Snakemake's own lint
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/python -m workflow lint

format: env  ## apply the formatting that lint checks
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow/rules

benchmark: env  ## time kernels and networks side by side (about ten minutes); writes results/benchmarks.md
	@mkdir -p results
	@$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-quiet --benchmark-json=results/benchmarks.json -v
	@$(BIN)/python tests/benchmarks/table.py results/benchmarks.json results/benchmarks.md

clean:  ## remove results, prepared data and the environment; downloads in data/raw stay
	@for folder in results data/prepared .snakemake .cache $(VENV); do \
	    case "$$(realpath -m "$$folder")" in \
	        "$$(pwd -P)"/*) rm -rf "$$folder" ;; \
	        *) echo "$$folder is outside of this checkout and stays: $$(realpath -m "$$folder")" ;; \
	    esac; done

help:  ## print this list
	@grep -hE '^[a-z ]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 40
