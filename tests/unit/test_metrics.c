/* The table of metrics, and how Prometheus is told of it. */
#include "unit.h"

#include <stdlib.h>

#include "base/metrics.h"

static char *page;

static bool has_line(const char *line)
{
    const char *found = strstr(page, line);

    return found && found[strlen(line)] == '\n' && (found == page || found[-1] == '\n');
}

static void print(void)
{
    size_t size;
    FILE *out;

    free(page);
    out = open_memstream(&page, &size);
    assert_non_null(out);
    metrics_print(out);
    assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&metrics, 0, sizeof(metrics));
    return 0;
}

static const char *odd_values(unsigned value)
{
    static const char *const names[] = {"first", NULL, "third"};

    return value < 3 ? names[value] : NULL;
}

static void a_duration_lies_in_the_first_bucket_that_reaches_it(void **state)
{
    static const struct {
        int64_t us;
        unsigned bucket;
    } cases[] = {{-5, 0},  {0, 0},   {1, 0},         {64, 0},        {65, 1},        {128, 1},         {129, 2},
                 {256, 2}, {257, 3}, {33554432, 19}, {33554433, 20}, {67108865, 20}, {INT64_MAX, 20}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct histogram histogram = {0};

        histogram_add(&histogram, cases[i].us);
        assert_int_equal(histogram.buckets[cases[i].bucket], 1);
        assert_int_equal(histogram.sum_us, cases[i].us > 0 ? cases[i].us : 0);
    }
}

static void names_and_values_have_the_units_of_prometheus(void **state)
{
    (void)state;
    metrics.shares = UINT64_C(9007199254740993);
    metrics.lag_ms = 1234;
    metrics.queued_bytes = 17;
    metrics.process_cpu_us = 1500000;
    metrics.process_start_at_ms = 1795678820821;
    print();
    assert_true(has_line("# TYPE feedd_shares_total counter"));
    assert_true(has_line("feedd_shares_total 9007199254740993"));
    assert_true(has_line("# TYPE feedd_lag_seconds gauge"));
    assert_true(has_line("feedd_lag_seconds 1.234"));
    assert_true(has_line("feedd_queued_bytes 17"));
    assert_true(has_line("process_cpu_seconds_total 1.5"));
    assert_true(has_line("process_start_time_seconds 1795678820.821"));
}

static void buckets_hold_all_that_is_no_longer(void **state)
{
    (void)state;
    histogram_add(&metrics.fanout_us, 60);
    histogram_add(&metrics.fanout_us, 100);
    histogram_add(&metrics.fanout_us, 100);
    histogram_add(&metrics.fanout_us, 40000000);
    print();
    assert_true(has_line("feedd_fanout_seconds_bucket{le=\"6.4e-05\"} 1"));
    assert_true(has_line("feedd_fanout_seconds_bucket{le=\"0.000128\"} 3"));
    assert_true(has_line("feedd_fanout_seconds_bucket{le=\"33.554432\"} 3"));
    assert_true(has_line("feedd_fanout_seconds_bucket{le=\"+Inf\"} 4"));
    assert_true(has_line("feedd_fanout_seconds_sum 40.00026"));
    assert_true(has_line("feedd_fanout_seconds_count 4"));
    assert_int_equal(metric_total(METRIC_fanout_us), 4);
}

static void values_of_labels_are_told_if_they_have_a_name(void **state)
{
    (void)state;
    metrics_name(METRIC_requests, odd_values);
    metrics_name(METRIC_redis_us, odd_values);
    metrics.requests[0] = 4;
    metrics.requests[2] = 6;
    histogram_add(&metrics.redis_us[2], 1);
    print();
    assert_true(has_line("feedd_requests_total{request=\"first\"} 4"));
    assert_true(has_line("feedd_requests_total{request=\"third\"} 6"));
    assert_true(has_line("feedd_redis_seconds_count{command=\"third\"} 1"));
    assert_true(has_line("feedd_redis_seconds_bucket{command=\"third\",le=\"+Inf\"} 1"));
    assert_null(strstr(page, "command=\"first\"")); /* nothing is in it */
    assert_null(strstr(page, "(null)"));
    assert_int_equal(metric_total(METRIC_requests), 10);
}

static int tear_down(void **state)
{
    (void)state;
    free(page);
    page = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_duration_lies_in_the_first_bucket_that_reaches_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_values_have_the_units_of_prometheus, set_up, tear_down),
        cmocka_unit_test_setup_teardown(buckets_hold_all_that_is_no_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_of_labels_are_told_if_they_have_a_name, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
