/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: the lines of the input are the arguments. The whole program runs, in a folder
 * of its own and without paths that leave it, but measures nothing and finds no gnuplot. What it
 * writes to a terminal must be text where the arguments are, and JSON where it looks like JSON. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/json.h"
#include "cli/cli.h"
#include "sproof/end_to_end.h"

#define ARGUMENTS_MAX 40
#define SPARSITIES_MAX 100

/* The program, whose main has another name here. */
int sproof_main(int argc, char **argv);
#define main sproof_main
#include "cli/main.c"
#undef main

/* Linked with --wrap: what measures refuses, and signals stay the fuzzer's. */
enum spr_status __wrap_spr_probe_run(const struct spr_probe_options *options,
                                     struct spr_probe *probe, struct spr_error *err);
enum spr_status __wrap_spr_validate(const struct spr_network *network,
                                    struct spr_machine *machine,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, struct spr_error *err);
enum spr_status __wrap_spr_end_to_end(const struct spr_network *network,
                                      struct spr_machine *machine,
                                      const struct spr_end_to_end_options *options,
                                      struct spr_validation *validation,
                                      struct spr_notes *notes, struct spr_error *err);
void __wrap_cli_catch_signals(void);
void __wrap_cli_catch_interrupt(void);

enum spr_status __wrap_spr_probe_run(const struct spr_probe_options *options,
                                     struct spr_probe *probe, struct spr_error *err)
{
    (void)options;
    (void)probe;
    return spr_fail(err, SPR_EINTERRUPTED, "fuzzers do not measure");
}

enum spr_status __wrap_spr_validate(const struct spr_network *network,
                                    struct spr_machine *machine,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, struct spr_error *err)
{
    (void)network;
    (void)options;
    (void)validation;
    spr_machine_free(machine);
    return spr_fail(err, SPR_EINTERRUPTED, "fuzzers do not measure");
}

enum spr_status __wrap_spr_end_to_end(const struct spr_network *network,
                                      struct spr_machine *machine,
                                      const struct spr_end_to_end_options *options,
                                      struct spr_validation *validation,
                                      struct spr_notes *notes, struct spr_error *err)
{
    (void)network;
    (void)options;
    (void)validation;
    (void)notes;
    spr_machine_free(machine);
    return spr_fail(err, SPR_EINTERRUPTED, "fuzzers do not measure");
}

void __wrap_cli_catch_signals(void)
{
}
void __wrap_cli_catch_interrupt(void)
{
}

struct stream {
    char *text;
    size_t size;
    FILE *file;
};

/* Runs with both streams in memory; a sanitizer writes to the descriptor beneath. */
static int capture(int argc, char **argv, struct stream *out, struct stream *err)
{
    FILE *const before[] = {stdout, stderr};
    *out = *err = (struct stream){0};
    out->file = open_memstream(&out->text, &out->size);
    err->file = open_memstream(&err->text, &err->size);
    fuzz_require(out->file && err->file, "there is memory");
    stdout = out->file;
    stderr = err->file;
    const int code = sproof_main(argc, argv);
    stdout = before[0];
    stderr = before[1];
    fclose(out->file);
    fclose(err->file);
    return code;
}

/* No character that a terminal would act on, but for ends of lines. */
static bool is_text(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    fuzz_require(copy != NULL, "there is memory");
    memcpy(copy, text, size);
    copy[size] = '\0';
    for (char *c = copy; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    char *printable = strdup(copy);
    fuzz_require(printable != NULL, "there is memory");
    spr_make_printable(printable, '?');
    const bool same = strlen(copy) == size && strcmp(copy, printable) == 0;
    free(printable);
    free(copy);
    return same;
}

static bool is_json(const char *text, size_t size)
{
    spr_json *root = NULL;
    const bool parsed = spr_json_parse("stdout", text, size, &root, NULL) == SPR_OK;
    spr_json_free(root);
    return parsed;
}

/* --format jsonl: a value on each line. */
static bool is_json_lines(const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        if (!is_json(text, length)) {
            return false;
        }
        text += length + (text[length] == '\n');
    }
    return true;
}

static void check(int code, const struct stream *out, const struct stream *err)
{
    fuzz_require((code >= 0 && code <= 4) || code == 130, "an exit status means something");
    fuzz_require(code == 0 || err->size > 0 || out->size > 0, "a failure has a cause");
    if (code == 0 && out->size > 0 && out->text[0] == '{') {
        fuzz_require(is_json(out->text, out->size) || is_json_lines(out->text),
                     "JSON is JSON");
    }
}

static const char model[] = "layer,m,k,n,op,count,groups,flops,bytes\n"
                            "encoder/0/fc,64,32,16,linear,2,1,,\n"
                            "conv,16,27,49,conv,1,1,,\n"
                            "softmax,,,,other,1,,100,400\n";
static const char variants[] = "layer,variant,m,k,n,pattern,sparsity,accuracy\n"
                               "fc,base,64,32,16,dense,0,0.9\nfc,half,64,32,16,4x4,0.5,0.88\n";
