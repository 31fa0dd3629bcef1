/* Time. Deadlines and lag use the monotonic clock; what people and ids see uses the wall clock. */
#ifndef FEED_BASE_CLOCK_H
#define FEED_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment; never goes back. */
int64_t clock_now_ms(void);

/* The same clock in microseconds: for how long a step takes. */
int64_t clock_now_us(void);

/* Milliseconds since 1970-01-01 UTC; follows whoever sets the host's clock. */
int64_t clock_wall_ms(void);

#endif
