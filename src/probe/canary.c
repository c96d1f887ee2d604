/* SPDX-License-Identifier: Apache-2.0 */
/* Short loops of fixed work, each on one resource. A reading takes 3 to 20 us: short enough to lie
 * in the gaps that a neighbour leaves, long enough for the clock. */
#include "probe/canary.h"

#include <math.h>

#include "base/mem.h"
#include "host/sampler.h"
#include "probe/probe_parts.h"

/* Vector instructions of one reading, 2 to 5 us at one or two a cycle. The loads are broadcasts: of
 * whole vectors the rate is not the same from run to run on an undisturbed core. */
#define MULTIPLY_ADDS 12000.0
#define LOADS 6000.0
/* Lies in no L1 that is known, and in every L2. */
#define L2_BYTES ((size_t)192 << 10)
/* One reading, and where the readings walk: more than the last cache. */
#define MEMORY_BYTES ((size_t)128 << 10)
#define WALK_LEAST ((double)((size_t)64 << 20))
#define WALK_MOST ((double)((size_t)512 << 20))
#define LEARNT 300
#define LEARN_S 0.3

/* One thread's part. */
struct canary_thread {
    enum spr_canary canary;
    const struct canary_loops *loops;
    struct spr_probe_work near, l2, walk;
    void *block;
    size_t at, walk_bytes;
};

struct canary_loops {
    spr_probe_loop *multiply_add, *load, *read;
    size_t multiply_add_rounds, load_rounds;
};

struct own_canaries {
    struct spr_canaries canaries; /* first: what the others see */
    struct canary_loops loops;
    int threads;
    struct canary_thread *members;
};

static void run_canary(void *context)
{
    struct canary_thread *t = context;
    const struct canary_loops *loops = t->loops;
    switch (t->canary) {
    case SPR_CANARY_MULTIPLY_ADD:
        (void)loops->multiply_add(&t->near, loops->multiply_add_rounds);
        (void)loops->load(&t->near, loops->load_rounds);
        break;
    case SPR_CANARY_L2:
        (void)loops->read(&t->l2, 1);
        break;
    case SPR_CANARY_MEMORY:
        (void)loops->read(&t->walk, 1);
        break;
    }
}

/* What was timed has pushed the canary's data and code out of the caches: they come back, untimed. Of
 * memory the next piece is read, which no cache has. */
static void prepare(void *context)
{
    struct canary_thread *t = context;
    if (t->canary == SPR_CANARY_MEMORY) {
        t->at = t->at + 2 * MEMORY_BYTES <= t->walk_bytes ? t->at + MEMORY_BYTES : 0;
        t->walk.memory = (float *)(void *)((char *)t->l2.memory + L2_BYTES + t->at);
    } else {
        run_canary(t);
    }
}

static double read_canary(struct spr_canaries *canaries, enum spr_canary canary)
{
    struct own_canaries *own = (struct own_canaries *)(void *)canaries;
    for (int t = 0; t < own->threads; t++) {
        own->members[t].canary = canary;
    }
    const struct spr_sampler sampler = {.clock_s = spr_cpu_clock_s,
                                        .threads = own->threads,
                                        .context = own->members,
                                        .size = sizeof *own->members,
                                        .run = run_canary,
                                        .prepare = prepare,
                                        .slowest = true};
    const double seconds = spr_sample_take(&sampler).most_each_s;
    double *least_s = &canaries->least_s[canary];
    *least_s = isnan(*least_s) ? seconds : fmin(*least_s, seconds);
    return seconds;
}

static size_t rounds_of(spr_probe_loop *loop, struct spr_probe_work *work, double wanted)
{
    return (size_t)fmax(1, round(wanted / loop(work, 1)));
}

/* Four times the last cache, or what memory there is for it. */
static double walk_bytes(int threads)
{
    struct spr_cpu_cache caches[SPR_CPU_CACHES];
    const double memory = spr_cpu_memory_bytes();
    double last = 0;
    spr_cpu_caches(caches);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        last = isnan(caches[i].bytes) ? last : caches[i].bytes;
    }
    double most = isnan(memory) ? WALK_MOST : fmin(WALK_MOST, memory / 16);
    return fmin(fmax(WALK_LEAST, 4 * last), most) / threads;
}

