/* Destinations: what a url leads to, as one spelling of it, and the site that this belongs to.
 *
 * Urls that differ only in what makes no difference have one destination: in the case of scheme and host, the spelling of an
 * international host name or of a numeric one, dots at its end, the default port, an empty path, dot segments,
 * needless escapes, empty and tracking parameters, the fragment. destination.def lists what is needless and what tracks.
 * Everything else matters, as only the site itself can say that it does not: http or https, `www.`, user and password, the
 * case of a path, a slash at its end, the order of parameters.
 *
 * A site is the registrable domain of the host, as the public suffix list has it: news.example.co.uk belongs to
 * example.co.uk. What has none, as a numeric address or `localhost`, is a site of its own. */
#ifndef FEED_BASE_DESTINATION_H
#define FEED_BASE_DESTINATION_H

#include <stddef.h>

#define DESTINATION_URL_BYTES 6400 /* what 2,048 bytes become when each one is escaped, and some more */
#define DESTINATION_SITE_BYTES 256

struct destination {
    char url[DESTINATION_URL_BYTES];
    char site[DESTINATION_SITE_BYTES];
};

/* 0; -ENOMEM; -EINVAL: it is no http or https url, or too long, and *ret_fault says what is wrong with it, as in "names no
 * host". On failure *ret_destination holds nothing. The destination of a destination's url is that destination. */
int destination_of_url(const char *url, struct destination *ret_destination, const char **ret_fault);
/* The site of a destination, out of its url. */
void destination_site(const char *url, size_t size, char ret_site[DESTINATION_SITE_BYTES]);

#endif
