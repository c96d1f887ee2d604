/* SPDX-License-Identifier: Apache-2.0 */
/* sproof compare --live BASE-BINARY MODEL: two builds in turns on the same cases. Each turn is one
 * visit of validate by either program; the visits of each are joined to one record. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/output.h"
#include "cli/cli.h"
#include "sproof/cpu.h"
#include "sproof/probe.h"
#include "sproof/record.h"

extern char **environ;

/* Rounds: two at least, more while a case finds no number; so far apart. */
#define ROUNDS 2
#define ROUNDS_MOST 5
#define ROUNDS_APART_S 10.0
#define ARGUMENTS_MAX 32

struct live {
    struct cli *cli;
    const struct args *args;
    char folder[1024];
    char path[2][1100];            /* of either's record */
    struct spr_validation runs[2]; /* joined; 0: the base */
    const char *program[2];
    struct spr_error *err;
};

/* What is passed on to validate as it was given. */
static const enum option passed[] = {OPT_PATTERN, OPT_SPARSITY,  OPT_THREADS, OPT_ISA,
                                     OPT_LAYOUT,  OPT_RESIDENCY, OPT_SEED,    OPT_COUNT};

static size_t list_arguments(struct live *live, int side, char words[ARGUMENTS_MAX][24],
                             const char *argv[ARGUMENTS_MAX])
{
    size_t count = 0;
    argv[count++] = live->program[side];
    argv[count++] = "validate";
    argv[count++] = live->args->positional[1];
    for (const enum option *o = passed; *o != OPT_COUNT; o++) {
        if (live->args->value[*o]) {
            snprintf(words[count], sizeof words[count], "--%s", cli_option((int)*o)->name);
            argv[count] = words[count];
            argv[count + 1] = live->args->value[*o];
            count += 2;
        }
    }
    argv[count++] = "--quick";
    argv[count++] = "--quiet";
    argv[count++] = "--format=csv";
    argv[count++] = "--output";
    argv[count++] = live->path[side];
    argv[count] = NULL;
    return count;
}

/* What it says goes to the file `words`. */
static int start(const char *const *arguments, const char *words, pid_t *pid)
{
    char *argv[ARGUMENTS_MAX];
    posix_spawn_file_actions_t actions;
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
        memcpy(&argv[i], &arguments[i], sizeof *argv); /* posix_spawn writes to none of them */
    }
    int failed = posix_spawn_file_actions_init(&actions);
    if (!failed) {
        failed = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        failed = failed ? failed
                        : posix_spawn_file_actions_addopen(&actions, 2, words,
                                                           O_WRONLY | O_CREAT | O_TRUNC, 0600);
        failed = failed ? failed : posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    return failed;
}

/* Both keep to one probe each: a base of another version of the probe would throw this one away. */
static void set_cache(const struct live *live, int side, char *before, size_t size)
{
    const char *now = getenv("XDG_CACHE_HOME");
    snprintf(before, size, "%s", now ? now : "");
    if (side == 0) {
        setenv("XDG_CACHE_HOME", live->folder, 1);
    }
}

static void reset_cache(int side, const char *before)
{
    if (side == 0 && before[0]) {
        setenv("XDG_CACHE_HOME", before, 1);
    } else if (side == 0) {
        unsetenv("XDG_CACHE_HOME");
    }
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    char bytes[4096];
    for (size_t got = 1; out && got > 0;) {
        got = fread(bytes, 1, sizeof bytes, in);
        got = fwrite(bytes, 1, got, out);
    }
    if (in) {
        fclose(in);
    }
    if (out) {
        fclose(out);
    }
}

/* The base begins with what this program knows of the machine, tuned plans included; where it cannot
 * use the probe, it makes its own. */
