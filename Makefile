# make tour     convert NumPy's files, look at them, check them, bring them back
# make test     everything that CI runs
# make crash    the long form of the crash proof: hours, seeds that are printed
# make fuzz     every fuzz target for FUZZTIME, parsers of whole files for FUZZLONG: hours
# make mutate   changes of the code that a test must notice: all of them, hours
# make quick    the Go tests alone, short
# make cover    statements that the tests run, a package; fails under a floor
# make api      writes docs/api.txt, what the public packages export
# make static   the tool without CUDA, in one file that needs no other
# make release  archives of the tool for each system, made twice and tried: docs/release.md
# make gpu-test tests, limits and benchmarks on a CUDA device
# make viewer-bench  first paint, tiles, frames and memory of the viewer, in a browser
# make capi     libtensorfile for C, Python and Ruby in bin/capi: docs/c.md
# make wheel    the Python package with its library, in dist/python: docs/python.md
# make python-test  the wheel in an empty environment, its types, and its tests
# make python-bench  opening, viewing and reading from Python beside NumPy and other peers
# make gem      the gem for Ruby with its library, in dist/ruby: docs/ruby.md
# make gem-test the tests of Ruby, with the library of make capi
# make beam-engine  the jobs of Beam on another engine than Prism: docs/beam.md
# make cli-docs the reference of the commands, from their help texts
# make flags    each flag of the tool is ignored in turn, which a script must notice: minutes
GO     ?= go
PYTHON ?= python3
VENV   := .venv

.PHONY: all build static release gpu-test capi gem gem-test wheel python-test python-bench api cli-docs flags tour test crash fuzz mutate quick cover emulated wine lint licences vulncheck interop interop-full beam-engine goldens pictures viewer-bench badinputs growth bench clean

all: build

build:
	$(GO) build -o bin/tensorfile ./cmd/tensorfile

# No libc, no loader: for musl and images made from scratch.
static:
	CGO_ENABLED=0 $(GO) build -tags nogpu -o bin/tensorfile-static ./cmd/tensorfile

# Archives for linux, darwin and windows in dist/release, from a commit without changes.
# RELEASEFLAGS=-host makes those of this system alone.
release:
	$(GO) run ./internal/release -cold $(RELEASEFLAGS)

# One program that can be carried to a machine with a device: docs/gpu-verified.md.
# Without one it lists what it would run and ends with 2.
gpu-test:
	CGO_ENABLED=0 $(GO) test -c -o bin/gpu-test ./gpu/kernels
	./bin/gpu-test -device cuda -test.v -test.bench .

# PREFIX is where the folder will be installed.
capi:
	GO=$(GO) ./capi/build.sh bin/capi $(PREFIX)

cli-docs:
	$(GO) test -count=1 -run '^TestCLIDoc$$' ./cmd/tensorfile -update

# TEST_FLAGS=--codec looks at those flags alone.
TEST_FLAGS ?= all
flags:
	TEST_FLAGS='$(TEST_FLAGS)' $(GO) test -count=1 -timeout 2h -run '^TestFlagsAreNoticed$$' -v ./cmd/tensorfile

# A change of what is exported shows in this file.
api:
	$(GO) test -count=1 -run '^TestAPI$$' ./internal/house -update

tour: build
	./examples/tour.sh bin/tensorfile

test:
	./.ci/steps

# Crashes, kills, and every fault of every command. TENSORFILE_CRASH_SEED repeats a run.
crash:
	TENSORFILE_CRASH_SEED=$${TENSORFILE_CRASH_SEED:-random} TENSORFILE_CRASH=20000000 TENSORFILE_LYING=5000000 \
		$(GO) test -count=1 -timeout 12h -run '^(TestCrashes|TestLyingDisk|TestRaces)$$' -v .
	$(GO) test -count=1 -tags mutants -timeout 1h -run '^(TestMutants|TestCrashes|TestLyingDisk|TestRaces)$$' -v .
	TENSORFILE_KILLS=100000 $(GO) test -count=1 -timeout 12h -run '^TestKill' -v .
	TENSORFILE_FAULTS=all $(GO) test -count=1 -timeout 2h -run '^(TestFaults|TestReadFaults|TestInterruptedWriters)$$' -v ./cmd/tensorfile

