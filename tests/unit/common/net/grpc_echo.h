#pragma once
/* A gRPC server with one method of each kind, for unit and interop tests. Requests and answers are raw bytes. */
#include "net/grpc.h"

/* /test.Echo/Unary: the request back; "fail" gives status 9 "50% fail: é". "hang" never answers.
 * /test.Echo/Count: request "N SIZE": N messages of SIZE bytes that begin with their number, then status 0.
 * /test.Echo/Sum: takes messages; answers "COUNT BYTES".
 * /test.Echo/Bidi: each message back. "pause" stops reading for good (until "resume" is told by echo_resume).
 * /test.Echo/Who: needs a client certificate; answers its URI. */
MUST_USE int grpc_echo_register(struct grpc_server *s);
/* Calls that had on_open and had no on_end yet, and how many ended with which status. */
extern int grpc_echo_open, grpc_echo_ended[17];
/* Most bytes that a Count call had pending. */
extern size_t grpc_echo_pending_max;
