/* SPDX-License-Identifier: Apache-2.0 */
/* Shipped data by name: $SPROOF_DATA comes first. */
#include "test.h"

#include <sys/stat.h>

#include "base/data.h"

int main(void)
{
    char path[SPR_DATA_PATH], **names;
    size_t count;
    struct spr_error err = {0};
    CHECK(spr_data_find("machines", "h100-sxm", ".json", path));
    CHECK(strncmp(path, SPROOF_TEST_DATA, strlen(SPROOF_TEST_DATA)) == 0);
    CHECK(!spr_data_find("machines", "h100", ".json", path));
    CHECK_STATUS(SPR_OK, spr_data_names("machines", ".json", &names, &count, &err), &err);
    CHECK(count >= 7);
    for (size_t i = 1; i < count; i++) {
        CHECK(strcmp(names[i - 1], names[i]) < 0); /* sorted, each once */
    }
    spr_data_free_names(names, count);

    (void)mkdir("mine", 0777);
    (void)mkdir("mine/machines", 0777);
    test_write("mine/machines/h100-sxm.json", "{}");
    test_write("mine/machines/zz-own.json", "{}");
    test_write("mine/machines/.hidden.json", "{}");
    test_write("mine/machines/notes.txt", "");
    CHECK_INT(0, setenv("SPROOF_DATA", "mine", 1));
    CHECK(spr_data_find("machines", "h100-sxm", ".json", path));
    CHECK_TEXT("mine/machines/h100-sxm.json", path);
    size_t with_mine = 0, found = 0;
    CHECK_STATUS(SPR_OK, spr_data_names("machines", ".json", &names, &with_mine, &err), &err);
    for (size_t i = 0; i < with_mine; i++) {
        found += strcmp(names[i], "zz-own") == 0;
        CHECK(strcmp(names[i], ".hidden") != 0 && strcmp(names[i], "notes.txt") != 0);
    }
    CHECK_INT(1, found);
    CHECK_INT(count + 1, with_mine);
    spr_data_free_names(names, with_mine);
    CHECK_STATUS(SPR_OK, spr_data_names("nothing", ".json", &names, &count, &err), &err);
    CHECK_INT(0, count);
    spr_data_free_names(names, count);
    return test_end();
}
