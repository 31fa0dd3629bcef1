/* What the user typed for a field of a request: a message about `reader_id` is of no use to who wrote --as. */
#ifndef FEEDCTL_TYPED_H
#define FEEDCTL_TYPED_H

#include <feed/feed.h>

#include "command.h"

#define TYPED_BYTES 64

/* The argument, as the usage line names it, or the option ("--as") whose value stands in the field of that name of the request or
 * of a message in it. False: nothing typed does. */
bool typed_word(const struct run *run, const ProtobufCMessage *request, const char *field, char ret_word[static TYPED_BYTES]);

#endif
