/* Calendar days in Asia/Shanghai (UTC+8 all year since 1992), the days by which certificates are
 * renewed. Times are Unix seconds. */
#ifndef OPENUKEY_FORMATS_CALENDAR_H
#define OPENUKEY_FORMATS_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* Days since 1970-01-01 of the Shanghai calendar day that holds `time`. */
int64_t calendar_day(int64_t time);

/* Calendar days from `from` to `to`; negative when `to` lies on an earlier day. */
int64_t calendar_days_between(int64_t from, int64_t to);

/* The same Shanghai wall-clock time, `days` or `years` later (or earlier, negative); 29 February
 * becomes the 28th. */
int64_t calendar_add_days(int64_t time, int64_t days);
int64_t calendar_add_years(int64_t time, int years);

/* The last second (23:59:59) of the Shanghai day that holds `time`. */
int64_t calendar_end_of_day(int64_t time);

/* "YYYY-MM-DD" of the Shanghai day. Years 1..9999; outside them "0000-00-00". */
void calendar_date_text(int64_t time, char out[11]);

/* RFC 3339 in UTC, "YYYY-MM-DDThh:mm:ssZ"; and reading it (Z or +hh:mm, no fractions). False: not
 * such a time. */
void calendar_rfc3339(int64_t time, char out[21]);
bool calendar_parse_rfc3339(const char *text, int64_t *out);

#endif