static bool make_thread(struct canary_thread *t, const struct canary_loops *loops, double walk)
{
    const double room = fmax(walk, 2.0 * MEMORY_BYTES); /* of many threads each has little */
    const size_t bytes = (size_t)(room / SPR_PROBE_GRAIN) * SPR_PROBE_GRAIN;
    const size_t all = SPR_PROBE_GRAIN + L2_BYTES + bytes;
    t->loops = loops;
    t->block = spr_calloc(1, all + SPR_PROBE_GRAIN);
    if (!t->block) {
        return false;
    }
    spr_cpu_huge_pages(t->block, all + SPR_PROBE_GRAIN);
    const size_t skip = SPR_PROBE_GRAIN - (size_t)((uintptr_t)t->block % SPR_PROBE_GRAIN);
    char *memory = (char *)t->block + skip;
    t->near =
        (struct spr_probe_work){.memory = (float *)(void *)memory, .bytes = SPR_PROBE_GRAIN};
    t->l2 = (struct spr_probe_work){.memory = (float *)(void *)(memory + SPR_PROBE_GRAIN),
                                    .bytes = L2_BYTES};
    t->walk = (struct spr_probe_work){.memory = t->l2.memory, .bytes = MEMORY_BYTES};
    t->walk_bytes = bytes;
    for (size_t i = 0; i < (all - SPR_PROBE_GRAIN) / sizeof(float); i += SPR_PROBE_GRAIN / 4) {
        t->near.memory[i] = 1; /* a page of its own: the system shares those of zeros */
    }
    return true;
}

static struct own_canaries *new_canaries(enum spr_isa isa, int threads, double walk)
{
    struct own_canaries *own = spr_calloc(1, sizeof *own);
    if (!own) {
        return NULL;
    }
    own->canaries.read = read_canary;
    own->loops.multiply_add = spr_probe_loop_of(isa, SPR_PROBE_FMA_F32);
    own->loops.load = spr_probe_loop_of(isa, SPR_PROBE_BROADCAST);
    own->loops.read = spr_probe_loop_of(isa, SPR_PROBE_READ);
    own->threads = threads;
    own->members = spr_calloc((size_t)threads, sizeof *own->members);
    bool made = own->members != NULL;
    for (int t = 0; t < threads && made; t++) {
        made = make_thread(&own->members[t], &own->loops, walk);
    }
    if (!made) {
        spr_canaries_free(&own->canaries);
        return NULL;
    }
    struct spr_probe_work *near = &own->members[0].near;
    own->loops.multiply_add_rounds =
        rounds_of(own->loops.multiply_add, near, MULTIPLY_ADDS * 2 * spr_isa_lanes(isa));
    own->loops.load_rounds = rounds_of(own->loops.load, near, LOADS);
    return own;
}

static enum spr_status hand_over(struct own_canaries *own, const double *known_s,
                                 struct spr_canaries **canaries, struct spr_error *err)
{
    *canaries = own ? &own->canaries : NULL;
    for (int c = 0; c < SPR_CANARIES && own; c++) {
        own->canaries.least_s[c] = known_s ? known_s[c] : (double)NAN;
    }
    return own ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_canaries_make(enum spr_isa isa, int threads, const double *known_s,
                                  struct spr_canaries **canaries, struct spr_error *err)
{
    struct own_canaries *own = new_canaries(isa, threads, walk_bytes(threads));
    return hand_over(own, known_s, canaries, err);
}

enum spr_status spr_canaries_make_near(enum spr_isa isa, int threads, const double *known_s,
                                       struct spr_canaries **canaries, struct spr_error *err)
{
    return hand_over(new_canaries(isa, threads, 0), known_s, canaries, err);
}

void spr_canaries_free(struct spr_canaries *canaries)
{
    struct own_canaries *own = (struct own_canaries *)(void *)canaries;
    if (own) {
        for (int t = 0; own->members && t < own->threads; t++) {
            spr_free(own->members[t].block);
        }
        spr_free(own->members);
        spr_free(own);
    }
}

void spr_canaries_learn(struct spr_canaries *canaries, bool memory)
{
    const double end_s = spr_cpu_clock_s() + LEARN_S;
    for (int i = 0; i < LEARNT && spr_cpu_clock_s() < end_s; i++) {
        (void)canaries->read(canaries, SPR_CANARY_MULTIPLY_ADD);
        (void)canaries->read(canaries, SPR_CANARY_L2);
        if (memory) {
            (void)canaries->read(canaries, SPR_CANARY_MEMORY);
        }
    }
}
