CONTROLPLANE_SRCS :=

# Files embedded into the control plane (generated below build/gen).
EMBEDDED_SRCS :=
EMBEDDED_GEN := $(EMBEDDED_SRCS)
