/* SPDX-License-Identifier: Apache-2.0 */
/* Load, governor, hypervisor and SMT, as Linux tells them; elsewhere nothing is known. */
#include "host/host_state.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sproof/cpu.h"

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* Of all CPUs, by the first line of /proc/stat (proc(5)): busy, without idle and iowait, and
 * stolen. */
static void read_stat(struct spr_host_load *load)
{
    double ticks[8] = {0};
    double per_second = (double)sysconf(_SC_CLK_TCK);
    FILE *file = fopen("/proc/stat", "r");
    int read = file ? fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &ticks[0], &ticks[1],
                             &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7])
                    : 0;
    if (file) {
        fclose(file);
    }
    const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];
    load->all_s = read >= 4 && per_second > 0 ? busy / per_second : (double)NAN;
    load->stolen_s = read >= 8 && per_second > 0 ? ticks[7] / per_second : (double)NAN;
}

struct spr_host_load spr_host_load_now(void)
{
    struct rusage usage;
    struct spr_host_load load = {.wall_s = spr_cpu_clock_s()};
    read_stat(&load);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        load.own_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    return load;
}

double spr_host_load_others(const struct spr_host_load *before)
{
    struct spr_host_load now = spr_host_load_now();
    double wall_s = now.wall_s - before->wall_s;
    double others_s = (now.all_s - before->all_s) - (now.own_s - before->own_s);
    return wall_s > 0 ? others_s / wall_s : (double)NAN;
}

static bool read_word(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    bool read = file && fgets(text, (int)size, file);
    if (file) {
        fclose(file);
    }
    text[read ? strcspn(text, "\n") : 0] = '\0';
    return read;
}

static bool is_virtual(void)
{
    char line[4096];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line, file)) {
        found = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
    }
    if (file) {
        fclose(file);
    }
    return found;
}

void spr_host_note_state(struct spr_notes *notes)
{
    char governor[32], smt[8], text[160] = "";
    if (read_word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor,
                  sizeof governor) &&
        strcmp(governor, "performance") != 0) {
        snprintf(text, sizeof text, "CPU governor %.20s", governor);
    }
    if (read_word("/sys/devices/system/cpu/smt/active", smt, sizeof smt) &&
        strcmp(smt, "1") == 0) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%sSMT is on", used ? ", " : "");
    }
    if (is_virtual()) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%sa virtual machine", used ? ", " : "");
    }
    if (text[0]) {
        spr_note(notes, "times may vary: %s", text);
    }
}
