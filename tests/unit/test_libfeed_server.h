/* A server for the tests of libfeed's adapters, in a process of its own: it answers Hello and Ping, streams one share at each
 * subscription, and hangs up at the first share that is published. */
#ifndef FEED_TESTS_LIBFEED_SERVER_H
#define FEED_TESTS_LIBFEED_SERVER_H

#include "unit.h"

#include <feed/feed.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framing.h"

/* What a server writes at once. */
static size_t server_piece_bytes = 1;

struct server {
    pid_t pid;
    char address[128];
    char folder[64]; /* of a Unix socket; "" for TCP */
};

static inline void server_write(int fd, uint32_t id, Feed__ServerFrame__BodyCase kind, void *message)
{
    Feed__ServerFrame frame = FEED__SERVER_FRAME__INIT;
    uint8_t packed[1024];
    size_t size;

    frame.request_id = id;
    frame.body_case = kind;
    memcpy(&frame.hello, &message, sizeof message);
    size = framing_write_varint(packed, feed__server_frame__get_packed_size(&frame));
    size += feed__server_frame__pack(&frame, packed + size);
    for (size_t i = 0, piece = server_piece_bytes; i < size; i += piece)
        if (send(fd, packed + i, size - i < piece ? size - i : piece, MSG_NOSIGNAL) < 0)
            return; /* the client is gone, which the next recv() says as well */
}

/* Says CaughtUp and one share whose id is that of the token, plus one. */
static inline void server_stream(int fd, uint32_t id, const Feed__SubscribeRequest *request)
{
    Feed__SubscribeReply reply = FEED__SUBSCRIBE_REPLY__INIT;
    Feed__CaughtUp caught_up = FEED__CAUGHT_UP__INIT;
    Feed__Share share = FEED__SHARE__INIT;
    Feed__Shared shared = FEED__SHARED__INIT;
    uint8_t token = request->resume_token.len > 0 ? request->resume_token.data[0] : 1;

    server_write(fd, id, FEED__SERVER_FRAME__BODY_SUBSCRIBE, &reply);
    shared.share = &share;
    share.id = ++token;
    server_write(fd, id, FEED__SERVER_FRAME__BODY_SHARED, &shared);
    caught_up.resume_token = (ProtobufCBinaryData){ 1, &token };
    server_write(fd, id, FEED__SERVER_FRAME__BODY_CAUGHT_UP, &caught_up);
}

/* Answers one request. False: hang up, as at the first share that comes. The author of shares must be alice; their ids are
 * the connection's number. */
static inline bool server_answer(int fd, unsigned connection, const Feed__ClientFrame *frame)
{
    static unsigned shares; /* of this server's process */
    Feed__HelloReply hello = FEED__HELLO_REPLY__INIT;
    Feed__PingReply ping = FEED__PING_REPLY__INIT;
    Feed__ShareReply share = FEED__SHARE_REPLY__INIT;
    Feed__Error error = FEED__ERROR__INIT;

    if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_HELLO) {
        hello.heartbeat_interval_ms = 60000;
        hello.silence_limit_ms = 60000;
        server_write(fd, frame->request_id, FEED__SERVER_FRAME__BODY_HELLO, &hello);
    } else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_PING) {
        server_write(fd, frame->request_id, FEED__SERVER_FRAME__BODY_PING, &ping);
    } else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SUBSCRIBE) {
        server_stream(fd, frame->request_id, frame->subscribe);
    } else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SHARE && strcmp(frame->share->author, "alice") != 0) {
        error.code = FEED__ERROR_CODE__FORBIDDEN;
        server_write(fd, frame->request_id, FEED__SERVER_FRAME__BODY_ERROR, &error);
    } else if (frame->request_case == FEED__CLIENT_FRAME__REQUEST_SHARE) {
        share.id = connection;
        if (shares++ == 0)
            return false;
        server_write(fd, frame->request_id, FEED__SERVER_FRAME__BODY_SHARE, &share);
    }
    return true;
}

static inline void server_serve(int fd, unsigned connection)
{
    uint8_t data[4096];
    size_t size = 0, header, body;
    bool going = true;
    ssize_t got;

    while (going && (got = recv(fd, data + size, sizeof data - size, 0)) > 0) {
        size += (size_t)got;
        while (going && framing_read_length(data, size, sizeof data, &header, &body) == 1 && header + body <= size) {
            Feed__ClientFrame *frame = feed__client_frame__unpack(NULL, body, data + header);

            going = frame != NULL && server_answer(fd, connection, frame);
            if (frame != NULL)
                feed__client_frame__free_unpacked(frame, NULL);
            size -= header + body;
            memmove(data, data + header + body, size);
        }
    }
    close(fd);
}

static inline void server_start(struct server *server, bool local)
{
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof loopback;
    int listener = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

    assert_true(listener >= 0);
    *server = (struct server){ 0 };
    if (local) {
        snprintf(server->folder, sizeof server->folder, "/tmp/test-libfeed.XXXXXX");
        assert_non_null(mkdtemp(server->folder));
        snprintf(path.sun_path, sizeof path.sun_path, "%s/socket", server->folder);
        snprintf(server->address, sizeof server->address, "unix:%s", path.sun_path);
        assert_int_equal(bind(listener, (struct sockaddr *)&path, sizeof path), 0);
    } else {
        assert_int_equal(bind(listener, (struct sockaddr *)&loopback, sizeof loopback), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&loopback, &size), 0);
        snprintf(server->address, sizeof server->address, "localhost:%u", ntohs(loopback.sin_port));
    }
    assert_int_equal(listen(listener, 8), 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        alarm(60); /* never longer than the test */
        for (unsigned connection = 1;; connection++) {
            int fd = accept(listener, NULL, NULL), one = 1;

            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* small frames go at once */
            if (fd >= 0)
                server_serve(fd, connection);
        }
    }
    close(listener);
}

static inline void server_stop(struct server *server)
{
    char path[80];

    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    if (server->folder[0] != '\0') {
        snprintf(path, sizeof path, "%s/socket", server->folder);
        unlink(path);
        rmdir(server->folder);
    }
}

#endif
