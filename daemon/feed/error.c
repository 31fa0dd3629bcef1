/* What an answer of the store is to a client. */
#include <errno.h>

#include "feed/internal.h"

Feed__ErrorCode error_of_reply(const struct reply *reply, bool write)
{
    switch (reply_error(reply)) {
    case 0:
        return FEED_OK;
    case -EPIPE:
        return write ? FEED__ERROR_CODE__OUTCOME_UNKNOWN : FEED__ERROR_CODE__UNAVAILABLE;
    case -EAGAIN:
        return FEED__ERROR_CODE__UNAVAILABLE;
    default:
        return FEED__ERROR_CODE__INTERNAL;
    }
}
