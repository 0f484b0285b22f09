#include "store/store_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"

#define STORE_APPLICATION_ID 1397506885 /* "SLCE" */
#define STORE_BUSY_MS 5000

/* Two processes on one store would each think that they know its head. The lock goes with the process, however it ends. */
static int take_lock(struct store *s, const char *path, struct err *e)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof(name), "%s.lock", path);

    if (n < 0 || (size_t)n >= sizeof(name))
        return err_set(e, ERR_LIMIT, "store: the path is too long");
    s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return err_errno(e, "store: %s", name);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_NOTNOW, "store: %s is in use by another control plane", path);
    return 0;
}

/* SQLite gives its -wal and -shm files the mode of the database: make that one ours first. */
static int make_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_errno(e, "store: %s", path);
    (void)close(fd);
    return 0;
}

static int quick_check(struct store *s, const char *path, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "PRAGMA quick_check(1)", e);

    if (rc == 0) {
        rc = store_step(s, &q, e);
        if (rc == 1 && !slice_is(store_col_text(&q, 0), "ok")) {
            struct slice why = store_col_text(&q, 0);

            rc = err_set(e, ERR_INVALID, "store: %s is damaged (%.*s): stop, keep a copy of the file, and bring a backup back",
                         path, (int)(why.n > 200 ? 200 : why.n), why.p);
        }
        store_finish(&q);
    }
    if (rc < 0 && e != NULL && strstr(e->text, path) == NULL)
        return err_prefix(e, "%s", path);
    return rc < 0 ? rc : 0;
}

static int configure(struct store *s, struct err *e)
{
    struct store_stmt q;
    bool wal;
    int rc;

    (void)sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    rc = store_prepare(s, &q, "PRAGMA journal_mode=WAL", e);
    if (rc != 0)
        return rc;
    rc = store_step(s, &q, e);
    wal = rc == 1 && slice_is(store_col_text(&q, 0), "wal");
    store_finish(&q);
    if (rc < 0)
        return rc;
    if (!wal)
        return err_set(e, ERR_UNSUPPORTED, "store: this file system cannot do write-ahead logging");
    /* The page cache is what grows with revisions, up to this many KiB. The system's own cache holds the file anyway. */
    return store_exec(s, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA cache_size=-256;", e);
}

static int meta_put(struct store *s, const char *key, struct slice value, struct err *e)
{
    struct store_stmt q;
    int rc = store_prepare(s, &q, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, slice_of(key));
    store_bind_text(&q, value);
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}

static int meta_get(struct store *s, const char *key, char *out, size_t size, struct err *e)
{
    struct store_stmt q;
    struct slice v;
    int rc = store_prepare(s, &q, "SELECT value FROM meta WHERE key = ?1", e);

    if (rc != 0)
        return rc;
    store_bind_text(&q, slice_of(key));
    rc = store_step(s, &q, e);
    v = rc == 1 ? store_col_text(&q, 0) : SLICE_NONE;
    if (rc == 1 && v.n < size) {
        memcpy(out, v.p, v.n);
        out[v.n] = '\0';
        rc = 0;
    } else if (rc >= 0) {
        rc = err_set(e, ERR_INVALID, "store: '%s' is missing: the database is damaged", key);
    }
    store_finish(&q);
    return rc;
}

static int epoch_put(struct store *s, uint64_t epoch, struct err *e)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRIu64, epoch);

    return meta_put(s, "epoch", slice_from(text, (size_t)n), e);
}

static int migrate(struct store *s, int64_t from, struct err *e)
{
    char text[96], id[37];
    int rc = store_begin(s, e);

    if (rc != 0)
        return rc;
    for (int64_t i = from; rc == 0 && i < STORE_SCHEMA; i++)
        rc = store_exec(s, store_migrations[i], e);
    if (rc == 0 && from == 0) {
        random_uuid(id);
        rc = meta_put(s, "cluster_id", slice_of(id), e);
        if (rc == 0)
            rc = epoch_put(s, 1, e);
    }
    (void)snprintf(text, sizeof(text), "PRAGMA user_version=%d; PRAGMA application_id=%d", STORE_SCHEMA,
                   STORE_APPLICATION_ID);
    if (rc == 0)
        rc = store_exec(s, text, e);
    return store_end(s, rc, e);
}

