/* Requests and answers when memory ends: framing, decoding into the arena, checking, the commands, encoding. Whatever fails,
 * the client is told to try again, or its connection ends: it is never told that its request was wrong. Asked again, the
 * answer is right, and a connection reads what it wrote. */
#include "commands/commands.h"
#include "feed_fixture.h"
#include "framing.h"
#include "model_store.h"
#include "torture.h"

#include <curl/curl.h>
#include <errno.h>

#include "base/config.h"
#include "net/net.h"

#define ANSWERS_MAX 64
#define CODES "\xf0\x9f\x98\x80" /* U+1F600 */

/* ---- a network of one connection at a time: what the commands call of net.h ---- */

static struct {
    struct world *world;
    struct commands *commands;
    void *session;
    uint64_t conn;
    bool open;
    Feed__ServerFrame *answers[ANSWERS_MAX]; /* by request id, the last one */
    uint32_t request_id;
} net;

size_t net_send(struct net *unused, uint64_t conn, uint32_t request_id, struct frame *frame)
{
    (void)unused;
    if (!net.open || conn != net.conn)
        return 0;
    assert_true(request_id < ANSWERS_MAX);
    assert_null(net.answers[request_id]); /* each request is answered once */
    net.answers[request_id] = feed__server_frame__unpack(NULL, frame->size, frame->bytes);
    assert_non_null(net.answers[request_id]);
    return frame->size;
}

size_t net_connections(const struct net *unused)
{
    (void)unused;
    return net.open;
}

void *net_session(const struct net *unused, uint64_t conn)
{
    (void)unused;
    return net.open && conn == net.conn ? net.session : NULL;
}

size_t net_queued_bytes(struct net *unused, uint64_t conn)
{
    (void)unused;
    (void)conn;
    return 0;
}

void net_close(struct net *unused, uint64_t conn, enum net_close_reason reason)
{
    (void)unused;
    assert_int_equal(conn, net.conn);
    assert_int_equal(reason, NET_CLOSE_MEMORY);
    assert_true(torture_struck());
    net.open = false;
}

void net_admit(struct net *unused, uint64_t conn)
{
    (void)unused;
    assert_int_equal(conn, net.conn);
}

void net_pause(struct net *unused, uint64_t conn)
{
    (void)unused;
    fail_msg("connection %d was paused", (int)conn);
}

void net_resume(struct net *unused, uint64_t conn)
{
    (void)unused;
    fail_msg("connection %d was resumed", (int)conn);
}

const char *net_close_reason_name(enum net_close_reason reason)
{
    return reason == NET_CLOSE_MEMORY ? "memory" : "other";
}

/* The admin socket's own network, which carries nothing here. */
struct net *net_new(struct event_base *base, const struct net_limits *limits, const struct net_handlers *handlers, void *context)
{
    (void)base;
    (void)limits;
    (void)handlers;
    (void)context;
    return NULL;
}

void net_free(struct net *unused)
{
    (void)unused;
}

void net_turn(struct net *unused)
{
    (void)unused;
}

int net_listen_unix(struct net *unused, const char *path, mode_t mode, gid_t group)
{
    (void)unused;
    (void)path;
    (void)mode;
    (void)group;
    return -EACCES;
}

size_t net_connections_max(const struct net *unused)
{
    (void)unused;
    return 1;
}

bool net_look_next(const struct net *unused, uint32_t *place, struct net_look *ret_look)
{
    (void)unused;
    (void)place;
    (void)ret_look;
    return false;
}

const char *net_peer_name(const struct net_peer *peer, char out[NET_PEER_NAME_BYTES])
{
    (void)peer;
    out[0] = '\0';
    return out;
}

/* ---- libcurl, whose allocations are inside of it, says that memory ended ---- */

CURLU *__real_curl_url(void);
CURLU *__wrap_curl_url(void);
CURLUcode __real_curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags);
CURLUcode __wrap_curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags);
CURLUcode __real_curl_url_get(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags);
CURLUcode __wrap_curl_url_get(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags);

