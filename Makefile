# Fenxi's commands. `make run` and `make test` install what they need and say so; nothing else has to be done before.

# Unset or empty: the folder `data` here. Its name is never read by make, and by a shell only as the value of a variable:
# a `$`, a quote or a space in it is just that.
override FENXI_HOME := $(or $(value FENXI_HOME),$(CURDIR)/data)
# The profile that `make run` builds: `release`, or `dev` for a quick build.
PROFILE ?= release
PYTHON ?= python3

export FENXI_HOME PYTHON
# What is built is looked for here, also where this machine's other projects build in one folder.
override CARGO_TARGET_DIR := $(CURDIR)/target
export CARGO_TARGET_DIR

profile_dir = $(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
kernel_env = "$$FENXI_HOME/python"
launch = $(PYTHON) deploy/local/run.py --binaries target/$(profile_dir) --python $(kernel_env)/bin/python

.PHONY: help run run-check build test lint bench bench-kernels soak web kernel-env
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

run: tools run-check kernel-env build ## Install what is missing, build, and run Fenxi on this machine
	@exec $(launch)

# Before the minutes that the environment and the build take.
run-check: tools
	@exec $(launch) --check

build: web ## Build the page and the programs
	@cargo build --quiet --profile $(PROFILE) --bin auth-service --bin analysis-service --bin kernel-supervisor --bin table-reader --bin gateway

test: tools kernel-env ## Install what the tests need and run every check and test
	@exec tests/run all

lint: tools ## Only the checks that run no test: formats, lints, the contract, licences
	@exec tests/run lint

bench: tools kernel-env build ## Measure, print a table, write target/bench/*.jsonl
	@exec tests/bench

bench-kernels: tools kernel-env build ## Measure kernels beside Jupyter's; BENCH=--quick for a short try
	@exec tests/bench_kernels $(BENCH)

soak: tools kernel-env build ## Many users for an hour, then nothing may be left; SOAK="--minutes N --seed N --people N"
	@exec tests/soak $(SOAK)

web:
	@exec deploy/local/web_build

kernel-env:
	@deploy/local/python_env $(kernel_env) $(PYTHON)

.PHONY: tools
tools:
	@deploy/local/tools $(PYTHON)
