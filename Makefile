# memwatch: `make demo` shows it, `make test` tests it; each sets everything up first. `make help` lists the rest.

# The lock is compiled on 3.11, so that is taken where there is one; any later Python will do.
PYTHON ?= $(shell command -v python3.11 || echo python3)
# Which torch, and with which of pip's options. --no-deps: what torch needs in Python is in the lock, and the
# CUDA libraries that a GPU build names stay out. For a GPU: make install TORCH_FLAGS=
TORCH ?= torch==2.13.0
TORCH_FLAGS ?= --no-deps
# Where Ped2 lies, for bench-accuracy, and what else it is told, as in BENCH='--seeds 0 1 2'.
MEMWATCH_DATA ?= ../shared/footage/ped2
DATA ?= $(MEMWATCH_DATA)
BENCH ?=
MEMORIES ?= benchmarks/memories.md

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Named after what it was installed from: another lock, project file or torch makes another stamp.
STAMP := $(VENV)/installed-$(shell printf '%s' '$(TORCH) $(TORCH_FLAGS)' | cat - requirements.lock pyproject.toml | sha256sum | cut -c1-16)
DEMO := runs/demo

.PHONY: help install lock lint format test test-slow test-live soak test-browser demo bench-accuracy bench-memories bench-drift bench-adapt bench-pace docs clean

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1: \2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s: 2>/dev/null || \
	  sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1: \2/p' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## make .venv with everything pinned by requirements.lock

define CHECK_TORCH
import sys
try:
    import torch
except (ImportError, OSError) as error:
    sys.exit(f"memwatch: torch does not start here ({str(error).splitlines()[0]}). This is a GPU build without its "
             "libraries: name a CPU build (make install TORCH='...', see docs/guide/install.md), or take the GPU "
             "libraries as well (make install TORCH_FLAGS=)")
build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
print(f"torch {torch.__version__}, built for {build}")
endef
export CHECK_TORCH

define CHECK_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit(f"memwatch: Python {sys.version.split()[0]} is too old. Install 3.11 or later and name it: make PYTHON=...")
try:
    import ensurepip, venv
except ImportError:
    sys.exit("memwatch: this Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv")
endef
export CHECK_PYTHON

$(STAMP):
	@$(PYTHON) -c "$$CHECK_PYTHON"
	@$(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@rm -f $(VENV)/installed-*
	@echo "installing into $(VENV) (some minutes the first time)"
	@$(PIP) --require-hashes --no-deps -r requirements.lock
	@$(PIP) $(TORCH_FLAGS) $(TORCH)
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "import torch" 2>/dev/null || { [ "$(TORCH_FLAGS)" = --no-deps ] && \
	  echo "this index serves a GPU build of torch: fetching the libraries it needs too (several GB; TORCH= can name a CPU build)" && \
	  $(PIP) $(TORCH); } || true
	@$(BIN)/python -c "$$CHECK_TORCH"
	@touch $@

lock: $(STAMP)  ## compile requirements.lock anew from pyproject.toml (minutes; needs Python 3.11)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "memwatch: the lock is compiled on Python 3.11: make clean, then make lock PYTHON=python3.11")'
	@echo '$(firstword $(TORCH))' > $(VENV)/torch.in
	$(BIN)/python -m piptools compile --quiet --strip-extras --generate-hashes --extra dev --extra live \
	  --build-deps-for editable --unsafe-package torch --constraint $(VENV)/torch.in --no-header --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	  --output-file $(VENV)/lock.txt pyproject.toml
	@! grep -E '^(nvidia|cuda|triton)' $(VENV)/lock.txt || \
	  { echo "memwatch: this index gives a GPU build of torch, whose libraries would enter the lock. Lock where a CPU build is served" >&2; exit 1; }
	@{ echo '# Compiled by `make lock` on Python 3.11. torch is installed apart, as its builds differ: docs/guide/install.md'; \
	   sed '/^# WARNING/,$$d' $(VENV)/lock.txt; } | sed -e :a -e '/^\n*$$/{$$d;N;ba' -e '}' > requirements.lock.part
	@mv requirements.lock.part requirements.lock

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(STAMP)  ## let ruff mend what it can
	@$(BIN)/ruff check --fix --select I .
	@$(BIN)/ruff format .

test: $(STAMP)  ## every test but the slow ones
	@$(BIN)/python -m pytest

test-slow: $(STAMP)  ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow --timeout 3600

test-live: $(STAMP)  ## cameras, broker, metrics and page with real parts, which are installed where that is possible
	@sh tests/live/parts.sh
	@$(BIN)/python -m pytest -m live tests/live

soak: $(STAMP)  ## four cameras with random faults for half an hour: nothing may grow, every event must end
	@sh tests/live/parts.sh
	@MEMWATCH_SOAK_MINUTES=$${MEMWATCH_SOAK_MINUTES:-30} $(BIN)/python -m pytest -m live --timeout 7200 tests/live/test_soak.py

test-browser: $(STAMP)  ## the report's page in a real browser (needs Chromium)
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { echo "memwatch: no Chromium here. On Debian and Ubuntu: apt-get install chromium" >&2; exit 2; }
	@$(BIN)/python -m pytest tests/browser

demo: $(STAMP)  ## watch the sample clip with the shipped model; it says where it leaves what it found
	@rm -rf $(DEMO)
	@$(BIN)/memwatch watch samples/walkway-test.mp4 --model models/walkway.safetensors --out $(DEMO)

# What the page in the repository is made of.
ACCURACY := --seeds 0 1 2 --paper-minutes 60 --normal-minutes 30 --model walkway=models/walkway.safetensors

bench-accuracy: $(STAMP)  ## the detector beside what it must beat, on Ped2 (DATA= its folder) and drawn scenes (hours)
	@test -d "$(DATA)" || { echo "memwatch: $(DATA): no such folder. Name Ped2's: make bench-accuracy DATA=..." >&2; exit 2; }
	@$(BIN)/python -m benchmarks.accuracy --data "$(DATA)" --out benchmarks/accuracy.md $(or $(BENCH),$(ACCURACY))

bench-memories: $(STAMP)  ## every choice of memory at one budget, on Ped2 (DATA= its folder) and the sample scene (hours)
	@$(BIN)/python -m benchmarks.memories $(if $(wildcard $(DATA)),--data "$(DATA)") --out $(MEMORIES) $(BENCH)

bench-drift: $(STAMP)  ## scenes that change, with a memory that is frozen, gated, or always learns (an hour)
	@$(BIN)/python -m benchmarks.drift --out benchmarks/drift.md $(BENCH)

bench-adapt: $(STAMP)  ## a model of the walkway and a minute of Ped2 (DATA= its folder), fast weights beside it (half an hour)
	@test -d "$(DATA)" || { echo "memwatch: $(DATA): no such folder. Name Ped2's: make bench-adapt DATA=..." >&2; exit 2; }
	@$(BIN)/python -m benchmarks.adapt --data "$(DATA)" --out benchmarks/adapt.md $(BENCH)

bench-pace: $(STAMP)  ## frames a second of one camera, in colour and on Ped2 (DATA= its folder); wants an idle machine
	@$(BIN)/python -m benchmarks.pace samples/walkway-test.mp4 --model models/walkway.safetensors
	@$(BIN)/python -m benchmarks.pace "$(DATA)/testing/frames/01" --model models/ucsd-ped2.safetensors

docs: $(STAMP)  ## write docs/guide/config.md and the configuration's JSON schema from the settings themselves
	@$(BIN)/python -m memwatch.live.settings_doc docs

clean:  ## remove .venv, caches, build outputs and the demo's results
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis $(DEMO)
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
