/* SPDX-License-Identifier: Apache-2.0 */
/* The machine host for the verbs: measured now when no measurement is kept. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "sproof/cpu.h"
#include "sproof/schedule.h"

/* Progress on one line of a terminal. */
struct progress {
    struct cli *cli;
    int percent;
};

static void show_progress(void *context, const char *what, double fraction)
{
    struct progress *at = context;
    at->percent = (int)(fraction * 100);
    fprintf(at->cli->err, "\r\033[Kprobing %3d %% %.60s", at->percent, what);
    fflush(at->cli->err);
}

enum spr_status cli_probe(struct cli *cli, const struct args *args, bool quick, int threads,
                          struct spr_probe *probe, struct spr_error *err)
{
    struct progress at = {.cli = cli};
    struct spr_probe_options options = {.quick = quick, .threads = threads, .context = &at};
    bool shown = !cli->quiet && !args->value[OPT_NO_PROGRESS] && isatty(fileno(cli->err));
    options.progress = shown ? show_progress : NULL;
    enum spr_status status = spr_probe_run(&options, probe, err);
    if (shown) {
        fputs("\r\033[K", cli->err);
    }
    if (status == SPR_OK && probe->amx_refused) {
        spr_note(&cli->notes,
                 "this CPU has AMX, but the system does not permit its use: there "
                 "are no engines amx-bf16 and amx-i8");
    }
    return status;
}

bool cli_keep_probe(struct cli *cli, const struct spr_probe *probe)
{
    struct spr_error why = {0};
    if (spr_probe_save(probe, &why) != SPR_OK) {
        spr_note(&cli->notes, "the measurement is not kept: %.400s", why.text);
        return false;
    }
    return true;
}

/* Why there is no usable cache although there is a file. */
static void note_unusable(struct cli *cli)
{
    char path[1024];
    struct spr_probe probe;
    struct spr_error why = {0};
    if (!spr_probe_cache_path(path, sizeof path) || access(path, F_OK) != 0) {
        return;
    }
    if (spr_probe_read(path, &probe, &why) != SPR_OK) {
        spr_note(&cli->notes, "the kept measurement is ignored: %.400s", why.text);
        return;
    }
    spr_note(&cli->notes, "the kept measurement is of another machine or version (%.95s)",
             probe.identity);
    spr_probe_free(&probe);
}

void cli_note_disturbed(struct cli *cli, const struct spr_probe *probe)
{
    if (spr_probe_doubtful(probe) && !spr_probe_crowded(probe)) {
        const double kernels = probe->quality.points_disturbed; /* NAN: unknown */
        char also[64] = "";
        if (kernels > 0) {
            snprintf(also, sizeof also, ", %.0f %% of the kernels' times", 100 * kernels);
        }
        spr_note(&cli->notes,
                 "other work disturbed the measurement of this machine (%zu of %zu rates%s): "
                 "sproof probe when it is idle",
                 spr_probe_disturbed(probe), probe->rate_count, also);
    }
    if (spr_probe_crowded(probe)) {
        spr_note(&cli->notes,
                 "all %d threads together are slower than one (other programs hold the "
                 "cores?): do not trust rates on all threads; sproof probe when the machine "
                 "is idle",
                 probe->threads);
    }
}

static void say(const struct cli *cli, const char *line)
{
    if (!cli->quiet) {
        fputs(line, cli->err);
    }
}

#define SAY_QUICK                                                                             \
    "sproof: measuring this machine (under 6 s; sproof probe does it thoroughly)\n"
#define SAY_FULL                                                                              \
    "sproof: measuring this machine again, quiet now (up to 60 s; other work disturbed the "  \
    "kept measurement)\n"

/* Measures quickly what the kept probe lacks and keeps both together. */
static enum spr_status probe_missing(struct cli *cli, const struct args *args, int threads,
                                     struct spr_probe *probe, struct spr_error *err)
{
    struct spr_probe fresh = {0};
    bool cached = spr_probe_cached(probe);
    if (!cached) {
        note_unusable(cli);
    }
    say(cli, SAY_QUICK);
    enum spr_status status = cli_probe(cli, args, true, threads, &fresh, err);
    if (status == SPR_OK && cached) {
        status = spr_probe_add(probe, &fresh, err);
        spr_probe_free(&fresh);
    } else if (status == SPR_OK) {
        *probe = fresh;
    }
    return status;
}

