/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of files: the vectors of FIPS 180-4 and lengths around the padding's edges. */
#include "test.h"

#include "sproof/record.h"

static void check(const char *bytes, size_t size, const char *expected)
{
    char text[SPR_SHA256_TEXT];
    struct spr_error err = {0};
    test_write_bytes("t.bin", bytes, size);
    CHECK_STATUS(SPR_OK, spr_sha256_file("t.bin", text, &err), &err);
    CHECK_TEXT(expected, text);
}

int main(void)
{
    static char letters[1000000];
    static const struct {
        size_t size;
        const char *hash;
    } repeated[] = {
        {1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
        {32767, "e3ab7df365190d116dd32400a57dd4a1506ac167156b8aa770d29b086cc1cfb4"},
        {32768, "b217b65e6f205f41b3fb8ef90cf7c44da93f630ca03965273485bbb21a5cccf5"},
        {32769, "94c9394bd6ee8fcad7b37332529186fd12354dc39b0109db7e1bce510e25048d"},
        {65536, "bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a"},
        {1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check(two_blocks, strlen(two_blocks),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(letters, 'a', sizeof letters);
    for (size_t i = 0; i < COUNT_OF(repeated); i++) {
        check(letters, repeated[i].size, repeated[i].hash);
    }
    char text[SPR_SHA256_TEXT];
    struct spr_error err = {0};
    CHECK_STATUS(SPR_EINPUT, spr_sha256_file("absent.bin", text, &err), &err);
    CHECK_TEXT("absent.bin: No such file or directory", err.text);
    return test_end();
}
