/* SPDX-License-Identifier: Apache-2.0 */
/* Files are whole or not there, nothing else is touched, and nothing stays behind. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/output.h"
#include "test.h"

static bool exists(const char *name)
{
    struct stat info;
    return lstat(name, &info) == 0;
}

/* Files of the working directory that only sproof names so. */
static size_t temporaries(void)
{
    size_t count = 0;
    DIR *here = opendir(".");
    const struct dirent *entry;
    while (here && (entry = readdir(here)) != NULL) {
        count += strncmp(entry->d_name, ".sproof-", 8) == 0;
    }
    closedir(here);
    return count;
}

static void check_content(const char *expected, const char *name)
{
    char text[64] = "";
    FILE *file = fopen(name, "rb");
    CHECK(file != NULL);
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    CHECK_TEXT(expected, text);
}

static void make_old(const char *name, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
                                      {.tv_sec = time(NULL) - seconds}};
    CHECK(utimensat(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static void test_whole(void)
{
    struct spr_error err = {0};
    struct spr_output output;
    test_write("whole.txt", "before");
    CHECK_STATUS(SPR_OK, spr_output_open(&output, "whole.txt", &err), &err);
    fputs("after", output.file);
    fflush(output.file);
    check_content("before", "whole.txt");
    CHECK_INT(1, temporaries());
    CHECK_STATUS(SPR_OK, spr_output_close(&output, SPR_OK, &err), &err);
    check_content("after", "whole.txt");
    CHECK_INT(0, temporaries());
    /* What failed, or could not all be written, changes nothing. */
    CHECK_STATUS(SPR_OK, spr_output_open(&output, "whole.txt", &err), &err);
    fputs("half", output.file);
    CHECK_INT(SPR_EINPUT, spr_output_close(&output, SPR_EINPUT, &err));
    check_content("after", "whole.txt");
    CHECK_INT(0, temporaries());
    CHECK_STATUS(SPR_OK, spr_output_write("whole.txt", "", 0, &err), &err);
    check_content("", "whole.txt");
}

/* Two that write the same file at once: it is one of them, whole. */
static void test_together(void)
{
    struct spr_error err = {0};
    struct spr_output one, two;
    CHECK_STATUS(SPR_OK, spr_output_open(&one, "both.txt", &err), &err);
    CHECK_STATUS(SPR_OK, spr_output_open(&two, "both.txt", &err), &err);
    CHECK(strcmp(one.temporary, two.temporary) != 0);
    fputs("the first, longer than the other", one.file);
    fputs("the second", two.file);
    CHECK_STATUS(SPR_OK, spr_output_close(&one, SPR_OK, &err), &err);
    check_content("the first, longer than the other", "both.txt");
    CHECK_STATUS(SPR_OK, spr_output_close(&two, SPR_OK, &err), &err);
    check_content("the second", "both.txt");
}

static void test_leftovers(void)
{
    static const struct {
        const char *name;
        time_t age;
        bool stays;
    } rows[] = {
        {".sproof-0123456789abcdef.tmp", 2 * 86400, false},
        {".sproof-0123456789abcdee.tmp.svg", 2 * 86400, false},
        {".sproof-fedcba9876543210.tmp", 3600, true},      /* may be at work */
        {".sproof-0123456789abcdef.txt", 2 * 86400, true}, /* of somebody else */
        {".sproof-0123456789abcde.tmp", 2 * 86400, true},  /* a digit is missing */
        {".sproof-0123456789abcdeX.tmp", 2 * 86400, true}, /* none of ours */
        {".sproof-0123456789abcdef.tmp.too-long", 2 * 86400, true},
        {"sproof.json.123.tmp", 2 * 86400, true},
    };
    struct spr_error err = {0};
    CHECK(mkdir("left", 0777) == 0);
    CHECK(chdir("left") == 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_write(rows[i].name, "x");
        make_old(rows[i].name, rows[i].age);
    }
    test_write("precious.txt", "precious");
    CHECK(symlink("precious.txt", ".sproof-00000000000000aa.tmp") == 0);
    make_old(".sproof-00000000000000aa.tmp", 2 * 86400);
    CHECK_STATUS(SPR_OK, spr_output_write("./new.txt", "new", 3, &err), &err);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].name;
        CHECK_INT(rows[i].stays, exists(rows[i].name));
    }
    test_row = "";
    CHECK(exists(".sproof-00000000000000aa.tmp"));
    check_content("precious", "precious.txt");
    CHECK(chdir("..") == 0);
}

static void test_places(void)
{
    char longest[300] = "", beyond[300];
    struct spr_error err = {0};
    struct spr_output output;
    memset(longest, 'n', 255); /* as long as a file system's name may be */
    CHECK_STATUS(SPR_OK, spr_output_write(longest, "x", 1, &err), &err);
    check_content("x", longest);
    memset(beyond, 'n', 256);
    beyond[256] = '\0';
    CHECK_STATUS(SPR_EENVIRONMENT, spr_output_write(beyond, "x", 1, &err), &err);
    CHECK(strstr(err.text, "File name too long") != NULL);
    CHECK_INT(0, temporaries());
    /* Devices and pipes are written as they are. */
    CHECK_STATUS(SPR_OK, spr_output_open(&output, "/dev/null", NULL), NULL);
    CHECK_TEXT("", output.temporary);
    CHECK_STATUS(SPR_OK, spr_output_close(&output, SPR_OK, NULL), NULL);
    CHECK(mkdir("folder", 0777) == 0);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EENVIRONMENT, spr_output_open(&output, "folder", &err), &err);
    CHECK_TEXT("folder: is a directory: expected a file to write", err.text);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EENVIRONMENT, spr_output_open(&output, "absent/file", &err), &err);
    CHECK_TEXT("absent/file: No such file or directory", err.text);
    /* A name that is a link becomes the file; what it pointed to stays. */
    test_write("target.txt", "target");
    CHECK(symlink("target.txt", "link.txt") == 0);
    CHECK_STATUS(SPR_OK, spr_output_write("link.txt", "new", 3, NULL), NULL);
    check_content("target", "target.txt");
    check_content("new", "link.txt");
}

static void test_full(void)
{
    struct spr_error err = {0};
    struct spr_output output;
    if (access("/dev/full", W_OK) != 0) {
        return;
    }
    CHECK_STATUS(SPR_OK, spr_output_open(&output, "/dev/full", &err), &err);
    fputs("does not fit", output.file);
    CHECK_STATUS(SPR_EENVIRONMENT, spr_output_close(&output, SPR_OK, &err), &err);
    CHECK_TEXT("/dev/full: No space left on device", err.text);
}

static void test_abandon(void)
{
    char temporary[SPR_OUTPUT_PATH];
    struct spr_error err = {0};
    struct spr_output output;
    CHECK_STATUS(SPR_OK, spr_output_temporary("pic.svg", temporary, &err), &err);
    CHECK_TEXT(".svg", temporary + strlen(temporary) - 4);
    CHECK_STATUS(SPR_OK, spr_output_open(&output, "gone.txt", &err), &err);
    CHECK_INT(2, temporaries());
    spr_output_abandon(); /* as a signal handler does */
    CHECK_INT(0, temporaries());
    fclose(output.file);
    CHECK(!exists("gone.txt") && !exists("pic.svg"));
}

int main(void)
{
    /* In a place of its own, whatever an earlier run left. */
    CHECK_INT(0, system("rm -rf output && mkdir output"));
    CHECK(chdir("output") == 0);
    test_whole();
    test_together();
    test_leftovers();
    test_places();
    test_full();
    test_abandon();
    return test_end();
}
