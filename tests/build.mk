# Unit tests: one file a module, mirroring the tree. test_<name>.c exports `Suite *test_<name>_suite(void)`;
# a line here is all that it takes to run it.
UNIT_COMMON := \
	tests/unit/common/base/test_base.c

UNIT_COMMON += \
	tests/unit/common/crypto/test_cert.c \
	tests/unit/common/crypto/test_digest.c \
	tests/unit/common/net/grpc_echo.c \
	tests/unit/common/net/test_grpc.c \
	tests/unit/common/net/test_grpc_wire.c \
	tests/unit/common/net/test_net.c

# http and text: parsers
UNIT_COMMON += \
	tests/unit/common/http/test_h1_chunk.c \
	tests/unit/common/http/test_h1_request.c \
	tests/unit/common/http/test_h1_response.c \
	tests/unit/common/http/test_http.c \
	tests/unit/common/text/test_json.c \
	tests/unit/common/text/test_mock_rules.c \
	tests/unit/common/text/test_text.c

# bundle
UNIT_COMMON += \
	tests/unit/common/bundle/test_bundle.c

UNIT_DATAPLANE :=

# snapshot, router, loader
UNIT_DATAPLANE += \
	tests/unit/dataplane/loader/test_loader.c \
	tests/unit/dataplane/loader/test_loader_disk.c \
	tests/unit/dataplane/router/test_router.c \
	tests/unit/dataplane/router/test_router_model.c \
	tests/unit/dataplane/snapshot/test_snap.c

# request path
UNIT_COMMON += \
	tests/unit/common/net/test_wheel.c
UNIT_DATAPLANE += \
	tests/unit/dataplane/exchange/test_exchange.c \
	tests/unit/dataplane/integration/test_integration.c

UNIT_CONTROLPLANE :=

UNIT_CONTROLPLANE += \
	tests/unit/controlplane/admin/test_trust.c \
	tests/unit/controlplane/apply/test_check_child.c \
	tests/unit/controlplane/apply/test_committer.c \
	tests/unit/controlplane/store/test_store.c \
	tests/unit/controlplane/store/test_store_crash.c \
	tests/unit/controlplane/store/test_store_identity.c

UNIT_CONTROLPLANE += \
	tests/unit/controlplane/diag/test_diag.c \
	tests/unit/controlplane/apply/test_apply.c \
	tests/unit/controlplane/apply/test_apply_faces.c \
	tests/unit/controlplane/apply/test_bad_specs.c \
	tests/unit/controlplane/compile/test_compile.c \
	tests/unit/controlplane/yaml/test_yml.c

UNIT_CONTROLPLANE += \
	tests/unit/controlplane/cpctl/test_cpctl_out.c \
	tests/unit/controlplane/cpctl/test_cpctl_parse.c

# What needs both planes: their state machines joined in one program. The only place where both may be included.
UNIT_PLANES := \
	tests/unit/planes/test_push_core.c \
	tests/unit/planes/test_push_sim.c \
	tests/unit/planes/test_push_wire.c \
	tests/unit/planes/test_sync_core.c

# Fuzz targets: tests/fuzz/<room>/fz_<name>.c with LLVMFuzzerTestOneInput, corpus in tests/fuzz/corpus/<name>/.
FUZZ_COMMON := \
	tests/fuzz/http/fz_h1_chunk.c \
	tests/fuzz/http/fz_h1_request.c \
	tests/fuzz/http/fz_h1_response.c \
	tests/fuzz/net/fz_grpc_wire.c \
	tests/fuzz/text/fz_json.c
FUZZ_DATAPLANE := \
	tests/fuzz/loader/fz_bundle.c \
	tests/fuzz/router/fz_router.c \
	tests/fuzz/dataplane/fz_push_node.c
FUZZ_CONTROLPLANE :=

FUZZ_CONTROLPLANE += \
	tests/fuzz/apply/fz_apply.c \
	tests/fuzz/yaml/fz_yaml.c \
	tests/fuzz/controlplane/fz_push_server.c

