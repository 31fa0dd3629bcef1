/* The record: everything that was measured, for machines. Numbers that were not measured are left out. */
#include <math.h>
#include <string.h>

#include "measure.h"

static void set_number(json_t *object, const char *name, double value)
{
    if (!isnan(value) && !isinf(value))
        json_object_set_new(object, name, json_real(value));
}

static json_t *describe_round(const struct round *round)
{
    json_t *object = json_object();

    for (size_t i = 0; i < METRICS; i++)
        set_number(object, metric_rows[i].name, round->values[i]);
    json_object_set_new(object, "valid", json_boolean(!round->voided[0]));
    if (round->voided[0])
        json_object_set_new(object, "void", json_stringn_nocheck(round->voided, strlen(round->voided)));
    if (round->remark[0])
        json_object_set_new(object, "remark", json_string(round->remark));
    return object;
}

static json_t *describe_arm(const struct result *result, size_t arm)
{
    const struct arm_result *one = &result->arms[arm];
    json_t *object = json_object();
    json_t *medians = json_object();
    json_t *rounds = json_array();

    json_object_set_new(object, "name", json_string(one->arm->name));
    if (one->skipped[0])
        json_object_set_new(object, "skipped", json_string(one->skipped));
    for (size_t i = 0; i < METRICS; i++)
        set_number(medians, metric_rows[i].name, result_median(result, arm, (enum metric)i));
    for (size_t i = 0; i < result->round_count && !one->skipped[0]; i++)
        json_array_append_new(rounds, describe_round(&one->rounds[i]));
    json_object_set_new(object, "medians", medians);
    json_object_set_new(object, "rounds", rounds);
    return object;
}

static json_t *describe_verdict(const struct verdict *verdict)
{
    const struct check *check = verdict->check;
    json_t *object = json_object();

    json_object_set_new(object, "name", json_string(check->name));
    json_object_set_new(object, "sense", json_string(check->sense == AT_LEAST ? "at least" : "at most"));
    json_object_set_new(object, "bar", json_real(check->bar));
    json_object_set_new(object, "measured", json_boolean(verdict->rounds > 0));
    json_object_set_new(object, "met", json_boolean(verdict->met));
    set_number(object, "value", verdict->median);
    set_number(object, "lowest", verdict->lowest);
    set_number(object, "highest", verdict->highest);
    return object;
}

static json_t *describe_shape(const struct shape *shape)
{
    const struct {
        const char *name;
        uint32_t value;
    } parts[] = {
        {"connections", shape->connections}, {"sources", shape->sources}, {"heard_by_each", shape->heard},
        {"followers", shape->followers}, {"window", shape->window}, {"rate_per_s", shape->rate_per_s},
        {"payload_bytes", shape->payload_bytes}, {"prefill", shape->prefill}, {"page", shape->page},
        {"coalesce", shape->coalesce}, {"followers_beside", shape->beside}, {"samples", shape->samples},
    };
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].value > 0)
            json_object_set_new(object, parts[i].name, json_integer(parts[i].value));
    return object;
}

static json_t *describe_result(const struct result *result)
{
    json_t *object = json_object();
    json_t *arms = json_array();
    json_t *checks = json_array();

    json_object_set_new(object, "name", json_string(result->scenario->name));
    json_object_set_new(object, "title", json_string(result->scenario->title));
    json_object_set_new(object, "operation", json_string(result->scenario->operation));
    json_object_set_new(object, "plotted", json_string(metric_rows[result->scenario->plotted].name));
    json_object_set_new(object, "shape", describe_shape(&result->arms[0].shape));
    for (size_t i = 0; i < result->arm_count; i++)
        json_array_append_new(arms, describe_arm(result, i));
    for (size_t i = 0; i < result->scenario->check_count; i++)
        json_array_append_new(checks, describe_verdict(&result->verdicts[i]));
    json_t *columns = json_array();
    for (const enum metric *column = result->scenario->columns; *column != METRICS; column++)
        json_array_append_new(columns, json_string(metric_rows[*column].name));
    json_object_set_new(object, "columns", columns);
    json_object_set_new(object, "arms", arms);
    json_object_set_new(object, "checks", checks);
    return object;
}

json_t *record_make(const struct measure *measure)
{
    const struct settings *settings = &measure->settings;
    json_t *record = json_object();
    json_t *scenarios = json_array();
    json_t *across = json_array();
    json_t *line = json_array();

    for (int i = 0; i < measure->argc; i++)
        json_array_append_new(line, json_string(measure->argv[i]));
    json_object_set_new(record, "command", json_string(measure->command->name));
    json_object_set_new(record, "arguments", line);
    json_object_set_new(record, "environment", environment_describe(measure));
    json_object_set_new(record, "settings",
                        json_pack("{s:I, s:I, s:I, s:i, s:i, s:b, s:b}", "rounds", (json_int_t)settings->rounds, "warm_up_ms",
                                  (json_int_t)settings->warm_up_ms, "measure_ms", (json_int_t)settings->measure_ms,
                                  "server_cpu", settings->server_cpu, "generator_cpu", settings->generator_cpu, "quick",
                                  (int)measure->quick, "sweep", (int)measure->sweep));
    for (size_t i = 0; i < measure->result_count; i++)
        json_array_append_new(scenarios, describe_result(&measure->results[i]));
    json_object_set_new(record, "scenarios", scenarios);
    for (size_t i = 0; i < measure->across_count; i++)
        json_array_append_new(across, describe_verdict(&measure->across[i]));
    json_object_set_new(record, "checks", across);
    return record;
}
