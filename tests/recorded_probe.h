/* SPDX-License-Identifier: Apache-2.0 */
/* Probes as they were recorded on two CPUs: tests/data/probes/README.md. */
#ifndef SPROOF_TEST_RECORDED_PROBE_H
#define SPROOF_TEST_RECORDED_PROBE_H

#include <zlib.h>

#include "sproof/probe.h"
#include "test.h"

static const char *const recorded_probes[] = {"epyc_zen4", "xeon_6_207"};

/* Unpacks it into the working directory and reads it. */
static inline void read_recorded_probe(const char *name, struct spr_probe *probe)
{
    static char text[1 << 20];
    char path[512];
    struct spr_error err = {0};
    snprintf(path, sizeof path, SPROOF_TEST_DATA "/../tests/data/probes/%s.json.gz", name);
    gzFile file = gzopen(path, "rb");
    int size = file ? gzread(file, text, sizeof text) : 0;
    CHECK(size > 0 && (size_t)size < sizeof text);
    test_write_bytes("probe.json", text, size > 0 ? (size_t)size : 0);
    if (file) {
        gzclose(file);
    }
    CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", probe, &err), &err);
}

#endif
