CONTROLPLANE_SRCS :=

# Files embedded into the control plane (generated below build/gen).
EMBEDDED_SRCS :=
EMBEDDED_GEN := $(EMBEDDED_SRCS)

CONTROLPLANE_SRCS += \
	controlplane/store/backstage.c \
	controlplane/store/store_audit.c \
	controlplane/store/store_blob.c \
	controlplane/store/store_commit.c \
	controlplane/store/store_head.c \
	controlplane/store/store_history.c \
	controlplane/store/store_node.c \
	controlplane/store/store_open.c \
	controlplane/store/store_schema.c \
	controlplane/store/store_sqlite.c \
	controlplane/store/store_token.c

CONTROLPLANE_SRCS += \
	controlplane/push/push_core.c \
	controlplane/push/push_core_node.c \
	controlplane/push/push_core_roll.c \
	controlplane/push/push_core_view.c
