/* Included in front of each object of a torture test that is not to be tortured: the test itself and its fixtures. The names
 * are those by which --wrap gives out the functions that it wraps. */
#ifndef FEED_TESTS_TORTURE_BYPASS_H
#define FEED_TESTS_TORTURE_BYPASS_H

#define malloc __real_malloc
#define calloc __real_calloc
#define realloc __real_realloc
#define strdup __real_strdup
#define strndup __real_strndup
#define accept4 __real_accept4
#define bind __real_bind
#define clock_gettime __real_clock_gettime
#define close __real_close
#define connect __real_connect
#define epoll_create1 __real_epoll_create1
#define epoll_ctl __real_epoll_ctl
#define epoll_wait __real_epoll_wait
#define event_add __real_event_add
#define event_new __real_event_new
#define getaddrinfo __real_getaddrinfo
#define getrandom __real_getrandom
#define getsockname __real_getsockname
#define getsockopt __real_getsockopt
#define listen __real_listen
#define lstat __real_lstat
#define ppoll __real_ppoll
#define recv __real_recv
#define send __real_send
#define setsockopt __real_setsockopt
#define shutdown __real_shutdown
#define socket __real_socket
#define unlink __real_unlink

#endif
