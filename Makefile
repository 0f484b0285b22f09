# Sluice: one makefile, not recursive. Each folder lists its sources in a build.mk, one a line;
# every output goes below build/. `make help` lists the targets.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

ifeq ($(origin CC),default)
CC := gcc
endif
AR := ar
PROTOC ?= protoc
PROTOC_C ?= protoc-c
PKG_CONFIG ?= pkg-config
PYTHON := /usr/bin/python3
V ?= 0
WERROR ?= 1
SAN ?=
DEBUG ?= 0
Q := $(if $(filter 1,$(V)),,@)

# ---- configuration: which folder below build/ the objects go to --------------------------------
IS_CLANG := $(findstring clang,$(notdir $(CC)))
comma := ,
CONFIG := $(if $(SAN),$(subst $(comma),-,$(SAN)),$(if $(filter 1,$(DEBUG)),debug,release))$(if $(IS_CLANG),-clang)
OUT := build/$(CONFIG)
GEN := build/gen
BIN := $(if $(filter release,$(CONFIG)),build/bin,$(OUT)/bin)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough $(if $(filter 1,$(WERROR)),-Werror) \
	$(if $(SAN),$(if $(IS_CLANG),,-Wno-format-truncation))
HARDEN := -fPIE -fstack-protector-strong $(if $(SAN),,$(if $(filter 1,$(DEBUG)),,-D_FORTIFY_SOURCE=2)) \
	$(if $(IS_CLANG),,-fstack-clash-protection -fcf-protection)
OPT := $(if $(SAN),-O1 -fno-omit-frame-pointer,$(if $(filter 1,$(DEBUG)),-O0,-O2))
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))
CPPFLAGS += -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -include common/base/ban.h
CFLAGS += -std=c11 -g $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) -fno-strict-aliasing -fno-common
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS)

COMMON_PKGS := libevent_core libevent_openssl libevent_pthreads libssl libcrypto libnghttp2 libzstd
CONTROLPLANE_PKGS := libprotobuf-c yaml-0.1 sqlite3
NANOPB_LIBS := -lprotobuf-nanopb

PKG_COMMON = $(shell $(PKG_CONFIG) --libs $(COMMON_PKGS)) -lm -lpthread
PKG_CONTROLPLANE = $(shell $(PKG_CONFIG) --libs $(CONTROLPLANE_PKGS))
PKG_CHECK = $(shell $(PKG_CONFIG) --libs check)

INC_COMMON := -Icommon
INC_DATAPLANE := -Icommon -Idataplane -I$(GEN)/nanopb
INC_CONTROLPLANE := -Icommon -Icontrolplane -I$(GEN)/protobuf-c -I$(GEN)

objs = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

include proto/build.mk common/build.mk dataplane/build.mk controlplane/build.mk tests/build.mk deploy/build.mk

# ---- objects, libraries, programs ---------------------------------------------------------------
COMMON_LIB := $(OUT)/libcommon.a
DATAPLANE_LIB := $(OUT)/libdataplane.a
CONTROLPLANE_LIB := $(OUT)/libcontrolplane.a
PROGRAMS := $(BIN)/sluice-dataplane $(BIN)/sluice-controlplane $(BIN)/cpctl

.PHONY: all
all: $(PROGRAMS) test-tools

$(OUT)/obj/common/%.o: common/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(INC_COMMON) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/obj/dataplane/%.o: dataplane/%.c | $(NANOPB_GEN)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(INC_DATAPLANE) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/obj/controlplane/%.o: controlplane/%.c | $(PROTOBUF_C_GEN) $(EMBEDDED_GEN)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(INC_CONTROLPLANE) $(CFLAGS) -MMD -MP -c -o $@ $<

# Generated code is not ours to warn about.
$(OUT)/obj/$(GEN)/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) -I$(GEN)/protobuf-c -I$(GEN)/nanopb $(CFLAGS) -w -MMD -MP -c -o $@ $<

$(COMMON_LIB): $(call objs,$(COMMON_SRCS))
$(DATAPLANE_LIB): $(call objs,$(DATAPLANE_SRCS) $(NANOPB_SRCS))
$(CONTROLPLANE_LIB): $(call objs,$(CONTROLPLANE_SRCS) $(PROTOBUF_C_SRCS) $(EMBEDDED_SRCS))
$(COMMON_LIB) $(DATAPLANE_LIB) $(CONTROLPLANE_LIB):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  AR $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BIN)/sluice-dataplane: $(call objs,dataplane/main.c) $(DATAPLANE_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(NANOPB_LIBS) $(PKG_COMMON)

$(BIN)/sluice-controlplane: $(call objs,controlplane/main.c) $(CONTROLPLANE_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_CONTROLPLANE) $(PKG_COMMON)

$(BIN)/cpctl: $(call objs,controlplane/cpctl/main.c) $(CONTROLPLANE_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_CONTROLPLANE) $(PKG_COMMON)

# ---- what a stranger types -----------------------------------------------------------------------
.PHONY: deps-build deps-test deps-bench run help
deps-build:
	$(Q)deploy/install-deps build run
deps-test:
	$(Q)deploy/install-deps build run test
deps-bench:
	$(Q)deploy/install-deps build bench

run: deps-build
	$(Q)$(MAKE) --no-print-directory -s -j$$(nproc) all
	$(Q)$(PYTHON) deploy/run/run.py $(RUN_ARGS)

help:
	@echo "make            build the three programs (and mkbundle, for the tests) into build/bin"
	@echo "make run        a whole gateway on this machine, until Ctrl-C"
	@echo "make test       everything that must hold: lint, unit, end to end, sanitizers, fuzzing"
	@echo "make unit       unit tests of this configuration;   make fuzz [FUZZ_SECONDS=60]"
	@echo "make bench      CPU a request beside nginx and HAProxy"
	@echo "make lint       include rules, sizes, headers"
	@echo "make install    DESTDIR, PREFIX;   make clean"
	@echo "switches        DEBUG=1  SAN=address,undefined  SAN=thread  CC=clang  V=1  WERROR=0"

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
