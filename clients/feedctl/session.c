/* See session.h. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "text.h"
#include "typed.h"

#define CONNECT_TIMEOUT_MS 4000
#define REQUEST_TIMEOUT_MS 15000
#define OPERATOR_TIMEOUT_MS 5000 /* who looks into a daemon wants to know what is wrong with it now */
#define MESSAGE_BYTES 1024

const char *session_address(const struct run *run)
{
    return run->server != NULL && run->server[0] != '\0' ? run->server : FEED_DEFAULT_ADDRESS;
}

const char *session_admin_address(void)
{
    static char address[600];
    const char *admin = getenv("FEEDD_ADMIN"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (admin != NULL && admin[0] != '\0') {
        snprintf(address, sizeof address, "%s%s", admin[0] == '/' ? "unix:" : "", admin);
        return address;
    }
    snprintf(address, sizeof address, "unix:/run/feedd/admin.sock");
    if (access(address + strlen("unix:"), F_OK) == 0)
        return address;
    if (state != NULL && state[0] == '/')
        snprintf(address, sizeof address, "unix:%s/feedd/admin.sock", state);
    else if (home != NULL && home[0] == '/')
        snprintf(address, sizeof address, "unix:%s/.local/state/feedd/admin.sock", home);
    return address;
}

static void session_explain_no_server(const struct run *run, int error)
{
    const char *address = session_address(run);

    fprintf(stderr, "feedctl: cannot connect to %s: %s\n", address, strerror(-error));
    if (error == -EPROTONOSUPPORT)
        fputs("The server speaks another version of the protocol: use the feedctl that came with it.\n", stderr);
    else if (error == -EBADMSG || error == -EPROTO)
        fputs("Something answers there, but it does not seem to be feedd: check the address (--server).\n", stderr);
    else if (error == -EACCES)
        fputs("You may not use this socket: check its permissions, or use another account.\n", stderr);
    else if (run->command->for_operators)
        fputs("Is feedd running? Its option admin.path says where its admin socket is: name that with\n"
              "--server unix:PATH, or set FEEDD_ADMIN.\n", stderr);
    else
        fputs("Is feedd running? Start it with: feedd\n"
              "If it listens elsewhere, name the place with --server HOST:PORT or --server unix:PATH,\n"
              "or set FEEDD_SERVER.\n", stderr);
}

int session_open(const struct run *run, const struct feed_options *options, struct feed_blocking **ret_feed)
{
    struct feed_options filled = options != NULL ? *options : (struct feed_options){ 0 };
    int error;

    filled.client_name = "feedctl " FEEDD_VERSION;
    filled.backoff_max_ms = 1000;
    if (filled.request_timeout_ms == 0)
        filled.request_timeout_ms = run->command->for_operators ? OPERATOR_TIMEOUT_MS : REQUEST_TIMEOUT_MS;
    error = feed_connect_blocking(run->server, &filled, CONNECT_TIMEOUT_MS, ret_feed);
    if (error == -EINVAL) {
        fprintf(stderr, "feedctl: %s is no address: write HOST:PORT or unix:PATH\n", run->server);
        return USAGE;
    }
    if (error < 0) {
        session_explain_no_server(run, error);
        return NO_SERVER;
    }
    return DONE;
}

void session_describe(int status, const Feed__Error *error, char *out, size_t size)
{
    const ProtobufCEnumValue *name;
    char *message;
    int length;

    if (error == NULL) {
        snprintf(out, size, "%s", status == -ETIMEDOUT ? "no answer in time" : strerror(status < 0 ? -status : EPROTO));
        return;
    }
    name = protobuf_c_enum_descriptor_get_value(&feed__error_code__descriptor, (int)error->code);
    message = text_clean(error->message);
    length = snprintf(out, size, "%s (%s", message != NULL && message[0] != '\0' ? message : "refused",
                      name != NULL ? name->name : "?");
    if (error->field[0] != '\0' && length > 0 && (size_t)length < size)
        length += snprintf(out + length, size - (size_t)length, ", field %s", error->field);
    if (error->limit != 0 && length > 0 && (size_t)length < size)
        length += snprintf(out + length, size - (size_t)length, ", limit %llu", (unsigned long long)error->limit);
    if (length > 0 && (size_t)length < size)
        snprintf(out + length, size - (size_t)length, ")");
    free(message);
}

/* The same error in the words of the user, if it is about what was typed. `word` and `message` are room for them. */
static Feed__Error in_typed_words(const struct run *run, const ProtobufCMessage *request, const Feed__Error *error,
                                  char word[static TYPED_BYTES], char message[static MESSAGE_BYTES])
{
    size_t length = strlen(error->field);
    Feed__Error told = *error;

    if (length == 0 || !typed_word(run, request, error->field, word))
        return told;
    told.field = word;
    if (strncmp(error->message, error->field, length) == 0 && error->message[length] == ' ') {
        snprintf(message, MESSAGE_BYTES, "%s%s", word, error->message + length);
        told.message = message;
    }
    return told;
}

int session_fail(const struct run *run, const ProtobufCMessage *request, int status, const Feed__Error *error)
{
    char why[MESSAGE_BYTES], word[TYPED_BYTES], message[MESSAGE_BYTES];
    Feed__Error told;

    if (run->json && error != NULL) {
        json_print_named("error", &error->base);
    } else {
        if (error != NULL)
            told = in_typed_words(run, request, error, word, message);
        session_describe(status, error != NULL ? &told : NULL, why, sizeof why);
        fprintf(stderr, "feedctl: %s\n", why);
    }
    return error == NULL && status == -ETIMEDOUT ? NO_SERVER : REFUSED;
}

int session_call(const struct run *run, struct feed_blocking *feed, const ProtobufCMessage *request,
                 ProtobufCMessage **ret_reply)
{
    int status = feed_call(feed, request, ret_reply);

    return status == 0 ? DONE : session_fail(run, request, status, feed_last_error(feed));
}
