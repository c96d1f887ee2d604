/* SPDX-License-Identifier: Apache-2.0 */
/* k-winner-take-all of every method and instruction set against a sort: random and adversarial
 * values, boosted and not, whole and in groups, behind guard pages. */
#include "base/random.h"
#include "reference.h"
#include "sproof/winners.h"

#define MOST 2048
#define INPUTS 100000

struct ranked {
    float rank;
    int32_t index;
};

static struct guarded x, factor;
static uint64_t state = 17;

/* Values of a kind that a search, a sample, a histogram or a sort might trip over. */
static float draw(int kind, int64_t i, int64_t count)
{
    static const float special[] = {0.0F,   -0.0F,   INFINITY, -INFINITY, NAN,
                                    1e-41F, -1e-41F, 1.0F,     -1.0F,     3e38F};
    const double unit = spr_random_unit(&state);
    switch (kind) {
    case 0: /* like activations */
        return (float)(unit + spr_random_unit(&state) + spr_random_unit(&state) - 1.5);
    case 1: /* behind a ReLU: mostly zeros of either sign */
        return unit < 0.7 ? (unit < 0.3 ? -0.0F : 0.0F) : (float)unit;
    case 2: /* many ties */
        return (float)(spr_random(&state) % 5);
    case 3: /* all equal */
        return 0.25F;
    case 4:
        return special[spr_random(&state) % COUNT_OF(special)];
    case 5: /* of very different size */
        return (float)ldexp(unit - 0.5, (int)(spr_random(&state) % 250) - 125);
    case 6: /* rising: a sample of the front misleads */
        return (float)i;
    case 7:
        return (float)(count - i);
    case 8: /* few numbers */
        return unit < 0.9 ? NAN : (float)unit;
    case 9: /* one neighbour of a float beside the other */
        return nextafterf(1.0F, unit < 0.5 ? 2.0F : 0.0F);
    case 10:
        return unit < 0.5 ? INFINITY : (float)unit;
    case 11: /* a spike among small ones, as at the end of a row */
        return i % 97 == 0 ? 1e30F : (float)(unit * 1e-30);
    default: /* two heaps far apart */
        return (float)(unit < 0.5 ? -1000 - unit : 1000 + unit);
    }
}
#define KINDS 13

static int by_rank(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return a->rank > b->rank ? -1 : a->rank < b->rank ? 1 : a->index < b->index ? -1 : 1;
}

static int by_index(const void *left, const void *right)
{
    return ((const struct ranked *)left)->index < ((const struct ranked *)right)->index ? -1
                                                                                        : 1;
}

/* The winners of one group, by sorting; returns how many. */
static int64_t sorted(const struct spr_wta *wta, int64_t g, const float *from,
                      const float *boost, struct ranked *all)
{
    const int64_t size = spr_wta_size(wta), groups = spr_wta_groups(wta);
    int64_t count = 0;
    for (int64_t i = 0; i < size; i++) {
        const int64_t at = wta->scope == SPR_WTA_PIXEL ? i * groups + g : g * size + i;
        const float rank = boost ? from[at] * boost[at] : from[at];
        if (!isnan(rank)) {
            all[count++] = (struct ranked){rank, (int32_t)at};
        }
    }
    qsort(all, (size_t)count, sizeof *all, by_rank);
    int64_t winners = count < wta->k ? count : wta->k;
    while (!wta->strict && winners < count && all[winners].rank >= all[winners - 1].rank) {
        winners++;
    }
    qsort(all, (size_t)winners, sizeof *all, by_index);
    return winners;
}

