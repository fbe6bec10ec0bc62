# Everyday commands; each makes what it needs. PYTHON picks the interpreter of the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# one more than two cores: tests wait for processes they start and for the disk
WORKERS ?= 3

.PHONY: demo test lint types imports unit backends coverage format evidence clean

demo: $(VENV)/.run
	$(BIN)/tabsynth demo --out tabsynth-demo

test: lint types imports unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

unit: backends $(VENV)/.dev
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# two workers whose networks take two threads each wait for each other: tests of a second took four
# minutes
unit backends coverage: export OMP_NUM_THREADS = 1

# the reference packages need an older pandas, so their tests have an environment of their own
backends: $(VENV)-sdv/.dev
	$(VENV)-sdv/bin/pytest -n 2 tests/backends

# the tests of `unit` again, half as long more: which lines they run
coverage: $(VENV)/.dev $(VENV)-sdv/.dev
	$(BIN)/coverage erase
	$(VENV)-sdv/bin/pytest -n 2 tests/backends --cov --cov-report= --cov-fail-under=0
	$(BIN)/pytest -n 2 --cov --cov-append --cov-report=term:skip-covered

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# long evidence: writes reports/benchmarks; needs an environment of its own, with the peers
evidence: $(VENV)-bench/.bench $(VENV)-anonymeter/.peer $(VENV)-mostlyai/.peer $(VENV)-arfpy/.peer \
		$(VENV)-smartnoise/.peer $(VENV)-dpmm/.peer $(VENV)-opendp/.peer
	SMARTNOISE_PYTHON=$(VENV)-smartnoise/bin/python DPMM_PYTHON=$(VENV)-dpmm/bin/python \
	OPENDP_PYTHON=$(VENV)-opendp/bin/python ARFPY_PYTHON=$(VENV)-arfpy/bin/python \
	ANONYMETER_PYTHON=$(VENV)-anonymeter/bin/python MOSTLYAI_PYTHON=$(VENV)-mostlyai/bin/python \
	$(VENV)-bench/bin/python -m tests.bench
	$(VENV)-bench/bin/pytest -m evidence

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.run

$(VENV)-sdv/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)-sdv
	$(VENV)-sdv/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-sdv/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)-sdv/bin/python -m pip install --quiet --editable '.[sdv]' pytest pytest-cov pytest-xdist
	touch $@

$(VENV)-bench/.bench: pyproject.toml
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-bench/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)-bench/bin/python -m pip install --quiet --editable '.[sdv,dev]' imbalanced-learn==0.14.2
	touch $@

# peers that need other versions than we do; a peer that does not install is told in peers.md
$(VENV)-anonymeter/.peer:
	$(PYTHON) -m venv $(VENV)-anonymeter
	-$(VENV)-anonymeter/bin/python -m pip install --quiet anonymeter==1.1.0
	touch $@

$(VENV)-mostlyai/.peer:
	$(PYTHON) -m venv $(VENV)-mostlyai
	-$(VENV)-mostlyai/bin/python -m pip install --quiet torch==2.13.0 mostlyai-qa==1.10.11
	touch $@

$(VENV)-arfpy/.peer:
	$(PYTHON) -m venv $(VENV)-arfpy
	-$(VENV)-arfpy/bin/python -m pip install --quiet arfpy==0.1.1 'numpy<2' 'pandas<3' 'scikit-learn<1.6'
	touch $@

# private synthesizers of other projects; one that does not install is told in private.md
$(VENV)-smartnoise/.peer:
	$(PYTHON) -m venv $(VENV)-smartnoise
	-$(VENV)-smartnoise/bin/python -m pip install --quiet torch==2.13.0 smartnoise-synth==1.0.8
	touch $@

$(VENV)-dpmm/.peer:
	$(PYTHON) -m venv $(VENV)-dpmm
	-$(VENV)-dpmm/bin/python -m pip install --quiet dpmm==0.1.9
	touch $@

$(VENV)-opendp/.peer:
	$(PYTHON) -m venv $(VENV)-opendp
	-$(VENV)-opendp/bin/python -m pip install --quiet 'opendp[mbi,polars]==0.16.0' pandas pyarrow
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-sdv $(VENV)-bench $(VENV)-anonymeter $(VENV)-mostlyai $(VENV)-arfpy $(VENV)-smartnoise $(VENV)-dpmm $(VENV)-opendp build dist .coverage* .mypy_cache .ruff_cache .pytest_cache
