/* What operators see of a check of the store, which goes on by itself: it is begun, and looked at until it has ended. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "commands/admin.h"
#include "feed/check.h"

static const struct {
    const char *word, *meaning, *mended;
} findings[] = {
#define CHECK(name, word, meaning, mended) {word, meaning, mended},
#include "check.def"
#undef CHECK
};

static json_t *finding_rows(const struct feed_check_look *look)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < CHECK_FINDINGS; i++)
        if (look->found[i] > 0)
            admin_append(&rows, json_pack("{s:s, s:I, s:I, s:s, s:s}", "finding", findings[i].word, "found",
                                          (json_int_t)look->found[i], "left", (json_int_t)look->left[i], "meaning",
                                          findings[i].meaning, "repair", findings[i].mended));
    return rows;
}

static json_t *example_rows(const struct admin_call *call, const struct feed_check_look *look)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < look->examples && i < call->limit; i++) {
        struct check_example example = feed_check_example(call->admin->clients->feed, i);

        admin_append(&rows, json_pack("{s:s, s:o, s:o}", "finding", findings[example.finding].word, "where",
                                      admin_text(example.where), "about", admin_text(example.about)));
    }
    return rows;
}

static void reply_check(struct admin_call *call)
{
    static const char *const states[] = {[CHECK_NONE] = "none",
                                         [CHECK_RUNNING] = "running",
                                         [CHECK_DONE] = "done",
                                         [CHECK_STOPPED] = "stopped",
                                         [CHECK_INTERRUPTED] = "interrupted"};
    struct feed_check_look look;
    uint64_t found = 0, left = 0;

    feed_look_at_check(call->admin->clients->feed, &look);
    for (size_t i = 0; i < CHECK_FINDINGS; i++) {
        found += look.found[i];
        left += look.left[i];
    }
    admin_reply(call, json_pack("{s:s, s:s?, s:s?, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "state",
                                states[look.state], "doing", look.doing, "trouble", look.trouble, "repairs",
                                (int)look.repair, "round", (json_int_t)look.round, "keys", (json_int_t)look.keys,
                                "keys_in_all", (json_int_t)look.keys_in_all, "took_ms", (json_int_t)look.took_ms, "found",
                                (json_int_t)found, "left", (json_int_t)left, "undecided", (json_int_t)look.undecided,
                                "findings", finding_rows(&look), "examples", example_rows(call, &look)));
}

static void begin(struct admin_call *call, bool repair)
{
    int error = feed_check_begin(call->admin->clients->feed, repair);

    if (error == -EALREADY)
        admin_refuse(call, FEED__ERROR_CODE__BUSY, "", "the store is being checked: wait, or stop that");
    else if (error < 0)
        request_fail_code(call->request, FEED__ERROR_CODE__UNAVAILABLE);
    else
        reply_check(call);
}

static void stop(struct admin_call *call)
{
    if (feed_check_stop(call->admin->clients->feed) < 0)
        admin_refuse(call, FEED__ERROR_CODE__NOT_FOUND, "", "no check is under way");
    else
        reply_check(call);
}

void admin_run_check(struct admin_call *call)
{
    const char *act = call->act ? call->act : "look";

    if (strcmp(act, "look") == 0) {
        reply_check(call);
    } else if (strcmp(act, "stop") == 0) {
        stop(call);
    } else if (strcmp(act, "begin") == 0 || strcmp(act, "repair") == 0) {
        begin(call, strcmp(act, "repair") == 0);
    } else {
        admin_refuse(call, FEED__ERROR_CODE__INVALID, "do", "do must be look, begin, repair or stop, not %s", log_quote(act));
    }
}