static void check(const struct spr_wta *wta, const float *from, const float *boost, int kind)
{
    static struct ranked all[MOST];
    struct spr_error err = {0};
    struct spr_winners winners;
    char text[160];
    snprintf(text, sizeof text, "%s %s scope %d %lldx%lld k=%lld strict %d boost %d kind %d",
             spr_wta_method_name(wta->method), spr_isa_name(wta->isa), (int)wta->scope,
             (long long)wta->channels, (long long)wta->pixels, (long long)wta->k, wta->strict,
             boost != NULL, kind);
    test_row = text;
    CHECK(spr_winners_alloc(wta, &winners, &err) == SPR_OK);
    spr_wta_run(wta, from, boost, &winners);
    int64_t at = 0, wrong = 0;
    for (int64_t g = 0; g < spr_wta_groups(wta); g++) {
        const int64_t count = sorted(wta, g, from, boost, all);
        for (int64_t i = 0; i < count && at < winners.count; i++, at++) {
            const float value = from[all[i].index];
            wrong += winners.index[at] != all[i].index ||
                     memcmp(&winners.value[at], &value, sizeof value) != 0;
        }
        wrong += wta->strict && count > wta->k;
        wrong += g + 1 == spr_wta_groups(wta) && at != winners.count;
    }
    CHECK_INT(0, wrong);
    spr_winners_free(&winners);
    test_row = "";
}

static enum spr_isa any_isa(void)
{
    enum spr_isa isa;
    do {
        isa = (enum spr_isa)(spr_random(&state) % SPR_ISA_COUNT);
    } while (!spr_isa_usable(isa));
    return isa;
}

/* One input, its values at the end of what may be read. */
static void test_input(int i)
{
    const int64_t most = i % 50 == 0 ? MOST : i % 5 == 0 ? 300 : 40;
    const int64_t values = 1 + (int64_t)(spr_random(&state) % (uint64_t)most);
    const int64_t pixels = i % 3 == 0 ? 1 + (int64_t)(spr_random(&state) % 9) : 1;
    const int64_t channels = values / pixels > 0 ? values / pixels : 1;
    struct spr_wta wta = {.isa = any_isa(),
                          .scope = (enum spr_wta_scope)(spr_random(&state) % 3),
                          .method =
                              (enum spr_wta_method)(spr_random(&state) % SPR_WTA_METHODS),
                          .channels = channels,
                          .pixels = pixels,
                          .strict = spr_random(&state) % 2 == 0};
    const int64_t count = channels * pixels, size = spr_wta_size(&wta);
    const int kind = i % KINDS;
    float *from = x.data + MOST - count, *boost = factor.data + MOST - count;
    wta.k = spr_random(&state) % 3 == 0
                ? 1 + (int64_t)(spr_random(&state) % (uint64_t)(size + 2))
                : spr_wta_count(size, 0.12);
    for (int64_t j = 0; j < count; j++) {
        from[j] = draw(kind, j, count);
        boost[j] = (float)(0.5 + spr_random_unit(&state));
    }
    check(&wta, from, spr_random(&state) % 4 == 0 ? boost : NULL, kind);
}

static void test_spread(void)
{
    struct spr_winners winners;
    struct spr_error err = {0};
    const struct spr_wta wta = {.isa = SPR_ISA_SCALAR, .channels = 4, .pixels = 1, .k = 2};
    const float from[] = {1, -2, 3, 2}, expected[] = {0, 0, 3, 2};
    float y[4];
    CHECK(spr_winners_alloc(&wta, &winners, &err) == SPR_OK);
    spr_wta_run(&wta, from, NULL, &winners);
    spr_winners_spread(&winners, y, 4);
    CHECK_BITS("spread", y, expected, 4);
    spr_winners_free(&winners);
    const struct spr_wta large = {.channels = 65536, .pixels = 32768};
    CHECK_STATUS(SPR_EINPUT, spr_winners_alloc(&large, &winners, &err), &err);
}

static void test_count(void)
{
    CHECK_INT(1, spr_wta_count(7, 0.01)); /* somebody wins */
    CHECK_INT(192, spr_wta_count(1600, 0.12));
    CHECK_INT(2, spr_wta_count(5, 0.5)); /* half to even */
}

int main(void)
{
    x = guard(MOST, true);
    factor = guard(MOST, true);
    for (int i = 0; i < INPUTS; i++) {
        test_input(i);
    }
    test_spread();
    test_count();
    unguard(&x);
    unguard(&factor);
    return test_end();
}