CURLU *__wrap_curl_url(void)
{
    return torture_point("curl_url") ? NULL : __real_curl_url();
}

CURLUcode __wrap_curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
    return torture_point("curl_url_set") ? CURLUE_OUT_OF_MEMORY : __real_curl_url_set(url, part, text, flags);
}

CURLUcode __wrap_curl_url_get(const CURLU *url, CURLUPart part, char **ret_text, unsigned flags)
{
    return torture_point("curl_url_get") ? CURLUE_OUT_OF_MEMORY : __real_curl_url_get(url, part, ret_text, flags);
}

/* ---- asking ---- */

static void forget_answers(void)
{
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        if (net.answers[i])
            feed__server_frame__free_unpacked(net.answers[i], NULL);
        net.answers[i] = NULL;
    }
}

static void hang_up(void)
{
    net.open = false;
    if (net.session)
        commands_net_handlers.on_closed(net.commands, net.conn, net.session, NET_CLOSE_PEER, &(struct net_look){0});
    net.session = NULL;
}

/* Sends one frame and waits. Returns the answer; NULL if the connection ended instead. */
static const Feed__ServerFrame *ask(Feed__ClientFrame *frame)
{
    uint8_t bytes[8192];
    size_t size, header, body;

    frame->request_id = ++net.request_id;
    size = framing_write_varint(bytes, feed__client_frame__get_packed_size(frame));
    size += feed__client_frame__pack(frame, bytes + size);
    assert_int_equal(framing_read_length(bytes, size, sizeof(bytes), &header, &body), 1);
    assert_int_equal(size, header + body);
    commands_net_handlers.on_frame(net.commands, net.conn, net.session, bytes + header, body);
    for (int turn = 0; turn < 50 && net.open && !net.answers[frame->request_id]; turn++) {
        feed_turn(net.world->feed);
        model_serve();
        world_tick(net.world, 50);
    }
    assert_true(!net.open || net.answers[frame->request_id]);
    return net.answers[frame->request_id];
}

static bool says_again(const Feed__ServerFrame *answer)
{
    if (!answer)
        return true;
    if (answer->body_case != FEED__SERVER_FRAME__BODY_ERROR)
        return false;
    return answer->error->code == FEED__ERROR_CODE__UNAVAILABLE || answer->error->code == FEED__ERROR_CODE__INTERNAL ||
           answer->error->code == FEED__ERROR_CODE__OUTCOME_UNKNOWN;
}

static void dial(void);

/* Asks until the answer is not that it should be asked again, which needs a reason. */
static const Feed__ServerFrame *must_ask(Feed__ClientFrame *frame)
{
    const Feed__ServerFrame *answer;

    while (says_again(answer = ask(frame))) {
        assert_true(torture_struck());
        if (!net.open)
            dial();
    }
    return answer;
}

#define MUST_ASK(name, KIND, request)                                                                                  \
    must_ask(&(Feed__ClientFrame){.base = PROTOBUF_C_MESSAGE_INIT(&feed__client_frame__descriptor),                    \
                                  .request_case = FEED__CLIENT_FRAME__REQUEST_##KIND,                                  \
                                  .name = (request)})

static void greet(void)
{
    Feed__HelloRequest hello = FEED__HELLO_REQUEST__INIT;
    char name[] = "torture";

    hello.protocol_version = 1;
    hello.client_name = name;
    assert_int_equal(MUST_ASK(hello, HELLO, &hello)->body_case, FEED__SERVER_FRAME__BODY_HELLO);
}

/* A connection, said Hello on; one that cannot be opened is opened again. */
static void dial(void)
{
    hang_up();
    net.conn++;
    while (commands_net_handlers.on_open(net.commands, net.conn, &net.session) < 0)
        assert_true(torture_struck());
    net.open = true;
    net.request_id = 0;
    forget_answers();
    greet();
}

/* ---- requests ---- */