# What was cut off goes on: docs/fuzzing.jsonl notes each run. FUZZINPUTS=100000000 counts
# inputs instead; FUZZTARGETS is a regular expression. docs/fuzzing.md has the table.
FUZZTIME    ?= 3m
FUZZLONG    ?= 10m
FUZZINPUTS  ?= 0
FUZZTARGETS ?= .

# At the end the exchange with the libraries that own the formats, so many files of each.
FUZZAGREE   ?= 10000

fuzz: $(VENV)/ok
	$(GO) run ./internal/fuzzrun -time $(FUZZTIME) -long $(FUZZLONG) -inputs $(FUZZINPUTS) -targets '$(FUZZTARGETS)' -record docs/fuzzing.jsonl
	$(GO) run ./internal/fuzzrun -keep
	$(GO) run ./internal/fuzzrun -record docs/fuzzing.jsonl -report docs/fuzzing.md
	TENSORFILE_AGREE=$(FUZZAGREE) TENSORFILE_PYTHON=$(abspath $(VENV)/bin/python) $(GO) test -count=1 -timeout 6h -run Interop -v ./internal/agree

# MUTANTS is how many to draw by MUTATE_SEED (0: a new one), 0 for all. What was found out is
# kept in bin/mutate, so that a run that was ended goes on: "rm -r bin/mutate"
# begins anew.
MUTANTS     ?= 0
MUTATE_SEED ?= 0

mutate:
	mkdir -p bin/mutate
	nice -n 19 $(GO) run ./internal/mutate -n $(MUTANTS) -seed $(MUTATE_SEED) -state bin/mutate/results -work bin/mutate

# Parsers and the engine for a big-endian machine under qemu-user, and everything on
# 32 bits, without -short: an hour and more.
emulated:
	./.ci/steps emulated_long

# The tool for Windows, under Wine.
wine:
	./.ci/steps wine

quick:
	$(GO) test -short ./...

# Counted: statements of these packages that the tests of these packages, of the
# tables of bad inputs, of files on servers and of the tool run, seeds of fuzz targets
# apart, on linux/amd64.
# "make cover V=-v" lists the blocks that none ran.
COVERED = . ./format ./codec ./sparse ./ragged ./quant ./mmap ./convert/... \
	./internal/atomicfile ./internal/fsys ./internal/strictjson ./internal/nameset
cover:
	mkdir -p bin
	$(GO) test -short -skip '^Fuzz' -coverprofile bin/cover.out \
		-coverpkg $$($(GO) list $(COVERED) | paste -sd, -) $(COVERED) ./internal/badinput/... ./internal/farsim ./remote/... ./cmd/tensorfile
	$(GO) run ./internal/cover $(V) bin/cover.out

lint:
	./.ci/steps lint

# The terms of what is linked: the table of docs/licences.md, and the texts.
licences:
	$(GO) run ./internal/licences -w
	mkdir -p dist
	$(GO) run ./internal/licences -texts >dist/licences.txt

# Known holes in what is linked. It needs Go's database of vulnerabilities, and fails
# where that cannot be reached: nothing was checked then.
vulncheck:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.8.0 ./... || { echo "vulncheck: holes above, or nothing was checked"; exit 1; }

# A Python environment with the real libraries, for live exchange of files.
$(VENV)/ok: testdata/requirements.txt python/requirements-test.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-compile -r testdata/requirements.txt -r python/requirements-test.txt
	touch $@

# The gem is one for this system: it holds the shared library.
gem: capi
	./ruby/gem.sh bin/capi/lib/libtensorfile.so.1 dist/ruby
	ls -l dist/ruby

