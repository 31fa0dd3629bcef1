/* Reading a page of a home timeline. shape.connections is how many readers there are, by turns; each follows 50 authors. */
#ifndef FEEDBENCH_READING_H
#define FEEDBENCH_READING_H

#include "drive.h"

extern const struct drive_work reading_feedd, reading_raw;

#endif