static char ann[] = "ann", bob[] = "bob", carl[] = "carl", url[] = "https://example.org/";

static uint64_t share(char *key)
{
    static char extract[2000];
    Feed__ShareRequest request = FEED__SHARE_REQUEST__INIT;

    for (size_t i = 0; i + 5 < sizeof(extract); i += 5) /* too long: it is cut */
        memcpy(extract + i, CODES " ", 6);
    request.author = bob;
    request.url = request.image_url = url;
    request.extract = extract;
    request.idempotency_key = key;
    const Feed__ServerFrame *answer = MUST_ASK(share, SHARE, &request);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_SHARE);
    return answer->share->id;
}

/* ann's timeline, or bob's profile. */
static void expect_shares(bool profile, const uint64_t *ids, size_t count)
{
    Feed__GetTimelineRequest timeline = FEED__GET_TIMELINE_REQUEST__INIT;
    Feed__GetProfileRequest of_bob = FEED__GET_PROFILE_REQUEST__INIT;
    const Feed__ServerFrame *answer;

    timeline.reader = ann;
    of_bob.subject = bob;
    answer = profile ? MUST_ASK(get_profile, GET_PROFILE, &of_bob) : MUST_ASK(get_timeline, GET_TIMELINE, &timeline);
    assert_int_equal(answer->body_case, profile ? FEED__SERVER_FRAME__BODY_GET_PROFILE : FEED__SERVER_FRAME__BODY_GET_TIMELINE);
    Feed__Share **shares = profile ? answer->get_profile->shares : answer->get_timeline->shares;
    assert_int_equal(profile ? answer->get_profile->n_shares : answer->get_timeline->n_shares, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(shares[i]->id, ids[count - 1 - i]);
}

static void follow_many(void)
{
    Feed__FollowManyRequest request = FEED__FOLLOW_MANY_REQUEST__INIT;
    Feed__FollowPair pairs[2] = {FEED__FOLLOW_PAIR__INIT, FEED__FOLLOW_PAIR__INIT}, *pointers[] = {&pairs[0], &pairs[1]};

    pairs[0].reader = carl;
    pairs[0].subject = bob;
    pairs[1].reader = pairs[1].subject = ann; /* refused */
    request.n_pairs = 2;
    request.pairs = pointers;
    const Feed__ServerFrame *answer = MUST_ASK(follow_many, FOLLOW_MANY, &request);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_FOLLOW_MANY);
    if (answer->follow_many->n_refused == 2) { /* the first was not carried out for want of memory: again */
        assert_true(torture_struck());
        answer = MUST_ASK(follow_many, FOLLOW_MANY, &request);
    }
    assert_int_equal(answer->follow_many->followed + answer->follow_many->repeated, 1);
    assert_int_equal(answer->follow_many->n_refused, 1);
    assert_int_equal(answer->follow_many->refused[0]->index, 1);
    assert_int_equal(answer->follow_many->refused[0]->error->code, FEED__ERROR_CODE__INVALID);
}

static void expect_names(void)
{
    Feed__GetFollowersRequest followers = FEED__GET_FOLLOWERS_REQUEST__INIT;
    Feed__GetFollowingRequest following = FEED__GET_FOLLOWING_REQUEST__INIT;

    followers.subject = following.reader = bob;
    const Feed__ServerFrame *answer = MUST_ASK(get_followers, GET_FOLLOWERS, &followers);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_GET_FOLLOWERS);
    assert_int_equal(answer->get_followers->n_readers, 2);
    assert_string_equal(answer->get_followers->readers[1], "carl");
    answer = MUST_ASK(get_following, GET_FOLLOWING, &following);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_GET_FOLLOWING);
}

