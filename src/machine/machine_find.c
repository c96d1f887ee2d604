/* SPDX-License-Identifier: Apache-2.0 */
/* Machines by name: the files of the shipped data. */
#include <stdio.h>
#include <string.h>

#include "base/data.h"
#include "sproof/machine.h"

/* "unknown machine ...: expected one of ..." */
static enum spr_status unknown_machine(const char *name, struct spr_error *err)
{
    char **names;
    size_t count, used = 0;
    char list[1024] = "host";
    const char *candidates[128] = {"host"};
    enum spr_status status = spr_data_names("machines", ".json", &names, &count, err);
    if (status != SPR_OK) {
        return status;
    }
    used = strlen(list);
    for (size_t i = 0; i < count && i + 2 < 128; i++) {
        candidates[i + 1] = names[i];
        if (used + strlen(names[i]) + 3 < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, ", %s", names[i]);
        }
    }
    status =
        spr_fail_unknown(err, name, candidates,
                         "unknown machine '%.80s': expected a file (with '/' or ending in "
                         ".json) or one of %s",
                         name, list);
    spr_data_free_names(names, count);
    return status;
}

enum spr_status spr_machine_find(const char *name_or_path, struct spr_machine *machine,
                                 struct spr_error *err)
{
    char path[SPR_DATA_PATH];
    size_t length = strlen(name_or_path);
    bool file = strchr(name_or_path, '/') ||
                (length > 5 && strcmp(name_or_path + length - 5, ".json") == 0);
    *machine = (struct spr_machine){0};
    if (file) {
        return spr_machine_read(name_or_path, machine, err);
    }
    if (strcmp(name_or_path, "host") == 0) {
        return spr_fail(err, SPR_EINPUT,
                        "machine 'host': expected a name or a file: this "
                        "machine is probed, not read");
    }
    if (*name_or_path && spr_data_find("machines", name_or_path, ".json", path)) {
        return spr_machine_read(path, machine, err);
    }
    return unknown_machine(name_or_path, err);
}
