/* Shanghai calendar days by the civil-date arithmetic of the proleptic Gregorian calendar. */
#include "module/formats/calendar.h"

#include <stdio.h>
#include <string.h>

enum { SECONDS_A_DAY = 86400, SHANGHAI_OFFSET = 8 * 3600 };

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Days since 1970-01-01 of a date, and back; years start in March inside, so that leap days come
 * last. */
static int64_t days_from_civil(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int days_in_month(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int64_t calendar_day(int64_t time) {
    return floor_div(time + SHANGHAI_OFFSET, SECONDS_A_DAY);
}

int64_t calendar_days_between(int64_t from, int64_t to) {
    return calendar_day(to) - calendar_day(from);
}

int64_t calendar_add_days(int64_t time, int64_t days) {
    return time + days * SECONDS_A_DAY;
}

int64_t calendar_add_years(int64_t time, int years) {
    int64_t day_number = calendar_day(time);
    int64_t second = time + SHANGHAI_OFFSET - day_number * SECONDS_A_DAY;
    int64_t year;
    int month, day;
    civil_from_days(day_number, &year, &month, &day);
    year += years;
    int last = days_in_month(year, month);
    if (day > last)
        day = last;
    return days_from_civil(year, month, day) * SECONDS_A_DAY + second - SHANGHAI_OFFSET;
}

int64_t calendar_end_of_day(int64_t time) {
    return (calendar_day(time) + 1) * SECONDS_A_DAY - 1 - SHANGHAI_OFFSET;
}

void calendar_date_text(int64_t time, char out[11]) {
    int64_t year;
    int month, day;
    civil_from_days(calendar_day(time), &year, &month, &day);
    if (year < 1 || year > 9999) {
        memcpy(out, "0000-00-00", 11);
        return;
    }
    char text[32];
    snprintf(text, sizeof text, "%04d-%02d-%02d", (int)year, month, day);
    memcpy(out, text, 11);
}

void calendar_rfc3339(int64_t time, char out[21]) {
    int64_t days = floor_div(time, SECONDS_A_DAY);
    int second = (int)(time - days * SECONDS_A_DAY);
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    if (year < 1 || year > 9999) {
        memcpy(out, "0000-00-00T00:00:00Z", 21);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, month, day,
             second / 3600, second / 60 % 60, second % 60);
    memcpy(out, text, 21);
}

/* `count` digits at *p; moves on. -1: not digits. */
static int digits(const char **p, int count) {
    int value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        value = value * 10 + (**p - '0');
    }
    return value;
}

static bool literal(const char **p, char c) {
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

bool calendar_parse_rfc3339(const char *text, int64_t *out) {
    *out = 0;
    const char *p = text;
    int year = digits(&p, 4);
    if (year < 1 || !literal(&p, '-'))
        return false;
    int month = digits(&p, 2);
    if (month < 1 || month > 12 || !literal(&p, '-'))
        return false;
    int day = digits(&p, 2);
    if (day < 1 || day > days_in_month(year, month) || !(literal(&p, 'T') || literal(&p, 't')))
        return false;
    int hour = digits(&p, 2);
    if (hour < 0 || hour > 23 || !literal(&p, ':'))
        return false;
    int minute = digits(&p, 2);
    if (minute < 0 || minute > 59 || !literal(&p, ':'))
        return false;
    int second = digits(&p, 2);
    if (second < 0 || second > 59)
        return false;
    int offset = 0;
    if (*p == '+' || *p == '-') {
        int sign = *p++ == '-' ? -1 : 1;
        int offset_hour = digits(&p, 2);
        if (offset_hour < 0 || offset_hour > 23 || !literal(&p, ':'))
            return false;
        int offset_minute = digits(&p, 2);
        if (offset_minute < 0 || offset_minute > 59)
            return false;
        offset = sign * (offset_hour * 3600 + offset_minute * 60);
    } else if (!literal(&p, 'Z') && !literal(&p, 'z')) {
        return false;
    }
    if (*p != '\0')
        return false;
    int second_of_day = hour * 3600 + minute * 60 + second;
    *out = days_from_civil(year, month, day) * SECONDS_A_DAY + second_of_day - offset;
    return true;
}
