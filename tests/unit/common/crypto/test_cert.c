#include <check.h>
#include <string.h>
#include <time.h>

#include "crypto/cert.h"
#include "crypto/digest.h"

Suite *test_cert_suite(void);

static struct buf ca_cert, ca_key, server_cert, server_key, csr, csr_key, node;
static struct cert_ca *ca;
static struct err e;

static void setup(void)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "*.example.com"};
    struct buf *all[] = {&ca_cert, &ca_key, &server_cert, &server_key, &csr, &csr_key, &node};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buf_init(all[i], 0);
    ck_assert_int_eq(cert_make_ca("Test CA", 10, &ca_cert, &ca_key, &e), 0);
    ck_assert_int_eq(cert_ca_load(buf_slice(&ca_cert), buf_slice(&ca_key), &ca, &e), 0);
    ck_assert_int_eq(cert_make_server(ca, names, 4, 5, &server_cert, &server_key, &e), 0);
    ck_assert_int_eq(cert_make_csr("spiffe://evil/dp/prod/root", &csr_key, &csr, &e), 0);
}

static void teardown(void)
{
    cert_ca_free(ca);
    cert_wipe(&ca_key);
    cert_wipe(&server_key);
    cert_wipe(&csr_key);
    buf_fini(&ca_cert);
    buf_fini(&server_cert);
    buf_fini(&csr);
    buf_fini(&node);
}

START_TEST(ca_and_server)
{
    struct cert_info info;
    struct buf der;
    uint8_t hash[DIGEST_SHA256];
    int64_t now = time(NULL);

    ck_assert_int_eq(cert_info_pem(cert_ca_pem(ca), &info, &e), 0);
    ck_assert(info.is_ca);
    ck_assert_str_eq(info.subject, "Test CA");
    ck_assert_mem_eq(info.sha256, cert_ca_sha256(ca), 32);
    digest_sha256(cert_ca_der(ca).p, cert_ca_der(ca).n, hash);
    ck_assert_mem_eq(hash, info.sha256, 32);
    ck_assert_int_eq(cert_info_pem(buf_slice(&server_cert), &info, &e), 0);
    ck_assert(!info.is_ca);
    ck_assert_str_eq(info.issuer, "Test CA");
    ck_assert_str_eq(info.uri, "");
    ck_assert_int_le(info.not_before, now - CERT_BACKDATE_S + 5);
    ck_assert_int_ge(info.not_after, now + 5 * 86400 - 60);
    ck_assert_int_eq(cert_check_pair(buf_slice(&server_cert), buf_slice(&server_key), &e), 0);
    ck_assert_int_eq(cert_check_pair(buf_slice(&server_cert), buf_slice(&csr_key), &e), -ERR_MISMATCH);
    buf_init(&der, 0);
    ck_assert_int_eq(cert_pem_to_der(buf_slice(&server_cert), 1, &der, &e), 0);
    ck_assert(slice_eq(buf_slice(&der), cert_ca_der(ca)));
    ck_assert_int_eq(cert_pem_to_der(buf_slice(&server_cert), 2, &der, &e), -ERR_NOTFOUND);
    buf_fini(&der);
}
END_TEST

START_TEST(verify)
{
    struct buf other_cert, other_key;
    struct slice chain = buf_slice(&server_cert), roots = buf_slice(&ca_cert);

    buf_init(&other_cert, 0);
    buf_init(&other_key, 0);
    ck_assert_int_eq(cert_make_ca("Test CA", 10, &other_cert, &other_key, &e), 0);
    ck_assert_int_eq(cert_verify(chain, roots, CERT_SERVER, 0, &e), 0);
    ck_assert_int_eq(cert_verify(chain, roots, CERT_CLIENT, 0, &e), -ERR_DENIED);
    ck_assert_int_eq(cert_verify(chain, roots, CERT_SERVER, time(NULL) + 6 * 86400, &e), -ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(e.text, "expired"));
    ck_assert_int_eq(cert_verify(chain, buf_slice(&other_cert), CERT_SERVER, 0, &e), -ERR_DENIED);
    buf_fini(&other_cert);
    cert_wipe(&other_key);
}
END_TEST

