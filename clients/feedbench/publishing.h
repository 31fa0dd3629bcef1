/* Publishing where nobody follows: through feedd, and with the very commands that feedd sends to Redis for it. */
#ifndef FEEDBENCH_PUBLISHING_H
#define FEEDBENCH_PUBLISHING_H

#include "drive.h"

extern const struct drive_work publishing_feedd, publishing_raw;

#endif
