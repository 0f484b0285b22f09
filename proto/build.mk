# One schema, two generators: protobuf-c for the control plane, nanopb for the data plane.
PROTOS := \
	proto/bundle.proto \
	proto/push.proto

PROTOBUF_C_SRCS := $(patsubst proto/%.proto,$(GEN)/protobuf-c/%.pb-c.c,$(PROTOS))
PROTOBUF_C_GEN := $(PROTOBUF_C_SRCS) $(PROTOBUF_C_SRCS:.c=.h)
NANOPB_SRCS := $(patsubst proto/%.proto,$(GEN)/nanopb/%.pb.c,$(PROTOS))
NANOPB_GEN := $(NANOPB_SRCS) $(NANOPB_SRCS:.c=.h)

$(GEN)/protobuf-c/%.pb-c.c $(GEN)/protobuf-c/%.pb-c.h &: proto/%.proto
	@mkdir -p $(@D)
	$(if $(Q),@echo "  PROTOC-C $<")
	$(Q)$(PROTOC_C) --proto_path=proto --c_out=$(@D) $<

$(GEN)/nanopb/%.pb.c $(GEN)/nanopb/%.pb.h &: proto/%.proto proto/%.options
	@mkdir -p $(@D)
	$(if $(Q),@echo "  NANOPB $<")
	$(Q)$(PROTOC) --proto_path=proto --nanopb_out="-Iproto:$(@D)" $<

# What reflection answers with: the compiled schema as bytes in the control plane.
PUSH_DESCRIPTOR := $(GEN)/push_descriptor.c
$(PUSH_DESCRIPTOR): proto/push.proto proto/embed.py
	@mkdir -p $(@D)
	$(if $(Q),@echo "  EMBED $<")
	$(Q)$(PROTOC) --proto_path=proto --include_imports --descriptor_set_out=$(@:.c=.pb) push.proto
	$(Q)$(PYTHON) proto/embed.py push_descriptor $(@:.c=.pb) > $@
