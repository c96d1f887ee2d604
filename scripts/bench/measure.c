/* SPDX-License-Identifier: Apache-2.0 */
/* measure [-n REPEATS] COMMAND...: runs it with its output thrown away; prints the
 * median wall time in seconds with its range, the mean CPU time and the largest resident
 * size in MiB. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* wait4 is BSD; POSIX offers the maximum over all children, which is what is wanted here. */
static double run_once(char **command)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s failed\n", command[0]);
        exit(1);
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (double)(after.tv_sec - before.tv_sec) +
           1e-9 * (double)(after.tv_nsec - before.tv_nsec);
}

#define REPEATS_MAX 100

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
    int repeats = 1, first = 1;
    double seconds[REPEATS_MAX];
    struct rusage usage;
    if (argc > 3 && strcmp(argv[1], "-n") == 0) {
        repeats = atoi(argv[2]);
        first = 3;
    }
    if (first >= argc || repeats < 1 || repeats > REPEATS_MAX) {
        fprintf(stderr, "usage: measure [-n REPEATS] COMMAND...\n");
        return 2;
    }
    for (int i = 0; i < repeats; i++) {
        seconds[i] = run_once(argv + first);
    }
    qsort(seconds, (size_t)repeats, sizeof *seconds, by_value);
    getrusage(RUSAGE_CHILDREN, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("%.4f(%.4f-%.4f) %.4f %.1f\n", seconds[repeats / 2], seconds[0],
           seconds[repeats - 1], cpu / repeats, (double)usage.ru_maxrss / 1024);
    return 0;
}
