# Everything a contributor needs; `make` alone says what there is.
SHELL := /bin/bash
SWIFT_FLAGS := --explicit-target-dependency-import-check error
PROGRAMS := mediator processor simulator mediatorctl mock-broker
JOBS ?= $(shell nproc)
# Release programs carry the Swift library: they run where no Swift is, and call it directly (docs/benchmarks.md).
STATIC_SWIFT := $(if $(wildcard $(dir $(realpath $(shell command -v swift)))../lib/swift_static),--static-swift-stdlib)
# And they are optimised across modules: the engine steps half as fast again.
RELEASE_FLAGS := -c release $(STATIC_SWIFT) -Xswiftc -cross-module-optimization

.PHONY: help deps build release demo test soak drill check format bench clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## Install what is missing: Debian packages, and the broker for demo and tests
	@scripts/deps.sh

build: deps ## Build everything (debug)
	swift build $(SWIFT_FLAGS) -j $(JOBS)

release: deps ## Build the programs (release)
	for product in $(PROGRAMS); do swift build $(SWIFT_FLAGS) $(RELEASE_FLAGS) -j $(JOBS) --product $$product || exit 1; done

demo: deps ## Start everything on loopback and watch it work; Ctrl-C ends it
	@scripts/demo.sh || [ $$? -eq 130 ] # Ctrl-C is how it ends

test: deps ## Run every test: unit, simulation, integration on real servers, end to end
	swift build $(SWIFT_FLAGS) --build-tests -j $(JOBS)
	@scripts/test.sh

soak: deps ## Run SOAK_SEEDS (100,000) seeds of the simulation, optimised
	swift build $(SWIFT_FLAGS) -c release -Xswiftc -cross-module-optimization -Xswiftc -enable-testing --build-tests \
	  --scratch-path .build-soak -j $(JOBS)
	@SIMULATION_SEEDS=$${SOAK_SEEDS:-100000} swift test -c release -Xswiftc -enable-testing --scratch-path .build-soak \
	  --skip-build --filter '^SimulationTests\.SimulationTests/'

drill: deps ## Break everything for real, one thing after the other, and print the table of figures
	swift build $(SWIFT_FLAGS) --build-tests -j $(JOBS)
	@scripts/drill.sh

check: deps ## Format, shell scripts, and a build in which warnings are errors
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks
	for script in scripts/*.sh .ci/run; do bash -n $$script || exit 1; done
	MEDIATOR_CHECK=1 swift build $(SWIFT_FLAGS) --build-tests --scratch-path .build-check -j $(JOBS)

format: ## Format the Swift code in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks

bench: deps ## Measure throughput and latency on this machine (release build)
	@RELEASE_FLAGS="$(RELEASE_FLAGS)" scripts/bench.sh

clean: ## Remove build products (not the installed tools)
	rm -rf .build .build-check .build-soak Benchmarks/.build
