/* clock.h - moments as text (ISO 8601) and as Unix time, in seconds. */
#ifndef GALLERY_CLOCK_H
#define GALLERY_CLOCK_H

#include <stdbool.h>

/* "2019-11-18T23:45:14.5Z", with "+02:00", "+0200" or no zone (which is UTC), a space for the T,
 * without seconds, or a date alone. false: not such a text, or a date that is none. A leap second
 * is the second after it. */
bool gallery_clock_parse(const char *text, double *unix_s);

/* Of a date of the Gregorian calendar, from year 1 to 9999. */
bool gallery_clock_of(int year, int month, int day, double second_of_day, double *unix_s);

/* "2019-11-18T23:45:14.500Z". */
#define GALLERY_CLOCK_TEXT 96
const char *gallery_clock_format(double unix_s, char text[GALLERY_CLOCK_TEXT]);

#endif