/* Whether and how to measure again what is kept. */
struct again {
    bool now, quick;
    int threads; /* as in spr_probe_options */
};

/* A minute is spent only on what can be kept and has the threads asked for. */
static bool worth_a_minute(const struct spr_probe *probe, int threads)
{
    char path[1024];
    return (threads <= 1 || threads == probe->threads) &&
           spr_probe_cache_path(path, sizeof path) && access(path, W_OK) == 0;
}

/* A kept probe that others disturbed says so in every answer, until it is measured again: by
 * itself, when it is due and the machine is quieter. */
static struct again look_at_kept(struct cli *cli, int threads)
{
    struct spr_probe probe;
    struct again again = {.threads = threads};
    if (!spr_probe_cached(&probe)) {
        return again;
    }
    again.quick = probe.quick;
    if (spr_probe_due(&probe, time(NULL)) &&
        (probe.quick || worth_a_minute(&probe, threads))) {
        double known_s[SPR_CANARIES];
        spr_probe_canaries(&probe, spr_isa_best(), 1, known_s);
        again.now = spr_noise_quiet(known_s);
    }
    if (!probe.quick) {
        again.threads = probe.threads;
    }
    if (!again.now) {
        cli_note_disturbed(cli, &probe);
    }
    spr_probe_free(&probe);
    return again;
}

/* Measures, all or what is missing, and keeps it. */
static enum spr_status measure(struct cli *cli, const struct args *args,
                               const struct again *again, struct spr_probe *probe,
                               struct spr_error *err)
{
    if (again->now) {
        say(cli, again->quick ? SAY_QUICK : SAY_FULL);
        SPR_TRY(cli_probe(cli, args, again->quick, again->threads, probe, err));
    } else {
        SPR_TRY(probe_missing(cli, args, again->threads, probe, err));
    }
    (void)cli_keep_probe(cli, probe);
    cli_note_disturbed(cli, probe);
    return SPR_OK;
}

static enum spr_status find_tuned(struct cli *cli, struct spr_machine *machine,
                                  struct spr_error *err)
{
    cli->tuned = spr_calloc(1, sizeof *cli->tuned);
    enum spr_status status =
        cli->tuned ? spr_tuned_read(cli->tuned, &cli->notes, err) : spr_no_memory(err);
    if (status != SPR_OK) {
        spr_machine_free(machine);
    }
    return status;
}

enum spr_status cli_find_host(struct cli *cli, const struct args *args, int64_t threads,
                              struct spr_machine *machine, struct spr_error *err)
{
    enum spr_isa isa;
    SPR_TRY(spr_isa_choose(NULL, &isa, err));
    SPR_TRY(spr_machine_host(threads, machine, err));
    if (!spr_probe_wanted()) {
        return SPR_OK;
    }
    struct again again = {.threads = (int)threads};
    if (machine->probed) {
        again = look_at_kept(cli, (int)threads);
    }
    /* A thought experiment, not a measurement. */
    if (!machine->probed && threads > spr_cpu_threads()) {
        spr_note(&cli->notes, "%lld threads on %d cores: not measured; a guess for the whole",
                 (long long)threads, spr_cpu_threads());
        return SPR_OK;
    }
    if (!machine->probed || again.now) {
        struct spr_probe probe = {0};
        spr_machine_free(machine);
        enum spr_status status = measure(cli, args, &again, &probe, err);
        status =
            status ? status : spr_machine_from_probe(&probe, isa, (int)threads, machine, err);
        spr_probe_free(&probe);
        SPR_TRY(status);
    }
    return find_tuned(cli, machine, err);
}

enum spr_status cli_find_machine(const char *name, struct spr_machine *machine,
                                 struct spr_error *err)
{
    return strcmp(name, "host") == 0 ? spr_machine_host(0, machine, err)
                                     : spr_machine_find(name, machine, err);
}