static int check_schema(struct store *s, const char *path, struct err *e)
{
    int64_t version = 0, application = 0, tables = 0;
    int rc = store_read_int(s, "PRAGMA user_version", &version, e);

    if (rc == 0)
        rc = store_read_int(s, "PRAGMA application_id", &application, e);
    if (rc == 0)
        rc = store_read_int(s, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (rc != 0)
        return rc;
    if (application != STORE_APPLICATION_ID && tables != 0)
        return err_set(e, ERR_UNSUPPORTED, "store: %s is a database of another program", path);
    if (version > STORE_SCHEMA)
        return err_set(e, ERR_UNSUPPORTED,
                       "store: %s has schema %" PRId64 ", this program knows %d: it was written by a newer version; use that one",
                       path, version, STORE_SCHEMA);
    if (version == STORE_SCHEMA)
        return 0;
    if (version > 0)
        LOG_INFO("store schema moves forward", LOG_I64("from", version), LOG_I64("to", STORE_SCHEMA));
    return migrate(s, version, e);
}

static int load_meta(struct store *s, struct err *e)
{
    char epoch[24];
    char *end;
    int rc = meta_get(s, "cluster_id", s->cluster_id, sizeof(s->cluster_id), e);

    if (rc == 0)
        rc = meta_get(s, "epoch", epoch, sizeof(epoch), e);
    if (rc != 0)
        return rc;
    s->epoch = strtoull(epoch, &end, 10);
    if (*end != '\0' || s->epoch == 0)
        return err_set(e, ERR_INVALID, "store: the epoch is not a number: the database is damaged");
    return 0;
}

int store_open(const char *path, struct store **out, struct err *e)
{
    struct store *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return err_set(e, ERR_NOMEM, "store");
    s->lock_fd = -1;
    rc = take_lock(s, path, e);
    if (rc == 0)
        rc = make_file(path, e);
    if (rc == 0 && sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        rc = store_fail(s, e, "open");
    if (rc == 0)
        rc = quick_check(s, path, e);
    if (rc == 0)
        rc = configure(s, e);
    if (rc == 0)
        rc = check_schema(s, path, e);
    if (rc == 0)
        rc = load_meta(s, e);
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    if (s->db != NULL && sqlite3_close(s->db) != SQLITE_OK)
        LOG_ERROR("store did not close", LOG_STR("why", sqlite3_errmsg(s->db)));
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    free(s);
}

const char *store_cluster_id(const struct store *s)
{
    return s->cluster_id;
}

uint64_t store_epoch(const struct store *s)
{
    return s->epoch;
}

int store_epoch_raise(struct store *s, struct err *e)
{
    int rc = store_begin(s, e);

    if (rc != 0)
        return rc;
    rc = epoch_put(s, s->epoch + 1, e);
    if (rc == 0)
        rc = store_exec(s, "UPDATE head SET epoch = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch')", e);
    rc = store_end(s, rc, e);
    if (rc == 0)
        s->epoch++;
    return rc;
}

int store_backup(struct store *s, const char *path, struct err *e)
{
    struct store_stmt q;
    int rc;

    if (access(path, F_OK) == 0)
        return err_set(e, ERR_EXISTS, "store: %s exists", path);
    rc = store_prepare(s, &q, "VACUUM INTO ?1", e);
    if (rc != 0)
        return rc;
    store_bind_text(&q, slice_of(path));
    rc = store_run(s, &q, e);
    store_finish(&q);
    return rc;
}
