/* SPDX-License-Identifier: Apache-2.0 */
/* What the build knows of itself; CMakeLists.txt defines it. */
#include "sproof/version.h"

const char *spr_version(void)
{
    return SPROOF_VERSION;
}

const char *spr_commit(void)
{
    return SPROOF_COMMIT;
}

const char *spr_build_type(void)
{
    return SPROOF_BUILD_TYPE;
}