UNIT_BIN := $(OUT)/tests
UNIT_PROGRAMS := $(UNIT_BIN)/unit_common $(if $(UNIT_DATAPLANE),$(UNIT_BIN)/unit_dataplane) \
	$(if $(UNIT_CONTROLPLANE),$(UNIT_BIN)/unit_controlplane) $(UNIT_BIN)/unit_planes
CHECK_CFLAGS = $(shell $(PKG_CONFIG) --cflags check)

# $(1): folder, $(2): list of test sources, $(3): include flags, $(4): libraries
define unit_program
$$(OUT)/obj/tests/unit/$(1)/%.o: tests/unit/$(1)/%.c | $$(NANOPB_GEN) $$(PROTOBUF_C_GEN)
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  CC $$<")
	$$(Q)$$(CC) $$(CPPFLAGS) $(3) -Itests/lib $$(CHECK_CFLAGS) $$(CFLAGS) -Wno-missing-prototypes -Wno-missing-declarations -MMD -MP -c -o $$@ $$<

$$(OUT)/tests/runner_$(1).c: tests/build.mk
	@mkdir -p $$(@D)
	$$(Q)$(PYTHON) tests/lib/make_runner.py $(2) > $$@

$$(UNIT_BIN)/unit_$(1): $$(call objs,$(2)) $$(OUT)/tests/runner_$(1).c $(4)
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  LD $$@")
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CHECK_CFLAGS) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o %.c %.a,$$^) $$(PKG_CHECK) $(5) $$(PKG_COMMON)
endef
$(eval $(call unit_program,common,$(UNIT_COMMON),$(INC_COMMON),$(OUT)/libcommon.a,))
$(eval $(call unit_program,dataplane,$(UNIT_DATAPLANE),$(INC_DATAPLANE),$(OUT)/libdataplane.a $(OUT)/libcommon.a,$(NANOPB_LIBS)))
$(eval $(call unit_program,controlplane,$(UNIT_CONTROLPLANE),$(INC_CONTROLPLANE),$(OUT)/libcontrolplane.a $(OUT)/libcommon.a,$$(PKG_CONTROLPLANE)))
$(eval $(call unit_program,planes,$(UNIT_PLANES),$(INC_CONTROLPLANE) -Idataplane -I$(GEN)/nanopb,$(OUT)/libcontrolplane.a $(OUT)/libdataplane.a $(OUT)/libcommon.a,$(NANOPB_LIBS) $$(PKG_CONTROLPLANE)))

.PHONY: unit
unit: $(UNIT_PROGRAMS)
	@set -e; for p in $^; do echo "== $$p"; $$p; done

# ---- fuzzing: clang only, own configuration so that objects do not mix ---------------------------
FUZZ_SECONDS ?= 60
FUZZ_OUT := build/fuzz
FUZZ_FLAGS := -g -O1 -std=c11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -include common/base/ban.h \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -fno-strict-aliasing
FUZZ_PROGRAMS := $(foreach f,$(FUZZ_COMMON) $(FUZZ_DATAPLANE) $(FUZZ_CONTROLPLANE),$(FUZZ_OUT)/$(notdir $(basename $(f))))
fuzz_objs = $(patsubst %.c,$(FUZZ_OUT)/obj/%.o,$(1))

$(FUZZ_OUT)/obj/%.o: %.c | $(NANOPB_GEN) $(PROTOBUF_C_GEN) $(EMBEDDED_GEN)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  FUZZ-CC $<")
	$(Q)clang $(FUZZ_FLAGS) $(if $(filter tests/fuzz/%,$<),,-fsanitize=fuzzer-no-link) \
		$(if $(findstring dataplane/,$<)$(findstring nanopb/,$<)$(filter $<,$(FUZZ_DATAPLANE)),$(INC_DATAPLANE),$(if $(findstring controlplane/,$<)$(findstring protobuf-c/,$<)$(filter $<,$(FUZZ_CONTROLPLANE)),$(INC_CONTROLPLANE),$(INC_COMMON))) -MMD -MP -c -o $@ $<