static void lend_kept(const struct live *live)
{
    char from[4096], to[1100];
    if (!spr_probe_cache_path(from, sizeof from)) {
        return;
    }
    snprintf(to, sizeof to, "%s/sproof", live->folder);
    (void)mkdir(to, 0700);
    snprintf(to, sizeof to, "%s/sproof/host.json", live->folder);
    copy_file(from, to);
    char *name = strrchr(from, '/');
    if (name && (size_t)(name - from) + sizeof "/tuned.json" <= sizeof from) {
        memcpy(name, "/tuned.json", sizeof "/tuned.json");
        snprintf(to, sizeof to, "%s/sproof/tuned.json", live->folder);
        copy_file(from, to);
    }
}

/* Waits; an interrupt is passed on once. */
static int wait_for(pid_t pid)
{
    const struct timespec nap = {.tv_nsec = 10000000};
    int status = 0;
    bool told = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (cli_interrupted() && !told) {
            kill(pid, SIGINT);
            told = true;
        }
        nanosleep(&nap, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The last line that a program said, without its name. */
static void read_words(const char *path, char *words, size_t size)
{
    char line[512];
    FILE *file = fopen(path, "r");
    words[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(words, size, "%s", strncmp(line, "sproof: ", 8) == 0 ? line + 8 : line);
    }
    if (file) {
        fclose(file);
    }
}

/* One visit by one of the programs. */
static enum spr_status run_validate(struct live *live, int side)
{
    const char *argv[ARGUMENTS_MAX] = {NULL};
    char arguments[ARGUMENTS_MAX][24], before[4096], path[1100], words[520];
    pid_t pid = 0;
    (void)list_arguments(live, side, arguments, argv);
    snprintf(path, sizeof path, "%s/words", live->folder);
    (void)unlink(live->path[side]);
    set_cache(live, side, before, sizeof before);
    const int failed = start(argv, path, &pid);
    reset_cache(side, before);
    if (failed) {
        return spr_fail(live->err, SPR_EINPUT, "%s: %s: expected a build of sproof",
                        live->program[side], strerror(failed));
    }
    spr_output_writer(pid); /* a signal that ends this program ends it, too */
    const int exit_status = wait_for(pid);
    spr_output_writer(0);
    if (cli_interrupted() || exit_status == 130) {
        return spr_fail(live->err, SPR_EINTERRUPTED, "interrupted");
    }
    if (exit_status != 0 && exit_status != 3) { /* 3: noisy, which more rounds may mend */
        read_words(path, words, sizeof words);
        return spr_fail(live->err, SPR_EINPUT, "%s: validate ended with status %d%s%s",
                        live->program[side], exit_status, words[0] ? ": " : "", words);
    }
    if (access(live->path[side], F_OK) != 0) {
        return spr_fail(live->err, SPR_EINPUT,
                        "%s wrote no record: expected a build of sproof", live->program[side]);
    }
    return SPR_OK;
}

static enum spr_status add_visit(struct live *live, int side, int round)
{
    struct spr_validation visit;
    SPR_TRY(run_validate(live, side));
    SPR_TRY(spr_validation_read(live->path[side], &visit, live->err));
    if (visit.case_count > 0 && visit.cases[0].measured.by_median) {
        spr_validation_free(&visit);
        return spr_fail(
            live->err, SPR_EINPUT,
            "%s: its records have no canaries: expected a build that writes schema "
            "2; validate with each and compare the records",
            live->program[side]);
    }
    if (round == 0) {
        live->runs[side] = visit;
        return SPR_OK;
    }
    enum spr_status status = spr_validation_join(&live->runs[side], &visit, live->err);
    spr_validation_free(&visit);
    return status;
}

static enum spr_status judge(struct live *live, bool *doubtful)
{
    double least_s[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    *doubtful = false;
    for (int side = 0; side < 2; side++) {
        spr_validation_canaries(&live->runs[side], least_s);
    }
    for (int side = 0; side < 2; side++) {
        struct spr_validation *v = &live->runs[side];
        if (!spr_validation_judge_times(v, least_s)) {
            return spr_no_memory(live->err);
        }
        for (size_t i = 0; i < v->case_count; i++) {
            *doubtful = *doubtful || v->cases[i].inconclusive;
        }
    }
    return SPR_OK;
}

static void wait_until(double when_s)
{
    const struct timespec nap = {.tv_nsec = 50000000};
    while (spr_cpu_clock_s() < when_s && !cli_interrupted()) {
        nanosleep(&nap, NULL);
    }
}

static enum spr_status take_turns(struct live *live)
{
    bool doubtful = true;
    double begun_s = 0;
    for (int round = 0; round < ROUNDS || (doubtful && round < ROUNDS_MOST); round++) {
        const int first = round % 2; /* neither is always the one that finds a warm machine */
        wait_until(round > 0 ? begun_s + ROUNDS_APART_S : 0);
        if (cli_interrupted()) {
            return spr_fail(live->err, SPR_EINTERRUPTED, "interrupted");
        }
        begun_s = spr_cpu_clock_s();
        if (!live->cli->quiet && isatty(STDERR_FILENO)) {
            fprintf(live->cli->err, "\r\033[Kround %d", round + 1);
        }
        SPR_TRY(add_visit(live, first, round));
        SPR_TRY(add_visit(live, 1 - first, round));
        SPR_TRY(judge(live, &doubtful));
    }
    return SPR_OK;
}

static enum spr_status save(struct live *live, int side)
{
    struct spr_output output;
    enum spr_status status = spr_output_open(&output, live->path[side], live->err);
    if (status == SPR_OK) {
        status = spr_output_close(
            &output, spr_validation_write(output.file, &live->runs[side], live->err),
            live->err);
    }
    return status;
}

static void clean_up(struct live *live)
{
    char path[1100];
    static const char *const files[] = {"words", "sproof/host.json", "sproof/tuned.json",
                                        "sproof/tuned.json.lock", "sproof"};
    for (int side = 0; side < 2; side++) {
        spr_validation_free(&live->runs[side]);
        (void)unlink(live->path[side]);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", live->folder, files[i]);
        (void)remove(path);
    }
    (void)rmdir(live->folder);
}

static enum spr_status measure(struct live *live, struct spr_timings timings[2])
{
    const enum spr_status status = take_turns(live);
    if (!live->cli->quiet && isatty(STDERR_FILENO)) {
        fputs("\r\033[K", live->cli->err);
    }
    SPR_TRY(status);
    for (int side = 0; side < 2; side++) {
        SPR_TRY(save(live, side));
        SPR_TRY(spr_timings_read(live->path[side], false, &timings[side], live->err));
        timings[side].path = live->program[side];
    }
    return SPR_OK;
}

enum spr_status cli_compare_live(struct cli *cli, const struct args *args,
                                 struct spr_timings timings[2], struct spr_error *err)
{
    const char *room = getenv("TMPDIR");
    static char own[4096];
    struct live live = {.cli = cli, .args = args, .err = err};
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0) {
        return spr_fail(err, SPR_EENVIRONMENT, "--live: this program does not find itself");
    }
    own[length] = '\0';
    live.program[0] = args->positional[0];
    live.program[1] = own;
    if (!strchr(live.program[0], '/')) {
        return spr_fail(err, SPR_EINPUT, "--live %s: expected a path with a /",
                        live.program[0]);
    }
    snprintf(live.folder, sizeof live.folder, "%s/sproof-live-XXXXXX",
             room && room[0] && strlen(room) < 1000 ? room : "/tmp");
    if (!mkdtemp(live.folder)) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", live.folder, strerror(errno));
    }
    snprintf(live.path[0], sizeof live.path[0], "%s/base.json", live.folder);
    snprintf(live.path[1], sizeof live.path[1], "%s/new.json", live.folder);
    lend_kept(&live);
    cli_catch_interrupt();
    enum spr_status status = measure(&live, timings);
    clean_up(&live);
    return status;
}