START_TEST(node_certificate)
{
    struct cert_info info;
    struct buf pem, again;

    ck_assert_int_eq(cert_sign_csr(ca, buf_slice(&csr), "spiffe://c1/dp/prod/node-a,DNS:evil", 0, 3600, &node, &e), 0);
    ck_assert_int_eq(cert_info_der(buf_slice(&node), &info, &e), 0);
    ck_assert_str_eq(info.uri, "spiffe://c1/dp/prod/node-a,DNS:evil"); /* one name, not two */
    ck_assert_int_le(info.not_after, time(NULL) + 3600);
    buf_init(&pem, 0);
    buf_init(&again, 0);
    ck_assert_int_eq(cert_der_to_pem(buf_slice(&node), &pem, &e), 0);
    ck_assert_int_eq(cert_verify(buf_slice(&pem), cert_ca_pem(ca), CERT_CLIENT, 0, &e), 0);
    ck_assert_int_eq(cert_verify(buf_slice(&pem), cert_ca_pem(ca), CERT_SERVER, 0, &e), -ERR_DENIED);
    ck_assert_int_eq(cert_check_pair(buf_slice(&pem), buf_slice(&csr_key), &e), 0);
    /* never longer than the CA */
    buf_clear(&node);
    ck_assert_int_eq(cert_sign_csr(ca, buf_slice(&csr), "spiffe://c1/dp/prod/b", 0, 86400 * 365, &node, &e), 0);
    ck_assert_int_eq(cert_info_der(buf_slice(&node), &info, &e), 0);
    ck_assert_int_le(info.not_after, time(NULL) + 10 * 86400);
    ck_assert_uint_eq(info.mark, 0);
    /* renewal of the same key */
    ck_assert_int_eq(cert_make_csr_for(buf_slice(&csr_key), "again", &again, &e), 0);
    buf_clear(&node);
    ck_assert_int_eq(cert_sign_csr(ca, buf_slice(&again), "spiffe://c1/dp/prod/b", UINT64_C(0x8123456789abcdef), 60, &node, &e), 0);
    ck_assert_int_eq(cert_info_der(buf_slice(&node), &info, &e), 0);
    ck_assert_uint_eq(info.mark, UINT64_C(0x8123456789abcdef));
    ck_assert_int_eq(strncmp(info.serial, "534C434D8123456789ABCDEF", 24), 0);
    buf_fini(&pem);
    buf_fini(&again);
}
END_TEST

START_TEST(refused)
{
    static const char *const bad_names[] = {"a b"};
    struct cert_ca *none = NULL;
    struct cert_info info;
    struct buf out;

    buf_init(&out, 0);
    csr.p[csr.r + buf_len(&csr) - 5] ^= 1; /* inside the signature */
    ck_assert_int_lt(cert_sign_csr(ca, buf_slice(&csr), "spiffe://x/y", 0, 60, &out, &e), 0);
    ck_assert_int_lt(cert_sign_csr(ca, SLICE_LIT("hello"), "spiffe://x/y", 0, 60, &out, &e), 0);
    ck_assert_int_lt(cert_sign_csr(ca, buf_slice(&csr), "", 0, 60, &out, &e), 0);
    ck_assert_int_eq(cert_make_server(ca, bad_names, 1, 1, &out, &out, &e), -ERR_INVALID);
    ck_assert_int_eq(cert_make_server(ca, bad_names, 0, 1, &out, &out, &e), -ERR_LIMIT);
    ck_assert_int_eq(cert_ca_load(buf_slice(&server_cert), buf_slice(&server_key), &none, &e), -ERR_INVALID);
    ck_assert_int_eq(cert_ca_load(buf_slice(&ca_cert), buf_slice(&server_key), &none, &e), -ERR_MISMATCH);
    ck_assert_int_eq(cert_info_pem(SLICE_LIT("nonsense"), &info, &e), -ERR_SYNTAX);
    ck_assert_int_eq(cert_info_pem(SLICE_NONE, &info, &e), -ERR_SYNTAX);
    ck_assert_int_eq(cert_info_pem(SLICE_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                                   &info, &e), -ERR_SYNTAX);
    ck_assert_int_eq(cert_info_der(SLICE_LIT("\x30\x01"), &info, &e), -ERR_SYNTAX);
    ck_assert_uint_eq(buf_len(&out), 0);
    buf_fini(&out);
}
END_TEST

Suite *test_cert_suite(void)
{
    Suite *s = suite_create("cert");
    TCase *t = tcase_create("cert");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ca_and_server);
    tcase_add_test(t, verify);
    tcase_add_test(t, node_certificate);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}
