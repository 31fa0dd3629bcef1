/* Torture: a scenario is run again and again, and in its k-th run the k-th call that can fail does, for k = 1, 2, 3, … until
 * a run is over in which nothing failed. A call that can fail in several ways (recv: EINTR, EAGAIN, ECONNRESET, a short
 * count) is as many points as it has ways.
 *
 * The calls are wrapped by the linker (--wrap), which sees the objects and static archives that a program is made of, and
 * not the inside of shared libraries: what fails are the calls of our own code. libevent and protobuf-c are given failures
 * where we call them (event_add, the allocator that we hand over); hiredis, which ends the process when an allocation of its
 * own fails, is left alone, and is tested as a crash in torture_store.c. The tests' own objects go around
 * the wrappers by torture_bypass.h. A failure comes once in each run; the scenario then repeats what was refused and
 * compares. Each run must leave as many descriptors open as it found, and LeakSanitizer looks after each scenario. */
#ifndef FEED_TESTS_TORTURE_H
#define FEED_TESTS_TORTURE_H

#include "unit.h"

/* Runs the scenario until nothing is left to fail, says how many points failed, and asserts that they were at least
 * `at_least`: a scenario that no longer comes to what it is there for is no test of it. */
void torture(const char *name, void (*scenario)(void), unsigned at_least);

/* Whether something failed in this run. What is refused without this is a defect. */
bool torture_struck(void);
/* Whether what failed must not be noticed by anybody: nothing, an interruption, a short count, "try again". */
bool torture_is_harmless(void);
/* Whether it was this call: "malloc", "recv", … */
bool torture_struck_at(const char *call);

/* Between these nothing fails and nothing is counted: for what only sets the stage. They nest. */
void torture_pause(void);
void torture_resume(void);

/* The next `times` calls of this name fail in any case, beside what is counted: for what only a failure leads to. */
void torture_force(const char *call, int error, unsigned times);

/* In the scenarios of this test, what never fails where they run: the daemon's clock, which the test itself reads. */
void torture_spare(const char *call);

/* For wrappers of a test's own, of calls of a library that reports by itself that memory ended: whether this one is to fail. */
bool torture_point(const char *call);

/* For cmocka, as every torture test's teardown: says at which point a test failed. */
int torture_report(void **state);

#define TORTURE(test) cmocka_unit_test_teardown(test, torture_report)

#endif
