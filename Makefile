# Every target makes what it needs: a virtual environment with Python >= 3.11, nothing taken from the machine.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest
INSTALL = $(BIN)/pip install --quiet

.PHONY: help demo fast test lint docs package index share models requirements test-all test-slow test-matrix test-pure fuzz mutate bench bench-pickle clean

help:
	@echo "make demo         lock a model, load it, see three refusals"
	@echo "make test         the light test suite"
	@echo "make fast         compile the optional inner loop of the pickle machine beside its source"
	@echo "make lint         ruff and mypy"
	@echo "make docs         the documentation, into site/; any warning fails"
	@echo "make models       our own models against our own modelguard.lock"
	@echo "make index        what is known of checks, commands and formats before they are imported, from themselves"
	@echo "make share        the manual page and the shell completions, from the commands"
	@echo "make package      sdist and wheel, twice, which must be identical"
	@echo "make requirements lock what the other targets install, with hashes, for Python 3.11 to 3.13"
	@echo "make test-all     also the tests that need frameworks (about 1.5 GB of packages)"
	@echo "make test-slow    what takes minutes or installs other packages: real model files, other implementations"
	@echo "make test-matrix  the Hub client in each of its generations"
	@echo "make fuzz         long fuzzing campaigns; SECONDS=600 sets their length"
	@echo "make mutate       take each rule out in turn and expect a test to fail"
	@echo "make test-pure    the tests of the pickle machine without its compiled loop"
	@echo "make bench-pickle the speed beside other scanners, which it installs, into docs/reference/benchmarks/pickle.md"
	@echo "make bench        side-by-side measurements, into docs/reference/benchmarks; MODELGUARD_BENCH_GIB=2 for large models"

$(VENV)/created:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "modelguard needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/demo: $(VENV)/created pyproject.toml requirements/demo.lock
	$(INSTALL) --require-hashes --requirement requirements/demo.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/test: $(VENV)/created pyproject.toml requirements/test.lock
	$(INSTALL) --require-hashes --requirement requirements/test.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

# Without hashes: PyTorch comes from whichever index has a build without CUDA, and builds differ from index to index.
$(VENV)/frameworks: $(VENV)/test requirements/frameworks.txt
	$(INSTALL) --constraint requirements/constraints.txt --requirement requirements/frameworks.txt
	touch $@

models: $(VENV)/test
	$(BIN)/modelguard check
	$(BIN)/modelguard lock --check --locked

index: $(VENV)/test
	$(BIN)/python tools/make_index.py

share: $(VENV)/test
	$(BIN)/python tools/make_share.py

demo: $(VENV)/demo
	$(BIN)/python demo/demo.py

test: $(VENV)/test
	$(PYTEST) -m "not heavy and not slow" -n 2

fast: $(VENV)/test
	$(BIN)/python hatch_build.py

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/docs: $(VENV)/created pyproject.toml requirements/docs.lock
	$(INSTALL) --require-hashes --requirement requirements/docs.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

docs: $(VENV)/docs
	$(BIN)/python tools/make_reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/package: $(VENV)/created requirements/package.lock
	$(INSTALL) --require-hashes --requirement requirements/package.lock
	touch $@

package: $(VENV)/package
	$(BIN)/python tools/build_twice.py

$(VENV)/uv: $(VENV)/created
	$(INSTALL) uv
	touch $@

requirements: $(VENV)/uv
	for set in demo test docs package; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --constraint requirements/constraints.txt pyproject.toml requirements/build.txt \
	  requirements/$$set.txt --output-file requirements/$$set.lock || exit 1; done

test-all: $(VENV)/frameworks
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/frameworks
	$(PYTEST) -m slow
	$(PYTEST) tools/test_interop_signing.py

test-matrix: $(VENV)/test
	$(BIN)/python tools/test_matrix.py

test-pure: $(VENV)/test
	MODELGUARD_PURE=1 $(PYTEST) tests/picklevm -m "not heavy and not slow" -n 2

SECONDS ?= 120
fuzz: $(VENV)/test
	$(BIN)/python tools/fuzz_pickle.py --seconds $(SECONDS) --framework joblib --framework numpy
	$(BIN)/python tools/fuzz_corpus.py build/fuzz-corpus
	$(BIN)/python tools/fuzz_formats.py --corpus build/fuzz-corpus --seconds $(SECONDS) --keep build/fuzz-faults

mutate: $(VENV)/test
	$(BIN)/python tools/mutation_check.py

bench: $(VENV)/frameworks
	$(BIN)/python benchmarks

bench-pickle: fast
	$(BIN)/python benchmarks/bench_pickle.py --page docs/reference/benchmarks/pickle.md

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
