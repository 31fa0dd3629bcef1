/* See metrics.h. */
#include "base/metrics.h"

struct metrics metrics;
