# Two commands: `make demo` shows the main job, `make test` checks everything. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-gpu check fuzz sanitize

# torch is pinned and installed alone: an open range would bring the GPU build, several gigabytes of it.
$(READY): pyproject.toml CMakeLists.txt $(shell find src -name '*.cpp' -o -name '*.hpp' -o -name CMakeLists.txt)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[app,dev,export,studio]"
	@touch $@

demo: $(READY)
	@rm -rf runs/demo
	$(BIN)/chainrule fit english --minutes 1 --out runs/demo
	$(BIN)/chainrule sample runs/demo --prompt "The for statement" --length 400

test: $(READY)
	$(BIN)/pytest --numprocesses 2 --dist worksteal --quiet

# What needs a GPU, with whatever build of torch is there: the tests above skip it where there is none.
test-gpu:
	$(PYTHON) -m pytest --quiet tests/gpu tests/ops/recurrence/backends/test_triton.py

# What runs before the tests in CI: style, types, and the direction of imports.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Broken and hostile input to every reader, run folder, command and op, for MINUTES in all: own errors or right answers.
MINUTES ?= 30
SEED ?= 0
fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --minutes $(MINUTES) --seed $(SEED)

# The kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer, by g++, in a build beside the ordinary one.
# python itself is not instrumented: the libraries have to be there before it starts, and it leaks by design.
SANITIZED := build/sanitize
# What is slow and reads no other memory than the rest; what is not of C++; and the forks of a data loader, which hung
# once here, never without.
NOT_SANITIZED := hundreds or formula or compile or second or python_threads or data_loader or fourier or triton
sanitize: export CXX = g++
sanitize: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target $(SANITIZED)/site -C build-dir=$(SANITIZED)/cmake \
	    -C cmake.build-type=RelWithDebInfo -C cmake.define.CHAINRULE_SANITIZE=ON .
	LD_PRELOAD="$$(for name in asan ubsan stdc++; do $(CXX) -print-file-name=lib$$name.so; done | xargs)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
	CHAINRULE_SANITIZED=$(SANITIZED)/site $(BIN)/python -m pytest -p tests.sanitized --quiet --capture=sys \
	    -k "not ($(NOT_SANITIZED))" tests/ops/recurrence tests/ops/convolution/backends/test_cpu.py \
	    tests/ops/convolution/backends/test_bfloat16.py tests/nn/test_recurrence.py tests/nn/streams/test_recurrent.py \
	    tests/nn/streams/test_convolutional.py
