# The two commands that matter: `make run` and `make test`. Each of the rest is one of their parts.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= auto
# What a wheel is made of.
PACKAGE = pyproject.toml hatch_build.py $(shell find src/callrouter -name '*.py' -o -name '*.c')

.PHONY: run test venv lint format compiled bench bench-interpreted instructions stages fuzz mutate image docs clean

run: $(VENV)/.runtime  ## the lab: router, certificates, API
	$(BIN)/callrouter lab $(ARGS)

test: $(VENV)/.dev  ## the whole test suite, on all processors; WORKERS=0 for one process, as a debugger wants it
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

venv: $(VENV)/.dev  ## the virtual environment with everything in it

lint: $(VENV)/.dev  ## style, types, layers, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compiled: build/compiled/.done  ## the wheel with the pure layers compiled, under build/compiled; needs a C compiler

bench: build/compiled/.done build/default/.done  ## the router beside Kamailio and a bare uvloop floor; half an hour, or ARGS=--quick; writes docs/benchmarks
	bench/install.sh
	PYTHONPATH=build/compiled $(BIN)/python -m bench.run $(ARGS)

bench-interpreted: $(VENV)/.dev  ## the same without compiling anything; writes nothing unless ARGS=--output says where
	bench/install.sh
	$(BIN)/python -m bench.run $(ARGS)

instructions: build/compiled/.done  ## instructions per redirect in both forms; ARGS=--check compares with those stored; needs valgrind
	$(BIN)/python -m bench.instructions $(ARGS)

stages: build/compiled/.done  ## microseconds of each stage of a redirect, interpreted and compiled
	$(BIN)/python -m bench.stages $(ARGS)
	PYTHONPATH=build/compiled $(BIN)/python -m bench.stages $(ARGS)

mutate: $(VENV)/.dev  ## mutation testing of the decision; several minutes
	$(BIN)/python -m tests.mutation.run $(ARGS)

fuzz: $(VENV)/.fuzz  ## coverage-guided fuzzing of the router's and the worker's session; ARGS="-max_total_time=600" for longer
	for target in session worker; do \
	  $(BIN)/python fuzz/fuzz_$$target.py -max_total_time=60 -max_len=16384 $(ARGS) fuzz/corpus tests/conformance/vectors/rfc4475 tests/conformance/vectors/edges || exit 1; \
	done

image: $(VENV)/.dev  ## the container image, built by buildah and tested; as root on Debian, see docker/build_image.sh
	docker/build_image.sh $(ARGS)

build/compiled/.done: $(VENV)/.dev $(PACKAGE)
	rm -rf build/compiled build/wheel build/source
	mkdir -p build/source
	cp -r src pyproject.toml hatch_build.py README.md LICENSE build/source/  # mypyc leaves its extensions beside the sources
	HATCH_BUILD_HOOKS_ENABLE=true $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel ./build/source
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/compiled build/wheel/callrouter-*.whl
	@touch $@

build/default/.done: $(VENV)/.dev $(PACKAGE)  # what pip makes of the sources
	rm -rf build/default
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/default .
	@touch $@

docs: $(VENV)/.dev  ## the pages that are made from the code
	$(BIN)/python -m callrouter.settings.reference > docs/reference/settings.md
	$(BIN)/python -m callrouter.sources.reference > docs/reference/directory.md
	$(BIN)/python docs/generate_reasons.py > docs/reference/reasons.md
	$(BIN)/python -m tests.conformance.page > docs/reference/conformance.md

clean:
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)"; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ $(VENV)/.runtime

$(VENV)/.fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[fuzz]"
	@touch $@