static const char times[] = "layer,dense_s,sparse_s\nencoder/0/fc,2e-6,1e-6\nconv,1e-6,1e-6\n";
static const char smtx[] = "4, 4, 3\n0 1 2 3 3\n0 1 2\n";
static const char mtx[] =
    "%%MatrixMarket matrix coordinate real general\n4 4 2\n1 1 1\n2 2 -3\n";

/* What lies there already, and what the program itself writes, once. */
static struct made {
    const char *name;
    char *bytes;
    size_t size;
} made[] = {{"sproof-validation.json", NULL, 0},
            {"w.npy", NULL, 0},
            {"sproof.json", NULL, 0},
            {"w.safetensors", NULL, 0}};

static void fill_folder(void)
{
    char work[1024];
    fuzz_empty_folder();
    snprintf(work, sizeof work, "%s/work", fuzz_folder());
    fuzz_require(mkdir(work, 0700) == 0 && chdir(work) == 0, "there is a folder to work in");
    const struct {
        const char *name, *text;
    } files[] = {{"model.csv", model},
                 {"variants.csv", variants},
                 {"times.csv", times},
                 {"w.smtx", smtx},
                 {"w.mtx", mtx}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(files[i].name, "wb");
        fuzz_require(file && fputs(files[i].text, file) >= 0 && fclose(file) == 0,
                     "inputs are written");
    }
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        FILE *file = made[i].bytes ? fopen(made[i].name, "wb") : NULL;
        if (file) {
            fwrite(made[i].bytes, 1, made[i].size, file);
            fclose(file);
        }
    }
}

static void keep(struct made *file, const char *path)
{
    FILE *from = fopen(path, "rb");
    char buffer[1 << 16];
    if (from) {
        file->size = fread(buffer, 1, sizeof buffer, from);
        file->bytes = malloc(file->size + 1);
        fuzz_require(file->bytes != NULL, "there is memory");
        memcpy(file->bytes, buffer, file->size);
        fclose(from);
    }
}

static void start(void)
{
    static const float values[16] = {1, -2, 3, 4, 5, 0, 0, 8};
    const struct spr_states_shape shape = {4, 4};
    static const char *const commands[][8] = {
        {"sproof", "analyze", "model.csv", "-m", "epyc-9654", "-p", "csr,4x4", "-s0.5,0.9"},
        {"sproof", "inspect", "w.npy", "--prune=2:4", "-n", "8", "-w", "w.safetensors"}};
    struct stream out, err;
    setenv("HOME", "/nonexistent", 1);
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    setenv("SPROOF_DATA", SPROOF_TEST_DATA, 1);
    setenv("SPROOF_PROBE", "off", 1);
    setenv("PATH", "/nonexistent", 1);
    fill_folder();
    fuzz_require(cli_write_states("w.npy", &shape, values, NULL) == SPR_OK,
                 "inputs are written");
    keep(&made[1], made[1].name);
    keep(&made[0], SPROOF_TEST_DATA "/../tests/fuzz/corpus/validation/good.json");
    for (size_t i = 2; i < sizeof made / sizeof *made; i++) {
        char *argv[9] = {0};
        memcpy(argv, commands[i - 2], sizeof *commands);
        if (capture(8, argv, &out, &err) != 0) {
            fprintf(stderr, "%s", err.text);
            fuzz_require(false, "the inputs are made");
        }
        free(out.text);
        free(err.text);
        keep(&made[i], made[i].name);
    }
}

/* A range of many sparsities takes its time, as it should. */
static bool is_long(const char *word)
{
    const size_t option = strcspn(word, "0123456789.");
    double *values = NULL;
    size_t count = 0;
    const bool range =
        strchr(word, ':') && cli_sparsities(word + option, &values, &count, NULL) == SPR_OK;
    spr_free(values);
    return range && count > SPARSITIES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[ARGUMENTS_MAX + 2] = {"sproof"}, *rest = NULL;
    int argc = 1;
    struct stream out, err;
    char *text = calloc(size + 1, 1);
    fuzz_require(text != NULL, "there is memory");
    for (size_t i = 0; i < size; i++) {
        /* Nothing outside of the folder. */
        text[i] = data[i] == '/' || data[i] == 0 ? '_' : (char)data[i];
    }
    bool long_one = false;
    if (!made[0].bytes) {
        start();
    }
    for (char *word = strtok_r(text, "\n", &rest); word && argc <= ARGUMENTS_MAX;
         word = strtok_r(NULL, "\n", &rest)) {
        long_one = long_one || is_long(word);
        argv[argc++] = word;
    }
    if (long_one) {
        free(text);
        return 0;
    }
    fill_folder();
    const bool plain = is_text((const char *)data, size);
    check(capture(argc, argv, &out, &err), &out, &err);
    fuzz_require(!plain || (is_text(out.text, out.size) && is_text(err.text, err.size)),
                 "no control character reaches a terminal");
    free(out.text);
    free(err.text);
    free(text);
    return 0;
}
