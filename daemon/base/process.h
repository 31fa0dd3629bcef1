/* Figures of the process as a whole, which are measured when somebody asks. */
#ifndef FEED_BASE_PROCESS_H
#define FEED_BASE_PROCESS_H

/* Once, when the process starts. */
void process_started(void);
/* Brings the metrics that begin with `process_` up to date. Takes some microseconds, and about 50 ns for each descriptor. */
void process_measure(void);

#endif
