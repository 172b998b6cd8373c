# vidtag: a GPS gallery builder and frame-to-GPS toolkit. `make demo` shows it, `make check` tests it.

PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
OPT      ?= -O2
CFLAGS   ?= -g
SANITIZE ?= 0
WERROR   ?= 0
FUZZ_SECONDS ?= 10

TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/vt-*.c))
VERSION := $(shell sed -n 's/.*VT_VERSION "\(.*\)".*/\1/p' tools/cli.h)

INFER_PKGS   := openblas libavformat libavcodec libavutil libswscale jansson libxxhash
GALLERY_PKGS := gdal proj lmdb openblas libzstd jansson libxxhash

# Foreign headers as system headers: our warnings are for our code.
PKG_CFLAGS   := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(INFER_PKGS) $(GALLERY_PKGS) 2>/dev/null))
INFER_LIBS   := $(shell pkg-config --libs $(INFER_PKGS) 2>/dev/null)
GALLERY_LIBS := $(shell pkg-config --libs $(GALLERY_PKGS) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion $(if $(filter 1,$(WERROR)),-Werror)
ifeq ($(SANITIZE),1)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT := -O1
endif
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE $(OPT) $(CFLAGS) $(WARNINGS) -fopenmp $(SAN) -I. $(PKG_CFLAGS)
LINK = $(CC) $(OPT) $(CFLAGS) -fopenmp $(SAN) $(LDFLAGS) -Wl,--as-needed

# The vector kernels are compiled for their instruction set and chosen at run time.
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
$(BUILD)/libinfer/kernels_avx2.o: ALL_CFLAGS += -mavx2 -mfma -mf16c
$(addprefix $(BUILD)/libinfer/,kernels_avx512.o product_avx512.o): ALL_CFLAGS += -mavx512f -mavx512vl -mavx512bw -mavx512dq -mavx2 -mfma -mf16c
endif

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
INFER_OBJ   := $(call objects,libinfer)
GALLERY_OBJ := $(call objects,libgallery)
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
BENCHES     := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
LIBS        := $(BUILD)/libinfer.a $(BUILD)/libgallery.a
ALL_LIBS     = $(LIBS) $(INFER_LIBS) $(GALLERY_LIBS) -lm

.PHONY: all demo check check-run check-full bench fuzz fuzz-build lint install uninstall deps clean unit world
.DELETE_ON_ERROR:
.SECONDARY:

all: $(TOOLS:%=$(BUILD)/bin/%)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libinfer.a: $(INFER_OBJ)
$(BUILD)/libgallery.a: $(GALLERY_OBJ)
$(LIBS) $(BUILD)/world.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/bin/%: $(BUILD)/tools/%.o $(BUILD)/tools/cli.o $(LIBS)
	@mkdir -p $(@D)
	$(LINK) $(filter %.o,$^) $(ALL_LIBS) -o $@

$(BUILD)/bin/vt-frames: $(BUILD)/tools/features.o $(BUILD)/tools/truth.o
$(BUILD)/bin/vt-query $(BUILD)/bin/vt-refine: $(BUILD)/tools/flow.o
$(BUILD)/bin/vt-index: $(BUILD)/tools/transfer.o
$(BUILD)/bin/vt-eval: $(BUILD)/tools/eval_report.o
$(BUILD)/bin/vt-grid: $(BUILD)/tools/grid_options.o
$(BUILD)/bin/vt-train: $(BUILD)/tools/train_options.o $(BUILD)/tools/train_input.o

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/tools/cli.o $(LIBS)
	@mkdir -p $(@D)
	$(LINK) $< $(BUILD)/tools/cli.o $(filter %/world.a,$^) $(ALL_LIBS) -o $@

# The world that the tests film: a town, and drives through it or through a real extract.
WORLDS    := $(patsubst tests/world/%.c,$(BUILD)/world/%,$(wildcard tests/world/world-*.c))
WORLD_OBJ := $(filter-out $(BUILD)/tests/world/world-%,$(call objects,tests/world))
$(BUILD)/world.a: $(WORLD_OBJ)
$(BUILD)/world/%: $(BUILD)/tests/world/%.o $(BUILD)/tools/cli.o $(BUILD)/world.a $(BUILD)/libgallery.a
	@mkdir -p $(@D)
	$(LINK) $^ $(INFER_LIBS) $(GALLERY_LIBS) -lm -o $@

$(BUILD)/unit/world: $(BUILD)/world.a

world: $(WORLDS)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/tools/cli.o $(LIBS)
	@mkdir -p $(@D)
	$(LINK) $< $(BUILD)/tools/cli.o $(ALL_LIBS) -o $@

unit: $(UNIT_TESTS)

# ----------------------------------------------------------------- running it
# The packages may come with `deps`, so what needs them runs in a second make: on all cores, if
# nothing else was asked for.
WHOLE = -s --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

demo: deps
	@echo "building the tools in $(BUILD)"
	@$(MAKE) $(WHOLE) all $(BUILD)/world/world-map
	@BIN=$(BUILD)/bin sh data/demo.sh

check: deps
	@DEPS_FOR=check sh data/deps.sh
	@$(MAKE) $(WHOLE) check-run

check-run:
	@echo "building the tools and the unit tests with sanitizers in $(BUILD)/check, the tools in $(BUILD)"
	@$(MAKE) $(WHOLE) SANITIZE=1 BUILD=$(BUILD)/check all unit world
	@$(MAKE) $(WHOLE) all
	@tests/run $(BUILD)/check $(BUILD)

check-full: check
	@DEPS_FOR=full sh data/deps.sh
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=60
	@tests/full/run $(BUILD)
	@for test in "kills 300" "faults 1"; do \
	  scratch=$$(mktemp -d) && (cd $$scratch && PATH="$(abspath $(BUILD))/bin:$$PATH" $(CURDIR)/tests/full/$$test | tee log && \
	  [ $$(wc -l <log) = 1 ]); status=$$?; rm -rf $$scratch; [ $$status = 0 ] || exit $$status; done

bench: all $(BENCHES)
	@tests/bench/run $(BUILD)

# libFuzzer needs clang; the libraries are built a second time with coverage.
fuzz-build:
	@DEPS_FOR=fuzz sh data/deps.sh
	@$(MAKE) $(WHOLE) CC=clang OPT=-O1 BUILD=$(BUILD)/fuzz \
	  SAN="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all" $(FUZZERS:%=$(BUILD)/fuzz/fuzzers/%)

$(BUILD)/fuzzers/%: $(BUILD)/tests/fuzz/%.o $(LIBS)
	@mkdir -p $(@D)
	$(LINK) -fsanitize=fuzzer $< $(ALL_LIBS) -o $@

fuzz: fuzz-build
	@tests/fuzz/run $(BUILD)/fuzz/fuzzers $(FUZZ_SECONDS)

lint:
	@DEPS_FOR=lint sh data/deps.sh
	@BUILD=$(BUILD)/lint tests/lint

deps:
	@sh data/deps.sh

# ----------------------------------------------------------------- installing
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/vidtag/schemas
	install -m 755 $(TOOLS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard schemas/*) $(DESTDIR)$(PREFIX)/share/vidtag/schemas
	for page in man/*; do section=$${page##*.}; \
	  install -d $(DESTDIR)$(PREFIX)/share/man/man$$section && \
	  install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$$section || exit 1; done

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -rf $(DESTDIR)$(PREFIX)/share/vidtag
	for page in man/*; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}; done

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
