#pragma once
/* The layout that writer and reader share. */
#include <stdint.h>

#include "bundle/bundle.h"

#define FILE_MAGIC "SLUICEB1"
#define FILE_MAGIC_END "SLUICEBE"
#define FILE_FORMAT 1u
#define FILE_PRELUDE 32u                      /* without its hash */
#define FILE_ENTRY (4u + 4u + BUNDLE_HASH)    /* of the table */
#define FILE_FOOTER 16u

static inline void file_put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline void file_put_u64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint32_t file_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t file_get_u64(const uint8_t *p)
{
    return (uint64_t)file_get_u32(p) | (uint64_t)file_get_u32(p + 4) << 32;
}
