#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

struct sip {
    uint64_t a, b, c, d;
};

static inline __attribute__((always_inline)) struct sip sip_round(struct sip v)
{
    v.a += v.b;
    v.b = ROTL(v.b, 13) ^ v.a;
    v.a = ROTL(v.a, 32);
    v.c += v.d;
    v.d = ROTL(v.d, 16) ^ v.c;
    v.a += v.d;
    v.d = ROTL(v.d, 21) ^ v.a;
    v.c += v.b;
    v.b = ROTL(v.b, 17) ^ v.c;
    v.c = ROTL(v.c, 32);
    return v;
}

/* The last n (0 to 7) bytes as a number. */
static inline uint64_t sip_tail(const unsigned char *s, size_t n)
{
    uint64_t t = 0;
    uint32_t four;
    uint16_t two;
    size_t k = 0;

    if (n & 4) {
        memcpy(&four, s, 4);
        t = four;
        k = 4;
    }
    if (n & 2) {
        memcpy(&two, s + k, 2);
        t |= (uint64_t)two << (8 * k);
        k += 2;
    }
    if (n & 1)
        t |= (uint64_t)s[k] << (8 * k);
    return t;
}

uint64_t map_siphash(uint64_t k0, uint64_t k1, const void *p, size_t n)
{
    struct sip v = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    const unsigned char *s = p;
    uint64_t m;
    size_t i, whole = n & ~(size_t)7;

    for (i = 0; i < whole; i += 8) {
        memcpy(&m, s + i, 8);
        v.d ^= m;
        v = sip_round(v);
        v.a ^= m;
    }
    m = (uint64_t)n << 56;
    if (n != whole)
        m |= sip_tail(s + whole, n - whole);
    v.d ^= m;
    v = sip_round(v);
    v.a ^= m;
    v.c ^= 0xff;
    v = sip_round(sip_round(sip_round(v)));
    return v.a ^ v.b ^ v.c ^ v.d;
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
