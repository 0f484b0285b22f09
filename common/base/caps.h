#pragma once
/* Bounds that several rooms share. Each says what happens when it is reached. */

#define CAPS_SPEC_FILE_MAX (32u << 20)     /* bytes a spec file; apply refuses it */
#define CAPS_APPLY_MAX (64u << 20)         /* bytes of all files of one apply; 413 */
#define CAPS_SPEC_DEPTH 64u                /* nesting of YAML and JSON; refused with its place */
#define CAPS_NAME_MAX 128u                 /* characters of a name; refused */
#define CAPS_BUNDLE_MAX (1024u << 20)      /* bytes of a bundle; refused at apply and by the node */
#define CAPS_LEAF_MAX (16u << 20)          /* bytes of one leaf; refused at apply and by the node */
#define CAPS_CHUNK_MAX (256u << 10)        /* bytes of one chunk on the wire; larger leaves are cut into pieces */
#define CAPS_PUSH_MESSAGE_MAX (512u << 10) /* bytes of one gRPC message between the planes; the stream is closed */
#define CAPS_ROUTES_MAX 1000000u           /* routes of a bundle; refused */
#define CAPS_PATH_SEGMENTS 64u             /* segments of a route or request path; refused, 414 */

/* HTTP/1 heads. Over these: 431 (headers), 414 (target), 413 (body). */
#define CAPS_HEAD_MAX 16384u
#define CAPS_TARGET_MAX 10240u
#define CAPS_HEADERS_MAX 100u
#define CAPS_BODY_MAX (10u << 20)
