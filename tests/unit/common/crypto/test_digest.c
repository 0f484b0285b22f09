#include <check.h>
#include <pthread.h>
#include <string.h>

#include "crypto/digest.h"

Suite *test_digest_suite(void);

static const struct {
    const char *text, *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void *hash_cb(void *arg)
{
    uint8_t out[DIGEST_SHA256];

    for (int i = 0; i < 100; i++)
        digest_sha256(vectors[1].text, 3, out);
    digest_hex(out, sizeof(out), arg);
    return NULL;
}

START_TEST(one_shot_and_incremental_agree)
{
    uint8_t out[DIGEST_SHA256], again[DIGEST_SHA256];
    char hex[DIGEST_SHA256_HEX + 1];
    struct digest d;
    const char *text = vectors[_i].text;
    size_t n = strlen(text);
    struct slice parts[2] = {{text, n / 2}, {text + n / 2, n - n / 2}};

    digest_sha256(text, n, out);
    digest_hex(out, sizeof(out), hex);
    ck_assert_str_eq(hex, vectors[_i].hex);
    digest_sha256_parts(parts, 2, again);
    ck_assert_mem_eq(out, again, sizeof(out));
    digest_init(&d);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < n; i++)
            digest_add(&d, text + i, 1);
        digest_end(&d, again);
        ck_assert_mem_eq(out, again, sizeof(out));
    }
    digest_fini(&d);
    digest_fini(&d);
}
END_TEST

START_TEST(threads)
{
    pthread_t t[4];
    char hex[4][DIGEST_SHA256_HEX + 1];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, hash_cb, hex[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        ck_assert_str_eq(hex[i], vectors[1].hex);
    }
}
END_TEST

START_TEST(hex)
{
    uint8_t out[2] = {9, 9};

    ck_assert(digest_unhex(SLICE_LIT("0aFf"), out, 2));
    ck_assert_int_eq(out[0], 0x0a);
    ck_assert_int_eq(out[1], 0xff);
    ck_assert(!digest_unhex(SLICE_LIT("0aF"), out, 2));
    ck_assert(!digest_unhex(SLICE_LIT("0aF/"), out, 2));
    ck_assert(!digest_unhex(SLICE_LIT("0aFff"), out, 2));
    ck_assert_int_eq(out[1], 0xff);
    ck_assert(digest_unhex(SLICE_NONE, out, 0));
}
END_TEST

Suite *test_digest_suite(void)
{
    Suite *s = suite_create("digest");
    TCase *t = tcase_create("digest");

    tcase_add_loop_test(t, one_shot_and_incremental_agree, 0, 3);
    tcase_add_test(t, threads);
    tcase_add_test(t, hex);
    suite_add_tcase(s, t);
    return s;
}
