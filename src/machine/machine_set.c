/* SPDX-License-Identifier: Apache-2.0 */
/* --set: one machine number changed by its path. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/seconds.h"
#include "sproof/machine.h"

struct target {
    char path[96];
    struct spr_number *number;
};
#define TARGETS_MAX (SPR_ENGINES_MAX + 2 * SPR_MEMORIES_MAX + 1)

static size_t list_targets(struct spr_machine *machine, struct target *targets)
{
    size_t count = 0;
    for (size_t i = 0; i < machine->engine_count; i++, count++) {
        snprintf(targets[count].path, sizeof targets->path, "engine.%.60s.flops_per_s",
                 machine->engines[i].name);
        targets[count].number = &machine->engines[i].flops_per_s;
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        struct spr_memory *memory = &machine->memory[i];
        snprintf(targets[count].path, sizeof targets->path, "memory.%.60s.bytes_per_s",
                 memory->level);
        targets[count++].number = &memory->bytes_per_s;
        snprintf(targets[count].path, sizeof targets->path, "memory.%.60s.bytes",
                 memory->level);
        targets[count++].number = &memory->bytes;
    }
    snprintf(targets[count].path, sizeof targets->path, "overhead_s");
    targets[count++].number = &machine->overhead_s;
    return count;
}

static enum spr_status unknown_target(const struct spr_machine *machine, const char *path,
                                      const struct target *targets, size_t count,
                                      struct spr_error *err)
{
    const char *names[TARGETS_MAX + 1] = {NULL};
    for (size_t i = 0; i < count; i++) {
        names[i] = targets[i].path;
    }
    const char *near = spr_nearest(path, names);
    return spr_fail(err, SPR_EINPUT,
                    "--set: machine %s has no '%.80s': expected for example '%s'",
                    machine->name, path, near ? near : names[0]);
}

/* A number, or a time with a unit or in seconds, of 0..1e30. */
static bool read_value(const char *text, bool time, double *number)
{
    bool good = time ? spr_parse_seconds(text, strlen(text), true, number)
                     : spr_parse_number(text, number);
    return good && *number >= 0 && *number <= 1e30;
}

enum spr_status spr_machine_set(struct spr_machine *machine, const char *assignment,
                                struct spr_machine_change *change, struct spr_error *err)
{
    struct target targets[TARGETS_MAX];
    size_t count = list_targets(machine, targets);
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    char value[64], path[96];
    if (!equals || length >= sizeof path || strlen(equals + 1) >= sizeof value) {
        return spr_fail(err, SPR_EINPUT,
                        "--set: '%.80s': expected PATH=NUMBER or PATH=FACTORx, for example "
                        "memory.DRAM.bytes_per_s=2x",
                        assignment);
    }
    snprintf(path, sizeof path, "%.*s", (int)length, assignment);
    snprintf(value, sizeof value, "%s", equals + 1);
    size_t last = strlen(value);
    bool factor = last > 1 && value[last - 1] == 'x';
    if (factor) {
        value[last - 1] = '\0';
    }
    double number;
    bool time = strcmp(path, "overhead_s") == 0, known = false;
    for (size_t i = 0; i < count; i++) {
        known = known || strcmp(targets[i].path, path) == 0;
    }
    if (!known) {
        return unknown_target(machine, path, targets, count, err);
    }
    if (!read_value(value, time && !factor, &number) ||
        (number < 1e-30 && !(number == 0 && time))) {
        return spr_fail(
            err, SPR_EINPUT, "--set %s: '%.60s': expected %s, or a factor such as 2x", path,
            equals + 1, time ? "a time of 0 or more, such as 5us" : "a number above 0");
    }
    for (size_t i = 0; i < count; i++) {
        struct spr_number *target = targets[i].number;
        if (strcmp(targets[i].path, path) != 0) {
            continue;
        }
        if (factor && isnan(target->value)) {
            return spr_fail(err, SPR_EINPUT,
                            "--set %s: unknown on machine %s: expected a number, not a factor",
                            path, machine->name);
        }
        double after = factor ? target->value * number : number;
        if (after > 1e30 || (after < 1e-30 && !time)) {
            return spr_fail(err, SPR_EINPUT, "--set %s: gives %.4g: expected 1e-30..1e30",
                            path, after);
        }
        memcpy(change->path, path, sizeof path);
        change->before = target->value;
        target->value = factor ? target->value * number : number;
        target->low = factor ? target->low * number : number;
        target->high = factor ? target->high * number : number;
        change->after = target->value;
        target->kind = "declared";
        target->source = "set on the command line";
        target->date = NULL;
        return SPR_OK;
    }
    return unknown_target(machine, path, targets, count, err);
}
