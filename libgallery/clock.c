#include "clock.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S 86400.0
#define DAYS_OF_400_YEARS 146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Years begin with March here, so that the leap day is the last. */
static long days_from_epoch(int year, int month, int day) {
    long y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_DAYS;
}

bool gallery_clock_of(int year, int month, int day, double second_of_day, double *unix_s) {
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > days_in(year, month) || !(second_of_day >= 0 && second_of_day < DAY_S + 1))
        return false;
    *unix_s = (double)days_from_epoch(year, month, day) * DAY_S + second_of_day;
    return true;
}

/* Exactly n digits. */
static bool digits(const char **at, int n, int *value) {
    *value = 0;
    for (; n > 0; n--, ++*at) {
        if (!isdigit((unsigned char)**at)) return false;
        *value = 10 * *value + **at - '0';
    }
    return true;
}

static bool skip(const char **at, char c) {
    if (**at != c) return false;
    ++*at;
    return true;
}

static bool parse_seconds(const char **at, double *second) {
    int whole;
    if (!digits(at, 2, &whole) || whole > 60) return false;
    *second = whole;
    if (**at != '.' && **at != ',') return true;
    double unit = 0.1;
    for (++*at; isdigit((unsigned char)**at); ++*at, unit /= 10) *second += unit * (**at - '0');
    return unit < 0.1;
}

/* Seconds to be taken off. */
static bool parse_zone(const char **at, double *zone_s) {
    int hours, minutes = 0;
    *zone_s = 0;
    if (!**at || skip(at, 'Z') || skip(at, 'z')) return true;
    bool east = **at == '+';
    if (!skip(at, '+') && !skip(at, '-')) return false;
    if (!digits(at, 2, &hours) || hours > 23) return false;
    skip(at, ':');
    if (**at && (!digits(at, 2, &minutes) || minutes > 59)) return false;
    *zone_s = (east ? 1 : -1) * (hours * 3600.0 + minutes * 60.0);
    return true;
}

bool gallery_clock_parse(const char *text, double *unix_s) {
    int year, month, day, hour = 0, minute = 0;
    double second = 0, zone_s = 0;
    const char *at = text;
    if (!digits(&at, 4, &year) || !skip(&at, '-') || !digits(&at, 2, &month) || !skip(&at, '-') ||
        !digits(&at, 2, &day))
        return false;
    if (*at) {
        if (!skip(&at, 'T') && !skip(&at, 't') && !skip(&at, ' ')) return false;
        if (!digits(&at, 2, &hour) || !skip(&at, ':') || !digits(&at, 2, &minute)) return false;
        if (skip(&at, ':') && !parse_seconds(&at, &second)) return false;
        if (!parse_zone(&at, &zone_s)) return false;
    }
    if (*at || hour > 23 || minute > 59) return false;
    if (!gallery_clock_of(year, month, day, hour * 3600.0 + minute * 60.0 + second, unix_s))
        return false;
    *unix_s -= zone_s;
    return true;
}

const char *gallery_clock_format(double unix_s, char text[GALLERY_CLOCK_TEXT]) {
    double ms = nearbyint(unix_s * 1000);
    if (!(fabs(ms) < 3e14)) {
        snprintf(text, GALLERY_CLOCK_TEXT, "%g s", unix_s);
        return text;
    }
    long days = (long)floor(ms / (DAY_S * 1000)), of_day = (long)(ms - (double)days * DAY_S * 1000);
    long z = days + EPOCH_DAYS;
    long era = (z >= 0 ? z : z - DAYS_OF_400_YEARS + 1) / DAYS_OF_400_YEARS;
    long of_era = z - era * DAYS_OF_400_YEARS;
    long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    long month = m < 10 ? m + 3 : m - 9;
    snprintf(text, GALLERY_CLOCK_TEXT, "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld.%03ldZ",
             year + era * 400 + (month <= 2), month, of_year - (153 * m + 2) / 5 + 1,
             of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
    return text;
}
