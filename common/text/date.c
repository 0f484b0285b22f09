#include "text/date.h"

#include <stdbool.h>
#include <string.h>

#define DAY 86400

static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

/* Days since 1970 to a date of the Gregorian calendar and back; eras of 400 years that begin in March (Howard Hinnant's
 * "chrono-compatible low-level date algorithms"). */
static struct civil civil_of(int64_t z)
{
    struct civil c;
    int64_t era, doe, yoe, doy, mp;

    z += 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

static int64_t days_of(struct civil c)
{
    int64_t y = c.year - (c.month <= 2), era, yoe, doy;

    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int month_length(int64_t year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (month == 2)
        return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static int64_t weekday_of(int64_t day)
{
    return (day % 7 + 7) % 7;
}

static void put_digits(char *out, int64_t v, int n)
{
    for (; n > 0; v /= 10)
        out[--n] = (char)('0' + v % 10);
}

void date_http_format(int64_t t, char *out)
{
    const int64_t least = -62135596800, most = 253402300799; /* years 1 and 9999 */
    struct civil c;
    int64_t day, second;

    t = t < least ? least : t > most ? most : t;
    day = t >= 0 ? t / DAY : -((-t + DAY - 1) / DAY);
    second = t - day * DAY;
    c = civil_of(day);
    memcpy(out, "Thu, 00 Jan 0000 00:00:00 GMT", DATE_HTTP_SIZE);
    memcpy(out, days + 3 * weekday_of(day), 3);
    put_digits(out + 5, c.day, 2);
    memcpy(out + 8, months + 3 * (c.month - 1), 3);
    put_digits(out + 12, c.year, 4);
    put_digits(out + 17, second / 3600, 2);
    put_digits(out + 20, second / 60 % 60, 2);
    put_digits(out + 23, second % 60, 2);
}

struct slice date_http_cached(struct date_cache *c, int64_t unix_seconds)
{
    if (c->second != unix_seconds || c->text[0] == '\0') {
        date_http_format(unix_seconds, c->text);
        c->second = unix_seconds;
    }
    return slice_from(c->text, DATE_HTTP_SIZE);
}

/* n digits; -1 where one is none. */
static int64_t read_digits(const char *p, int n)
{
    int64_t v = 0;

    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* "hh:mm:ss" as seconds; a leap second counts as the one before it. -1 where malformed. */
static int64_t read_clock(const char *p)
{
    int64_t h = read_digits(p, 2), m = read_digits(p + 3, 2), s = read_digits(p + 6, 2);

    if (p[2] != ':' || p[5] != ':' || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60)
        return -1;
    return h * 3600 + m * 60 + (s == 60 ? 59 : s);
}

static bool is_date(struct civil c)
{
    return c.year >= 1 && c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= month_length(c.year, c.month);
}

int date_http_parse(struct slice s, int64_t *unix_seconds)
{
    struct civil c;
    int64_t second, day;

    if (s.n != DATE_HTTP_SIZE || memcmp(s.p + 3, ", ", 2) != 0 || s.p[7] != ' ' || s.p[11] != ' ' || s.p[16] != ' ' ||
        memcmp(s.p + 25, " GMT", 4) != 0)
        return -ERR_SYNTAX;
    for (c.month = 1; c.month <= 12 && memcmp(months + 3 * (c.month - 1), s.p + 8, 3) != 0; c.month++)
        ;
    c.day = (int)read_digits(s.p + 5, 2);
    c.year = read_digits(s.p + 12, 4);
    second = read_clock(s.p + 17);
    if (second < 0 || !is_date(c))
        return -ERR_SYNTAX;
    day = days_of(c);
    if (memcmp(days + 3 * weekday_of(day), s.p, 3) != 0)
        return -ERR_SYNTAX;
    *unix_seconds = day * DAY + second;
    return 0;
}

/* "Z", "+01:00" as seconds east. */
static int read_offset(struct slice s, int64_t *east)
{
    int64_t h, m;

    *east = 0;
    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z'))
        return 0;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
        return -ERR_SYNTAX;
    h = read_digits(s.p + 1, 2);
    m = read_digits(s.p + 4, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return -ERR_SYNTAX;
    *east = (h * 3600 + m * 60) * (s.p[0] == '-' ? -1 : 1);
    return 0;
}

int date_iso_parse(struct slice s, int64_t *unix_ms)
{
    int64_t second, ms = 0, east;
    size_t at = 19, digits;
    struct civil c;

    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || (s.p[10] != 'T' && s.p[10] != 't'))
        return -ERR_SYNTAX;
    c.year = read_digits(s.p, 4);
    c.month = (int)read_digits(s.p + 5, 2);
    c.day = (int)read_digits(s.p + 8, 2);
    second = read_clock(s.p + 11);
    if (second < 0 || !is_date(c))
        return -ERR_SYNTAX;
    if (s.p[at] == '.') {
        for (digits = 0, at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, digits++)
            if (digits < 3)
                ms += (s.p[at] - '0') * (digits == 0 ? 100 : digits == 1 ? 10 : 1);
        if (digits == 0)
            return -ERR_SYNTAX;
    }
    if (read_offset(slice_sub(s, at, s.n), &east) != 0)
        return -ERR_SYNTAX;
    *unix_ms = (days_of(c) * DAY + second - east) * 1000 + ms;
    return 0;
}
