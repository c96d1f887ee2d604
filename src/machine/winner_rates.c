/* SPDX-License-Identifier: Apache-2.0 */
/* The measured rates of k-winner-take-all and of products with winners alone, as JSON. */
#include "base/mem.h"
#include "machine/rates_json.h"

#define WINNERS_MAX 4096
#define METHODS_MAX 16

/* Not written where there are none: machines of before stay what they were. */
void spr_winners_to_json(struct spr_emit *out, const struct spr_kernel_rates *rates)
{
    if (rates->winner_count == 0) {
        return;
    }
    spr_emit_open(out, "winners", '[');
    for (size_t i = 0; i < rates->winner_count; i++) {
        const struct spr_winner_rates *w = &rates->winners[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "isa", spr_isa_name(w->isa));
        spr_emit_number(out, "rows", w->rows);
        spr_emit_number(out, "method", w->method);
        spr_sweep_to_json(out, "each", &w->each);
        spr_sweep_to_json(out, "winner", &w->winner);
        spr_rate_to_json(out, "other_s", w->other_s);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

static void read_winner(struct spr_reader *r, const spr_json *object,
                        struct spr_winner_rates *w)
{
    static const struct spr_range rows = {0, WINNERS_MAX, false, "an integer"};
    static const struct spr_range method = {0, METHODS_MAX, false, "an integer"};
    *w = (struct spr_winner_rates){.isa = spr_isa_from_json(r, object)};
    w->rows = (int)spr_reader_whole(r, object, "rows", &rows);
    w->method = (int)spr_reader_whole(r, object, "method", &method);
    spr_sweep_from_json(r, object, "each", &w->each);
    spr_sweep_from_json(r, object, "winner", &w->winner);
    w->other_s = spr_rate_from_json(r, object, "other_s");
}

void spr_winners_from_json(struct spr_reader *r, const spr_json *object,
                           struct spr_kernel_rates *rates)
{
    size_t capacity = 0;
    const spr_json *item = spr_reader_list(r, object, "winners", false, NULL);
    for (; item; item = spr_reader_next(r, item)) {
        if (rates->winner_count == WINNERS_MAX) {
            spr_reader_leave(r);
            spr_reader_fail(r, "winners", "expected at most 4096");
        } else if (spr_reader_have(r, spr_grow(&rates->winners, &capacity,
                                               rates->winner_count + 1,
                                               sizeof *rates->winners))) {
            read_winner(r, item, &rates->winners[rates->winner_count++]);
        }
    }
}
