/* The medians as bars, with the range of the rounds; gnuplot draws. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "measure.h"

#define PANEL_HEIGHT 260

static void write_panel(const struct result *result, size_t number, FILE *out)
{
    enum metric metric = result->scenario->plotted;

    fprintf(out, "$panel%zu << EOD\n", number);
    for (size_t arm = 0; arm < result->arm_count; arm++) {
        double low = INFINITY;
        double high = -INFINITY;

        for (size_t i = 0; i < result->round_count; i++) {
            const struct round *round = &result->arms[arm].rounds[i];

            if (round->voided[0] || isnan(round->values[metric]))
                continue;
            low = fmin(low, round->values[metric]);
            high = fmax(high, round->values[metric]);
        }
        if (!isnan(result_median(result, arm, metric)))
            fprintf(out, "\"%s\" %.6g %.6g %.6g\n", result->arms[arm].arm->name, result_median(result, arm, metric), low, high);
    }
    fprintf(out, "EOD\nset title \"%s: %s\"\nset ylabel \"%s\"\n", result->scenario->name, result->scenario->title,
            metric_rows[metric].heading);
    fprintf(out,
            "if (|$panel%zu| > 0) plot $panel%zu using 0:2:(0.6) with boxes lc rgb '#4878a8' notitle, "
            "'' using 0:2:3:4:xtic(1) with yerrorbars lc rgb '#303030' pt 0 notitle\n",
            number, number);
}

int plot_write(const struct measure *measure, const char *path)
{
    char directory[PROCESS_PATH_BYTES];
    char script[PROCESS_PATH_BYTES + 16];
    const char *const argv[] = {"gnuplot", script, NULL};
    int r = process_make_directory(directory);
    FILE *out;

    if (r < 0)
        return r;
    snprintf(script, sizeof(script), "%s/plot.gp", directory);
    out = fopen(script, "we");
    if (out) {
        fprintf(out,
                "set terminal svg size 720,%zu font 'sans,11' background 'white'\nset output '%s'\n"
                "set style fill solid 0.8\nset yrange [0:*]\nset xrange [-0.6:*]\nset offsets 0,0.6,0,0\n"
                "set format y '%%.2s%%c'\nset grid ytics lc rgb '#dddddd'\nset multiplot layout %zu,1\n",
                measure->result_count * PANEL_HEIGHT, path, measure->result_count);
        for (size_t i = 0; i < measure->result_count; i++)
            write_panel(&measure->results[i], i, out);
        fputs("unset multiplot\n", out);
        r = fclose(out) == 0 ? process_run(directory, "gnuplot", argv) : -errno;
    } else {
        r = -errno;
    }
    if (r != 0)
        fprintf(stderr, "feedbench: no plot was drawn: %s\n",
                r == -ENOENT ? "gnuplot is not installed" : r < 0 ? strerror(-r) : "gnuplot failed");
    process_remove_directory(directory);
    return r == 0 ? 0 : -EIO;
}