# As they stand here, and the guide with the gem installed in an empty place.
gem-test:
	for test in ruby/test/*_test.rb; do TENSORFILE_LIBRARY=$(abspath bin/capi/lib/libtensorfile.so.1) ruby -w -Iruby/lib $$test || exit 1; done
	rm -rf bin/gem
	./ruby/gem.sh bin/capi/lib/libtensorfile.so.1 bin/gem
	gem install -q --local --no-document --install-dir bin/gem/installed bin/gem/*.gem
	GEM_PATH=$(abspath bin/gem/installed):$$(gem env gempath) ruby -w ruby/test/docs_test.rb

# The wheel holds the shared library and no code for one version of Python: its tag is
# that of the system, and of the C library that the library needs (PEP 600).
# BUILT=yes takes the library as it lies in bin/capi.
wheel: $(VENV)/ok
	[ -n "$(BUILT)" ] || STATIC=no GO=$(GO) ./capi/build.sh bin/capi
	rm -rf dist/python python/build
	TENSORFILE_BUNDLE=$(abspath bin/capi/lib/libtensorfile.so.1) $(VENV)/bin/python -m pip wheel -q --disable-pip-version-check \
		--no-deps --no-build-isolation -w dist/python ./python
	rm -rf python/build python/*.egg-info
	ls -l dist/python

python-test: wheel
	PYTHON=$(abspath $(VENV)/bin/python) ./python/test.sh dist/python

interop: $(VENV)/ok build
	TENSORFILE_PYTHON=$(abspath $(VENV)/bin/python) $(GO) test -count=1 -run Interop -v $$(grep -rl --include='*_test.go' --exclude-dir=bench '^func Test.*Interop' . | xargs dirname | sort -u)
	$(VENV)/bin/python spec/reader/check.py
	$(VENV)/bin/python spec/reader/exchange.py bin/tensorfile
	$(VENV)/bin/python -B testdata/interop/binsparse_interop.py bin/tensorfile

# Python beside NumPy, safetensors, h5py and zarr, and beside Go. It needs a quiet machine.
python-bench: $(VENV)/peers wheel
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --upgrade --target bin/python dist/python/*.whl
	cd bench && $(GO) build -o ../bin/readserver ./cmd/readserver
	PYTHONPATH=bin/python $(VENV)/bin/python python/bench/bench.py --go bin/readserver $(BENCHFLAGS)

# The same with libraries that weigh gigabytes.
$(VENV)-full/ok: testdata/requirements-full.txt
	$(PYTHON) -m venv $(VENV)-full
	$(VENV)-full/bin/python -m pip install -q --disable-pip-version-check -r testdata/requirements-full.txt
	touch $@

# From nothing: the libraries are installed, the wheel is built. Fewer tests than the
# floors, and one that is skipped, are a failure.
interop-full: $(VENV)-full/ok wheel
	TENSORFILE_TORCH=$(abspath $(VENV)-full/bin/python) TENSORFILE_KERAS=$(abspath $(VENV)-full/bin/python) \
		$(GO) test -json -count=1 -run FullInterop ./convert/torch ./convert/hdf5 | $(GO) run ./internal/testcount -floor 2
	$(VENV)-full/bin/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall dist/python/*.whl
	cd python/tests/full && ../../../$(VENV)-full/bin/python -m pytest -p no:cacheprovider --floor 70 .

# The jobs of beam/examples on another engine than Prism.
$(VENV)-beam/ok: beam/requirements.txt
	$(PYTHON) -m venv $(VENV)-beam
	$(VENV)-beam/bin/python -m pip install -q --disable-pip-version-check -r beam/requirements.txt
	touch $@

beam-engine: $(VENV)-beam/ok
	PYTHON=$(abspath $(VENV)-beam/bin/python) ./beam/engine.sh

# The table of all bad inputs, from the tests that make them.
badinputs:
	$(GO) test -count=1 -timeout 1h -run '^TestTable$$' ./internal/badinput -update

# Four times the input, four times the statements run: no loop goes over all for each.
growth:
	$(GO) test -count=1 -v -covermode=atomic -coverpkg=./... ./internal/badinput/growth

# The golden files, made again by the libraries themselves.
goldens: $(VENV)/ok
	$(VENV)/bin/python testdata/npy/gen_npy.py
	$(VENV)/bin/python testdata/idx/gen_idx.py
	$(VENV)/bin/python convert/aiff/testdata/gen_aiff.py
	$(VENV)/bin/python -B convert/bmp/testdata/gen_bmp.py
	$(VENV)/bin/python -B convert/pfm/testdata/gen_pfm.py
	$(VENV)/bin/python -B convert/pnm/testdata/gen_pnm.py
	$(VENV)/bin/python -B testdata/interop/pictures.py goldens
	$(VENV)/bin/python convert/ffmpeg/testdata/gen_ffmpeg.py
	$(VENV)/bin/python convert/flac/testdata/gen_flac.py
	$(VENV)/bin/python convert/mp3/testdata/gen_mp3.py
	$(VENV)/bin/python convert/wav/testdata/gen_wav.py
	$(VENV)/bin/python -B -W ignore convert/hdf5/testdata/hdf5_files.py goldens convert/hdf5/testdata
	$(VENV)/bin/python -B convert/safetensors/testdata/exchange.py keep
	$(VENV)/bin/python -B convert/gguf/testdata/exchange.py keep
	$(VENV)/bin/python testdata/tour/gen_tour.py
	$(VENV)/bin/python testdata/models/gen_models.py
	for script in views floats cast print einops parts; do $(VENV)/bin/python -B tensor/testdata/gen_$$script.py || exit 1; done
	$(VENV)/bin/python -W ignore transform/image/testdata/gen_image.py
	$(VENV)/bin/python transform/audio/testdata/gen_audio.py
	$(VENV)/bin/python examples/superres/testdata/gen_superres.py
	$(VENV)/bin/python examples/edges/testdata/gen_edges.py
	$(VENV)/bin/python -B transform/testdata/gen_transform.py
	$(VENV)/bin/python -B plot/reduce/testdata/gen_reduce.py
	$(VENV)/bin/python -B plot/spectrum/testdata/gen_spectrum.py
	$(VENV)/bin/python sparse/testdata/gen_scipy.py
	$(VENV)/bin/python quant/testdata/gen_quant.py
	$(VENV)/bin/python quant/testdata/gen_blocks.py keep
	$(VENV)/bin/python -B transform/conv/testdata/gen_conv.py
	$(VENV)/bin/python cmd/tensorfile/testdata/gen_operators.py

# What the documents show: what strides do, and the charts of the tool.
pictures:
	$(GO) run ./docs/pictures
	$(GO) test -count=1 -run '^TestDocs$$/docs/plot.md' ./cmd/tensorfile -update
	TENSORFILE_PICTURES=$(abspath docs/pictures) $(GO) test -count=1 -run '^TestPictures$$' ./viewer

# What the viewer is to reach: first paint, tiles, frames, memory, in a browser. It needs
# a quiet machine and 2 GB of disk; VIEWER=small tries it.
VIEWER ?= full
viewer-bench:
	TENSORFILE_VIEWER_GOALS=$(VIEWER) $(GO) test -count=1 -timeout 30m -run '^TestGoals$$' -v ./viewer

# Other libraries that the codec rows stand beside.
$(VENV)/peers: bench/requirements.txt $(VENV)/ok
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r bench/requirements.txt
	touch $@

# QUICK=1: small, in five minutes. BENCHFLAGS go to the report: bench/run.sh.
bench: $(VENV)/peers
	./.ci/steps bench
	TENSORFILE_PYTHON=$(abspath $(VENV)/bin/python) QUICK=$(QUICK) ./bench/run.sh $(BENCHFLAGS)

clean:
	rm -rf bin dist $(VENV)
