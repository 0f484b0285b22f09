#pragma once
/* grpc.reflection.v1 and v1alpha for a grpc_server: list services, file by name, file containing symbol. */
#include "base/err.h"
#include "base/slice.h"

struct grpc_reflection;
struct grpc_server;

/* sets: serialized google.protobuf.FileDescriptorSet (protoc --include_imports --descriptor_set_out); the bytes are kept by
 * pointer. Registers the methods. Lists the server's services as they are when asked. Free it after the server.
 * -ERR_SYNTAX: a set that is none. */
MUST_USE int grpc_reflection_new(struct grpc_server *s, const struct slice *sets, size_t n_sets,
                                 struct grpc_reflection **out, struct err *e);
void grpc_reflection_free(struct grpc_reflection *r);
