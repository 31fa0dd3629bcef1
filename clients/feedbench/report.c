/* The table that people read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define NAME_WIDTH 16

/* A number with commas between its thousands. */
static void format_number(double value, int decimals, char ret_text[48])
{
    char digits[40];
    char *out = ret_text;
    int length = isnan(value) ? snprintf(digits, sizeof(digits), "-") : snprintf(digits, sizeof(digits), "%.*f", decimals, value);
    int whole = (int)strcspn(digits, ".");

    for (int i = 0; i < length; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0 && digits[i - 1] != '-')
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
}

static int column_width(const struct metric_row *row)
{
    return (int)strlen(row->heading) > 12 ? (int)strlen(row->heading) : 12;
}

void report_verdict(const struct verdict *verdict, FILE *out)
{
    const struct check *check = verdict->check;
    char value[48], bar[48], low[48], high[48];
    int decimals = check->bar >= 100 ? 0 : check->bar >= 20 ? 1 : 3;

    format_number(verdict->median, decimals, value);
    format_number(check->bar, check->bar >= 20 ? 0 : 2, bar);
    format_number(verdict->lowest, decimals, low);
    format_number(verdict->highest, decimals, high);
    fprintf(out, "  %-12s %s: ", verdict->rounds == 0 ? "not measured" : verdict->met ? "met" : "MISSED", check->name);
    if (verdict->rounds > 0)
        fprintf(out, "%s (%s to %s), ", value, low, high);
    fprintf(out, "%s %s\n", check->sense == AT_LEAST ? "at least" : "at most", bar);
}

static void print_arm(const struct result *result, size_t arm, FILE *out)
{
    const struct arm_result *one = &result->arms[arm];

    fprintf(out, "  %-*s", NAME_WIDTH, one->arm->name);
    if (one->skipped[0]) {
        fprintf(out, "  skipped: %s\n", one->skipped);
        return;
    }
    for (const enum metric *column = result->scenario->columns; *column != METRICS; column++) {
        char text[48];

        format_number(result_median(result, arm, *column), metric_rows[*column].decimals, text);
        fprintf(out, "  %*s", column_width(&metric_rows[*column]), text);
    }
    if (result_valid_rounds(result, arm) < result->round_count)
        fprintf(out, "  %zu of %zu rounds void", result->round_count - result_valid_rounds(result, arm), result->round_count);
    for (size_t i = 0; i < result->round_count; i++)
        if (one->rounds[i].remark[0]) {
            fprintf(out, "  (%s)", one->rounds[i].remark);
            break;
        }
    putc('\n', out);
}

void report_print(const struct result *result, FILE *out)
{
    const struct scenario *scenario = result->scenario;
    bool is_small = memcmp(&result->arms[0].shape, &scenario->shape, sizeof(scenario->shape)) != 0;

    fprintf(out, "\n%s: %s (%s; medians of %zu round%s%s)\n\n  %-*s", scenario->name, scenario->title, scenario->operation,
            result->round_count, result->round_count == 1 ? "" : "s", is_small ? "; a small one, not the real thing" : "", NAME_WIDTH, "");
    for (const enum metric *column = scenario->columns; *column != METRICS; column++)
        fprintf(out, "  %*s", column_width(&metric_rows[*column]), metric_rows[*column].heading);
    putc('\n', out);
    for (size_t i = 0; i < result->arm_count; i++)
        print_arm(result, i, out);
    if (scenario->check_count > 0)
        putc('\n', out);
    for (size_t i = 0; i < scenario->check_count; i++)
        report_verdict(&result->verdicts[i], out);
}