static void subscribe_and_leave(void)
{
    Feed__SubscribeRequest request = FEED__SUBSCRIBE_REQUEST__INIT;
    Feed__UnsubscribeRequest leave = FEED__UNSUBSCRIBE_REQUEST__INIT;
    const Feed__ServerFrame *answer;
    uint64_t conn;

    request.stream_case = FEED__SUBSCRIBE_REQUEST__STREAM_HOME;
    request.home = ann;
    do {
        answer = MUST_ASK(subscribe, SUBSCRIBE, &request);
        assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_SUBSCRIBE);
        conn = net.conn;
        leave.subscription = net.request_id;
        answer = MUST_ASK(unsubscribe, UNSUBSCRIBE, &leave);
    } while (net.conn != conn); /* the stream ended with the connection */
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_UNSUBSCRIBE);
}

static void expect_invalid(void)
{
    Feed__FollowRequest request = FEED__FOLLOW_REQUEST__INIT;
    char bad[] = "\xff";

    request.reader = bad;
    request.subject = bob;
    const Feed__ServerFrame *answer = MUST_ASK(follow, FOLLOW, &request);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_ERROR);
    assert_int_equal(answer->error->code, FEED__ERROR_CODE__INVALID);
    assert_string_equal(answer->error->field, "reader");
}

static void talk(void)
{
    Feed__FollowRequest follow = FEED__FOLLOW_REQUEST__INIT;
    Feed__UnfollowRequest unfollow = FEED__UNFOLLOW_REQUEST__INIT;
    Feed__DeleteShareRequest deletion = FEED__DELETE_SHARE_REQUEST__INIT;
    Feed__GetShareRequest get = FEED__GET_SHARE_REQUEST__INIT;
    Feed__PingRequest ping = FEED__PING_REQUEST__INIT;
    char keys[][8] = {"one", "two"};
    uint64_t ids[2];

    assert_int_equal(MUST_ASK(ping, PING, &ping)->body_case, FEED__SERVER_FRAME__BODY_PING);
    follow.reader = unfollow.reader = ann;
    follow.subject = unfollow.subject = bob;
    assert_int_equal(MUST_ASK(follow, FOLLOW, &follow)->body_case, FEED__SERVER_FRAME__BODY_FOLLOW);
    for (size_t i = 0; i < 2; i++)
        ids[i] = share(keys[i]);
    expect_shares(false, ids, 2);
    expect_shares(true, ids, 2);
    get.id = ids[1];
    const Feed__ServerFrame *answer = MUST_ASK(get_share, GET_SHARE, &get);
    assert_int_equal(answer->body_case, FEED__SERVER_FRAME__BODY_GET_SHARE);
    assert_int_equal(answer->get_share->share->id, ids[1]);
    follow_many();
    expect_names();
    subscribe_and_leave();
    expect_invalid();
    deletion.author = bob;
    deletion.id = ids[1];
    assert_int_equal(MUST_ASK(delete_share, DELETE_SHARE, &deletion)->body_case, FEED__SERVER_FRAME__BODY_DELETE_SHARE);
    expect_shares(false, ids, 1);
    assert_int_equal(MUST_ASK(unfollow, UNFOLLOW, &unfollow)->body_case, FEED__SERVER_FRAME__BODY_UNFOLLOW);
}

static void requests(void)
{
    struct config config;
    enum config_action action;
    char name[] = "feedd", *arguments[] = {name, NULL}, error[256];

    torture_pause();
    assert_int_equal(config_load(1, arguments, &config, &action, error, sizeof(error)), 0);
    model_begin();
    net.world = world_new(&world_settings, 1);
    model_serve();
    torture_resume();
    while (!(net.commands = commands_new(&config)))
        assert_true(torture_struck());
    commands_attach(net.commands, net.world->feed, NULL);
    net.conn = 0;
    dial();
    talk();
    hang_up();
    assert_int_equal(commands_in_progress(net.commands), 0);
    forget_answers();
    world_free(net.world);
    commands_free(net.commands);
    config_done(&config);
}

static void requests_are_answered_or_to_be_repeated(void **state)
{
    (void)state;
    torture("requests are answered", requests, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TORTURE(requests_are_answered_or_to_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
