/* feedctl's command line, and the token file. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "token.h"
#include "typed.h"

#define WORDS_MAX 16
#define WORD_BYTES 64

struct line {
    struct run run;
    char message[256];
    char words[WORDS_MAX][WORD_BYTES];
    char *argv[WORDS_MAX + 1];
};

/* Parses `text`, whose words are separated by single spaces. */
static enum parse_result parse(struct line *line, const char *text)
{
    int argc = 1;

    memset(line, 0, sizeof *line);
    snprintf(line->words[0], WORD_BYTES, "feedctl");
    line->argv[0] = line->words[0];
    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        snprintf(line->words[argc], WORD_BYTES, "%.*s", (int)length, text);
        line->argv[argc] = line->words[argc];
        argc++;
        text += length + (text[length] == ' ');
    }
    return parse_command_line(argc, line->argv, &line->run, line->message, sizeof line->message);
}

static void options_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "--server h:1 --json share --as alice http://x --title=a",
        "share --title a http://x --as alice --json --server=h:1",
        "--json share http://x --as alice --title a --server h:1",
    };
    struct line line;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(&line, lines[i]), PARSE_RUN);
        assert_ptr_equal(line.run.command, &command_share);
        assert_string_equal(line.run.server, "h:1");
        assert_true(line.run.json);
        assert_string_equal(run_option(&line.run, "as"), "alice");
        assert_string_equal(run_option(&line.run, "title"), "a");
        assert_null(run_option(&line.run, "comment"));
        assert_string_equal(run_text(&line.run, "comment"), "");
        assert_int_equal(line.run.argument_count, 1);
        assert_string_equal(line.run.arguments[0], "http://x");
    }
}

static void commands_of_two_words_are_found(void **state)
{
    struct line line;

    (void)state;
    assert_int_equal(parse(&line, "import graph -"), PARSE_RUN);
    assert_ptr_equal(line.run.command, &command_import_graph);
    assert_string_equal(line.run.arguments[0], "-");
    assert_int_equal(parse(&line, "import shares x.csv"), PARSE_RUN);
    assert_ptr_equal(line.run.command, &command_import_shares);
    assert_int_equal(parse(&line, "import --json shares x.csv"), PARSE_RUN);
    assert_ptr_equal(line.run.command, &command_import_shares);
    assert_int_equal(parse(&line, "import"), PARSE_WRONG);
    assert_string_equal(line.message, "import what?");
    assert_string_equal(line.run.group, "import");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *message;
    } lines[] = {
        { "", "no command given" },
        { "dance", "unknown command dance" },
        { "graph -", "unknown command graph" },
        { "import dance x", "unknown command import dance" },
        { "help admin dance", "unknown command admin dance" },
        { "--loud ping", "unknown option --loud" },
        { "ping --as x", "unknown option --as" },
        { "ping -x", "unknown option -x" },
        { "ping --json=yes", "--json takes no value" },
        { "share http://x --as", "--as needs a value" },
        { "share http://x", "--as is missing" },
        { "share --as x", "something is missing: needs URL" },
        { "follow alice", "something is missing: needs READER SUBJECT..." },
        { "ping pong", "too many arguments for ping" },
        { "watch a b", "too many arguments for watch" },
    };
    struct line line;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(&line, lines[i].text), PARSE_WRONG);
        assert_string_equal(line.message, lines[i].message);
    }
}

static void arguments_may_repeat_and_begin_with_a_dash(void **state)
{
    struct line line;

    (void)state;
    assert_int_equal(parse(&line, "follow alice b c d"), PARSE_RUN);
    assert_int_equal(line.run.argument_count, 4);
    assert_int_equal(parse(&line, "follow -- -alice --b"), PARSE_RUN);
    assert_string_equal(line.run.arguments[0], "-alice");
    assert_string_equal(line.run.arguments[1], "--b");
}

static void help_is_for_the_command_if_there_is_one(void **state)
{
    struct line line;

    (void)state;
    assert_int_equal(parse(&line, "--help"), PARSE_HELP);
    assert_null(line.run.command);
    assert_int_equal(parse(&line, "watch -h"), PARSE_HELP);
    assert_ptr_equal(line.run.command, &command_watch);
    assert_int_equal(parse(&line, "help watch"), PARSE_HELP);
    assert_ptr_equal(line.run.command, &command_watch);
    assert_int_equal(parse(&line, "help admin"), PARSE_HELP);
    assert_null(line.run.command);
    assert_string_equal(line.run.group, "admin");
    assert_int_equal(parse(&line, "admin stats --help"), PARSE_HELP);
    assert_ptr_equal(line.run.command, &command_admin_stats);
    assert_int_equal(parse(&line, "--version"), PARSE_VERSION);
}

