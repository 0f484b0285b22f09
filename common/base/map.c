#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

uint64_t map_siphash(uint64_t k0, uint64_t k1, const void *p, size_t n)
{
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    const unsigned char *s = p;
    uint64_t last = (uint64_t)n << 56, m;
    size_t i, whole = n & ~(size_t)7;

    for (i = 0; i < whole; i += 8) {
        memcpy(&m, s + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (; i < n; i++)
        last |= (uint64_t)s[i] << (8 * (i & 7));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
    memset(m, 0, sizeof(*m));
    random_bytes(&m->k0, sizeof(m->k0));
    random_bytes(&m->k1, sizeof(m->k1));
}

void map_fini(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->n = m->size = 0;
}

static struct map_entry *find(const struct map *m, struct slice key, uint64_t hash)
{
    size_t i;

    if (m->size == 0)
        return NULL;
    for (i = hash & (m->size - 1); m->slots[i].value != NULL; i = (i + 1) & (m->size - 1))
        if (m->slots[i].hash == hash && slice_eq(m->slots[i].key, key))
            return &m->slots[i];
    return NULL;
}

void *map_get(const struct map *m, struct slice key)
{
    struct map_entry *e = find(m, key, map_siphash(m->k0, m->k1, key.p, key.n));

    return e == NULL ? NULL : e->value;
}

static void insert(struct map *m, struct slice key, void *value, uint64_t hash)
{
    size_t i = hash & (m->size - 1);

    while (m->slots[i].value != NULL)
        i = (i + 1) & (m->size - 1);
    m->slots[i] = (struct map_entry){key, value, hash};
    m->n++;
}

static int grow(struct map *m)
{
    struct map_entry *old = m->slots;
    size_t old_size = m->size, size = old_size == 0 ? 16 : old_size * 2;
    struct map_entry *slots = calloc(size, sizeof(*slots));

    if (slots == NULL)
        return -ERR_NOMEM;
    m->slots = slots;
    m->size = size;
    m->n = 0;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].value != NULL)
            insert(m, old[i].key, old[i].value, old[i].hash);
    free(old);
    return 0;
}

int map_put(struct map *m, struct slice key, void *value, void **old)
{
    uint64_t hash = map_siphash(m->k0, m->k1, key.p, key.n);
    struct map_entry *e = find(m, key, hash);

    if (old != NULL)
        *old = e == NULL ? NULL : e->value;
    if (e != NULL) {
        e->key = key;
        e->value = value;
        return 0;
    }
    if ((m->n + 1) * 4 > m->size * 3) {
        int rc = grow(m);

        if (rc != 0)
            return rc;
    }
    insert(m, key, value, hash);
    return 0;
}

void *map_del(struct map *m, struct slice key)
{
    struct map_entry *e = find(m, key, map_siphash(m->k0, m->k1, key.p, key.n));
    void *value;
    size_t hole, i;

    if (e == NULL)
        return NULL;
    value = e->value;
    hole = (size_t)(e - m->slots);
    m->n--;
    /* Close the gap: move back every later entry whose home is not between the hole and its place. */
    for (i = (hole + 1) & (m->size - 1); m->slots[i].value != NULL; i = (i + 1) & (m->size - 1)) {
        size_t home = m->slots[i].hash & (m->size - 1);

        if (((i - home) & (m->size - 1)) >= ((i - hole) & (m->size - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    memset(&m->slots[hole], 0, sizeof(m->slots[hole]));
    return value;
}

bool map_next(const struct map *m, size_t *at, struct slice *key, void **value)
{
    for (; *at < m->size; (*at)++) {
        if (m->slots[*at].value == NULL)
            continue;
        *key = m->slots[*at].key;
        *value = m->slots[*at].value;
        (*at)++;
        return true;
    }
    return false;
}