# $(1): folder, $(2): source of the target, $(3): other sources, $(4): libraries
define fuzz_program
$$(FUZZ_OUT)/$(notdir $(basename $(2))): $$(call fuzz_objs,$(2) $(3) $$(COMMON_SRCS))
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  FUZZ-LD $$@")
	$$(Q)clang -fsanitize=fuzzer,address,undefined -o $$@ $$^ $(4) $$(PKG_COMMON)
endef
$(foreach f,$(FUZZ_COMMON),$(eval $(call fuzz_program,common,$(f),,)))
$(foreach f,$(FUZZ_DATAPLANE),$(eval $(call fuzz_program,dataplane,$(f),$(DATAPLANE_SRCS) $(NANOPB_SRCS),$(NANOPB_LIBS))))
$(foreach f,$(FUZZ_CONTROLPLANE),$(eval $(call fuzz_program,controlplane,$(f),$(CONTROLPLANE_SRCS) $(PROTOBUF_C_SRCS) $(EMBEDDED_SRCS),$$(PKG_CONTROLPLANE))))

.PHONY: fuzz
fuzz: $(FUZZ_PROGRAMS)
	$(Q)$(PYTHON) tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $^
-include $(shell find $(FUZZ_OUT) -name '*.d' 2>/dev/null)

# ---- lint: who may include whom, sizes, headers that stand alone, banned calls --------------------
.PHONY: lint
lint: | $(NANOPB_GEN) $(PROTOBUF_C_GEN)
	$(Q)$(PYTHON) tests/lint/check_layers.py
	$(Q)$(PYTHON) tests/lint/check_sizes.py
	$(Q)$(PYTHON) tests/lint/check_readmes.py
	$(Q)$(PYTHON) tests/lint/check_words.py
	$(Q)$(PYTHON) tests/lint/check_shell.py
	$(Q)$(PYTHON) tests/lint/check_headers.py --cc "$(CC)" --gen $(GEN)

.PHONY: unit-build test
unit-build: $(UNIT_PROGRAMS)
test: deps-test
	$(Q)$(PYTHON) tests/run.py

# ---- interop: stock gRPC clients (python3-grpcio) against our gRPC server ---------------------------
INTEROP_SERVER := $(UNIT_BIN)/grpc_server
$(OUT)/obj/tests/interop/%.o: tests/interop/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(INC_COMMON) $(CFLAGS) -MMD -MP -c -o $@ $<

$(INTEROP_SERVER): $(call objs,tests/interop/grpc_server.c tests/unit/common/net/grpc_echo.c) $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_COMMON)

INTEROP_CLIENT := $(UNIT_BIN)/grpc_client
$(INTEROP_CLIENT): $(call objs,tests/interop/grpc_client.c) $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_COMMON)

.PHONY: interop
interop: $(INTEROP_SERVER) $(INTEROP_CLIENT)
	$(Q)$(PYTHON) tests/interop/grpc_interop.py $(INTEROP_SERVER) $(INTEROP_CLIENT)

# ---- helpers of the end-to-end tests and the measurements ------------------------------------------
$(OUT)/obj/tests/lib/%.o: tests/lib/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) $(CPPFLAGS) $(INC_COMMON) -Itests/lib $(CFLAGS) -MMD -MP -c -o $@ $<

$(BIN)/mkbundle: $(OUT)/obj/tests/lib/mkbundle.o $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_COMMON)

.PHONY: test-tools
test-tools: $(BIN)/mkbundle

# ---- measurements: always the release build ---------------------------------------------------------
$(BIN)/perf-%: tests/perf/%.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $<")
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 -O2 -Wall -Wextra -o $@ $<

.PHONY: bench
bench: deps-bench
	$(Q)$(MAKE) --no-print-directory -s -j$$(nproc) all $(BIN)/mkbundle $(BIN)/perf-origin $(BIN)/perf-floor
	$(Q)$(PYTHON) tests/perf/bench.py --bin $(BIN) $(BENCH_ARGS)
	$(Q)$(PYTHON) tests/perf/apply.py