static void numbers_have_bounds(void **state)
{
    struct line line;
    unsigned long number;

    (void)state;
    parse(&line, "timeline alice --limit 20");
    assert_true(run_option_number(&line.run, "limit", 1, 100, 0, &number));
    assert_int_equal(number, 20);
    parse(&line, "timeline alice");
    assert_true(run_option_number(&line.run, "limit", 1, 100, 7, &number));
    assert_int_equal(number, 7);
    for (size_t i = 0; i < 4; i++) {
        static const char *const texts[] = { "timeline a --limit 0", "timeline a --limit 101", "timeline a --limit -1",
                                             "timeline a --limit 1x" };

        parse(&line, texts[i]);
        assert_false(run_option_number(&line.run, "limit", 1, 100, 0, &number));
    }
}

static void ids_have_bounds_and_may_have_a_hash(void **state)
{
    static const char *const none[] = { "", "#", "0", "-1", "x", "1x", "+1", " 1", "9007199254740992", "99999999999999999999" };
    uint64_t id;

    (void)state;
    assert_true(id_read("#9007199254740991", &id));
    assert_int_equal(id, 9007199254740991);
    assert_true(id_read("1", &id));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(id_read(none[i], &id));
}

/* What was typed for a field of the request that the line makes; "" if nothing was. */
static const char *typed(const struct line *line, const ProtobufCMessage *request, const char *field)
{
    static char word[TYPED_BYTES];

    return typed_word(&line->run, request, field, word) ? word : "";
}

static void a_field_is_called_what_was_typed_for_it(void **state)
{
    Feed__FollowRequest follow = FEED__FOLLOW_REQUEST__INIT;
    Feed__SetSubjectRequest describe = FEED__SET_SUBJECT_REQUEST__INIT;
    Feed__CommentRequest comment = FEED__COMMENT_REQUEST__INIT;
    Feed__SubscribeRequest subscribe = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__Subject subject = FEED__SUBJECT__INIT;
    struct line line;

    (void)state;
    parse(&line, "follow bob bob");
    follow.reader = line.run.arguments[0];
    follow.subject = line.run.arguments[1];
    assert_string_equal(typed(&line, &follow.base, "reader"), "READER");
    assert_string_equal(typed(&line, &follow.base, "subject"), "SUBJECT");
    assert_string_equal(typed(&line, &follow.base, "max_following"), "");
    parse(&line, "describe bob --link x");
    describe.subject = &subject;
    subject.link = run_option(&line.run, "link");
    assert_string_equal(typed(&line, &describe.base, "link"), "--link");
    assert_string_equal(typed(&line, &describe.base, "subject"), "");
    parse(&line, "comment --as bob --reply-to #7 64 hello");
    comment.parent_id = 7;
    comment.share_id = 64;
    assert_string_equal(typed(&line, &comment.base, "parent_id"), "--reply-to");
    assert_string_equal(typed(&line, &comment.base, "share_id"), "SHARE_ID");
    assert_string_equal(typed(&line, &comment.base, "idempotency_key"), "");
    parse(&line, "watch --dialogue 64");
    subscribe.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_DIALOGUE;
    subscribe.dialogue = 64;
    assert_string_equal(typed(&line, &subscribe.base, "dialogue"), "--dialogue");
    assert_string_equal(typed(&line, &subscribe.base, "home"), ""); /* which is no text here */
}

static void a_token_is_replaced_in_one_step_and_read_back(void **state)
{
    static const uint8_t first[] = { 0, 1, 2 }, second[] = { 9, 0 };
    char folder[] = "/tmp/test-feedctl.XXXXXX", path[64];
    struct stat before, after;
    uint8_t *token;
    size_t bytes;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/token", folder);
    assert_int_equal(token_load(path, &token, &bytes), 0);
    assert_int_equal(bytes, 0);
    free(token);
    assert_int_equal(token_store(path, first, sizeof first), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(token_store(path, second, sizeof second), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(token_load(path, &token, &bytes), 0);
    assert_int_equal(bytes, sizeof second);
    assert_memory_equal(token, second, sizeof second);
    free(token);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
    assert_int_equal(token_store(path, first, sizeof first), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(commands_of_two_words_are_found),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(arguments_may_repeat_and_begin_with_a_dash),
        cmocka_unit_test(help_is_for_the_command_if_there_is_one),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(ids_have_bounds_and_may_have_a_hash),
        cmocka_unit_test(a_field_is_called_what_was_typed_for_it),
        cmocka_unit_test(a_token_is_replaced_in_one_step_and_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
