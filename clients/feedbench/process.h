/* Programs that are measured: started on a CPU of their own choosing, watched from outside, ended by their pid.
 *
 * A process ends with whoever started it (parent-death signal), so that nothing outlives a benchmark that is killed. */
#ifndef FEEDBENCH_PROCESS_H
#define FEEDBENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_PATH_BYTES 512

struct process {
    pid_t pid; /* 0: none */
    char name[24];
    char log[PROCESS_PATH_BYTES]; /* its standard output and error */
};

/* Makes an empty directory under $TMPDIR. Returns 0 or a negative errno. */
int process_make_directory(char ret_path[PROCESS_PATH_BYTES]);
/* Removes it with all that it holds. */
void process_remove_directory(const char *path);

/* Starts `argv` (NULL at its end, argv[0] looked for in PATH and in /usr/sbin) on one CPU (-1: any), its log in
 * `directory`, begun anew. Returns 0 or a negative errno: -ENOENT if there is no such program. */
int process_start(struct process *ret_process, const char *name, const char *directory, int cpu, const char *const *argv);

/* Ends it: SIGTERM, and after ten seconds SIGKILL. Waits until it is gone. Does nothing if there is none. */
void process_stop(struct process *process);
/* The same by SIGKILL at once. */
void process_kill(struct process *process);

/* Waits until a line of its log holds `needle` and copies what follows it, up to white space. Returns 0, -ETIMEDOUT, or
 * -ESRCH if it ended. `ret_value` may be NULL. */
int process_wait_for(struct process *process, const char *needle, unsigned timeout_ms, char *ret_value, size_t bytes);

bool process_exists_program(const char *program);
/* The first line that `argv` prints, empty if it cannot be run. */
void process_first_line(const char *const *argv, char *ret_line, size_t bytes);

/* Runs it to its end, its output in `log_name` in `directory`. Returns its exit status or a negative errno. */
int process_run(const char *directory, const char *log_name, const char *const *argv);

/* User and system time of all its threads, in nanoseconds. 0 if it is gone. */
uint64_t process_cpu_ns(pid_t pid);
/* What all CPUs together have run, whoever for: to within 10 ms for each. */
uint64_t process_machine_cpu_ns(void);
/* Its resident memory. */
uint64_t process_rss_bytes(pid_t pid);

/* A port of loopback that nobody listens on. */
uint16_t process_free_port(void);
/* Keeps this process on one CPU. */
void process_pin(int cpu);
/* Allows as many descriptors as the system lets us have. */
void process_raise_descriptors(void);

#endif
