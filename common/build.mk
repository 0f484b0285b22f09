COMMON_SRCS := \
	common/base/arena.c \
	common/base/buf.c \
	common/base/clock.c \
	common/base/err.c \
	common/base/file.c \
	common/base/log.c \
	common/base/map.c \
	common/base/opt.c \
	common/base/random.c \
	common/base/secret.c \
	common/base/vec.c \
	common/net/block.c \
	common/net/wheel.c

COMMON_SRCS += \
	common/net/graveyard.c \
	common/net/grpc_call.c \
	common/net/grpc_client.c \
	common/net/grpc_flow.c \
	common/net/grpc_health.c \
	common/net/grpc_link.c \
	common/net/grpc_pb.c \
	common/net/grpc_reflection.c \
	common/net/grpc_server.c \
	common/net/grpc_server_call.c \
	common/net/grpc_wire.c \
	common/net/h2.c \
	common/net/h2_session.c \
	common/net/h2_stream.c \
	common/net/listener.c \
	common/net/mailbox.c \
	common/net/resolve.c \
	common/net/sock.c \
	common/net/tlsctx.c \
	common/net/xport.c

COMMON_SRCS += \
	common/crypto/cert.c \
	common/crypto/cert_info.c \
	common/crypto/cert_io.c \
	common/crypto/digest.c

# http: pure
COMMON_SRCS += \
	common/http/h1_chunk.c \
	common/http/h1_class.c \
	common/http/h1_meaning.c \
	common/http/h1_parse.c \
	common/http/h1_write.c \
	common/http/http.c

# bundle: leaves, header and file; pure but for bundle_file's descriptors
COMMON_SRCS += \
	common/bundle/bundle.c \
	common/bundle/bundle_file_read.c \
	common/bundle/bundle_file_write.c \
	common/bundle/bundle_header.c \
	common/bundle/leaf.c \
	common/bundle/leaf_reader.c \
	common/bundle/wire.c
# text: pure
COMMON_SRCS += \
	common/text/b64.c \
	common/text/date.c \
	common/text/json.c \
	common/text/json_lex.c \
	common/text/json_read.c \
	common/text/json_write.c \
	common/text/mock_rules.c \
	common/text/mock_status.c \
	common/text/uri.c \
	common/text/utf8.c
