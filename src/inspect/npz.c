/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npz archives, plain ones and those of scipy.sparse.save_npz. The only file that knows
 * libzip. */
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "npy.h"
#include "triples.h"

/* No deflated byte stands for more than this many: larger claims are wrong. */
#define DEFLATE_MOST 1032.0

struct archive {
    const struct spr_source *source;
    zip_t *zip;
};

static enum spr_status bad(const struct archive *a, const char *member, const char *what,
                           struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: %.200s%s%s", a->source->path, member,
                    *member ? ": " : "", what);
}

/* All bytes of a member, in the arena. */
static enum spr_status read_member(const struct archive *a, const zip_stat_t *facts,
                                   unsigned char **bytes, struct spr_error *err)
{
    double most = (double)a->source->size * DEFLATE_MOST + 4096;
    if (!(facts->valid & ZIP_STAT_SIZE) || !((double)facts->size <= most)) {
        return bad(a, facts->name, "claims more bytes than the archive can hold", err);
    }
    *bytes = spr_arena_alloc(&a->source->weights->arena, (size_t)facts->size + 1);
    if (!*bytes) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    zip_file_t *file = zip_fopen_index(a->zip, facts->index, 0);
    zip_uint64_t got = 0;
    while (file && got < facts->size) {
        zip_int64_t more = zip_fread(file, *bytes + got, facts->size - got);
        if (more <= 0) {
            break;
        }
        got += (zip_uint64_t)more;
    }
    /* The checksum is compared when the end is read. */
    unsigned char past;
    bool whole = file && got == facts->size && zip_fread(file, &past, 1) == 0;
    if (file) {
        zip_fclose(file);
    }
    return whole ? SPR_OK : bad(a, facts->name, "damaged or truncated", err);
}

/* An array by the name numpy.savez gave it; *found false: there is none. */
static enum spr_status find_array(const struct archive *a, const char *name,
                                  struct spr_npy *array, bool *found, struct spr_error *err)
{
    char member[64];
    zip_stat_t facts;
    unsigned char *bytes;
    snprintf(member, sizeof member, "%s.npy", name);
    *found = zip_stat(a->zip, member, 0, &facts) == 0;
    if (!*found) {
        return SPR_OK;
    }
    enum spr_status status = read_member(a, &facts, &bytes, err);
    struct spr_npy_bytes in = {a->source->path, member, bytes, (size_t)facts.size};
    return status ? status : spr_npy_parse(&in, array, err);
}

/* An element of an integer array. */
static bool integer_at(const struct spr_npy *array, int64_t index, int64_t *value)
{
    const unsigned char *at = array->data + (size_t)index * array->element_bytes;
    int32_t narrow;
    if (index >= array->elements || array->dtype[0] != 'i') {
        return false;
    }
    if (array->element_bytes == 8) {
        memcpy(value, at, 8);
        return true;
    }
    memcpy(&narrow, at, 4);
    *value = narrow;
    return array->element_bytes == 4;
}

static float value_at(const struct spr_npy *array, int64_t index)
{
    struct spr_weight one = {.k = 1,
                             .storage = SPR_STORAGE_DENSE,
                             .element = array->element,
                             .data = array->data,
                             .row_stride = 1,
                             .column_stride = 1};
    float value;
    spr_weight_values(&one, index, 1, &value);
    return value;
}

struct sparse {
    struct spr_npy data, indices, indptr, row, column;
    char format[4]; /* "csr" */
    struct spr_triples triples;
    int64_t block[2];
};

static void put(struct sparse *s, int64_t row, int64_t column, float value)
{
    bool fits = row >= 0 && row < s->triples.m && column >= 0 && column < s->triples.k;
    s->triples.item[s->triples.count++] =
        (struct spr_triple){fits ? (int32_t)row : -1, fits ? (int32_t)column : -1, value};
}

/* csr, csc and bsr: lists of indices, one for each row, column or block row. */
static bool gather_lists(struct sparse *s)
{
    const int64_t cells = s->block[0] * s->block[1];
    int64_t begin = 0, end = 0, index = 0;
    for (int64_t list = 0; list + 1 < s->indptr.elements; list++) {
        if (!integer_at(&s->indptr, list, &begin) || !integer_at(&s->indptr, list + 1, &end) ||
            begin < 0 || end < begin || end > s->indices.elements ||
            (list == 0 && begin != 0)) {
            return false;
        }
        for (int64_t e = begin; e < end; e++) {
            if (!integer_at(&s->indices, e, &index)) {
                return false;
            }
            for (int64_t c = 0; c < cells; c++) {
                int64_t row = list * s->block[0] + c / s->block[1];
                int64_t column = index * s->block[1] + c % s->block[1];
                float value = value_at(&s->data, e * cells + c);
                bool by_column = strcmp(s->format, "csc") == 0;
                put(s, by_column ? column : row, by_column ? row : column, value);
            }
        }
    }
    return (double)end * (double)cells == (double)s->data.elements;
}

static bool gather_places(struct sparse *s)
{
    int64_t row, column;
    for (int64_t e = 0; e < s->data.elements; e++) {
        if (!integer_at(&s->row, e, &row) || !integer_at(&s->column, e, &column)) {
            return false;
        }
        put(s, row, column, value_at(&s->data, e));
    }
    return true;
}

static bool lists_agree(const struct sparse *s)
{
    bool by_column = strcmp(s->format, "csc") == 0;
    int64_t across = by_column ? s->triples.k : s->triples.m;
    return s->indptr.elements == across / s->block[0] + 1 && across % s->block[0] == 0 &&
           s->triples.k % s->block[1] == 0;
}

static enum spr_status gather(const struct archive *a, struct sparse *s, struct spr_error *err)
{
    bool blocks = strcmp(s->format, "bsr") == 0, places = strcmp(s->format, "coo") == 0;
    s->block[0] = s->block[1] = 1;
    if (s->data.element == SPR_ELEMENT_OTHER || s->data.rank != (blocks ? 3 : 1) ||
        s->data.fortran) {
        return bad(a, "data", "expected floats or bytes, one list (bsr: of blocks)", err);
    }
    if (blocks) {
        s->block[0] = s->data.shape[1];
        s->block[1] = s->data.shape[2];
    }
    if (s->block[0] < 1 || s->block[1] < 1 || (!places && !lists_agree(s))) {
        return bad(a, "indptr", "expected an offset for each row, as the shape tells", err);
    }
    s->triples.item = spr_calloc((size_t)s->data.elements, sizeof *s->triples.item);
    if (!s->triples.item) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    return (places ? gather_places(s) : gather_lists(s))
               ? SPR_OK
               : bad(a, s->format, "its offsets and indices contradict each other", err);
}

static enum spr_status read_sparse(const struct archive *a, const struct spr_npy *format,
                                   struct spr_error *err)
{
    struct sparse s = {0};
    struct spr_npy shape;
    bool has_shape = false, has_data = false, parts[4] = {0};
    for (size_t i = 0, at = 0; i < format->element_bytes && at < 3; i++) {
        if (format->data[i]) {
            s.format[at++] = (char)format->data[i];
        }
    }
    enum spr_status status = find_array(a, "shape", &shape, &has_shape, err);
    status = status ? status : find_array(a, "data", &s.data, &has_data, err);
    status = status ? status : find_array(a, "indices", &s.indices, &parts[0], err);
    status = status ? status : find_array(a, "indptr", &s.indptr, &parts[1], err);
    status = status ? status : find_array(a, "row", &s.row, &parts[2], err);
    status = status ? status : find_array(a, "col", &s.column, &parts[3], err);
    if (status != SPR_OK) {
        return status;
    }
    bool places = strcmp(s.format, "coo") == 0;
    bool lists = strcmp(s.format, "csr") == 0 || strcmp(s.format, "csc") == 0 ||
                 strcmp(s.format, "bsr") == 0;
    if (!has_shape || !has_data || !integer_at(&shape, 0, &s.triples.m) ||
        !integer_at(&shape, 1, &s.triples.k) ||
        !(places ? parts[2] && parts[3] : lists && parts[0] && parts[1])) {
        return bad(a, s.format, "expected a csr, csc, bsr or coo matrix as SciPy saves it",
                   err);
    }
    status = gather(a, &s, err);
    status = status
                 ? status
                 : spr_triples_add(a->source, &s.triples,
                                   spr_layer_name(a->source->weights, a->source->path), err);
    spr_free(s.triples.item);
    return status;
}

/* A plain archive: a layer for each array that can be one. */
static enum spr_status read_arrays(const struct archive *a, struct spr_error *err)
{
    zip_int64_t count = zip_get_num_entries(a->zip, 0);
    enum spr_status status = SPR_OK;
    for (zip_int64_t i = 0; i < count && status == SPR_OK; i++) {
        zip_stat_t facts;
        unsigned char *bytes;
        struct spr_npy array;
        size_t length;
        if (zip_stat_index(a->zip, (zip_uint64_t)i, 0, &facts) != 0 ||
            !(facts.valid & ZIP_STAT_NAME) || (length = strlen(facts.name)) < 5 ||
            strcmp(facts.name + length - 4, ".npy") != 0) {
            return bad(a, "", "expected an archive of .npy members", err);
        }
        status = read_member(a, &facts, &bytes, err);
        struct spr_npy_bytes in = {a->source->path, facts.name, bytes, (size_t)facts.size};
        status = status ? status : spr_npy_parse(&in, &array, err);
        if (status == SPR_OK) {
            array.offset = 0;
            status = spr_npy_add(
                a->source, &array,
                spr_arena_text(&a->source->weights->arena, facts.name, length - 4), err);
        }
    }
    return status;
}

enum spr_status spr_read_npz(const struct spr_source *source, struct spr_error *err)
{
    zip_error_t why;
    struct archive a = {.source = source};
    struct spr_npy format;
    bool sparse;
    zip_error_init(&why);
    zip_source_t *bytes = zip_source_buffer_create(source->bytes, source->size, 0, &why);
    a.zip = bytes ? zip_open_from_source(bytes, ZIP_RDONLY, &why) : NULL;
    if (!a.zip) {
        enum spr_status status = spr_fail(err, SPR_EINPUT, "%s: not a whole archive: %s",
                                          source->path, zip_error_strerror(&why));
        zip_source_free(bytes);
        zip_error_fini(&why);
        return status;
    }
    enum spr_status status;
    if (zip_name_locate(a.zip, "data.pkl", ZIP_FL_NODIR) >= 0) {
        status = spr_read_pickle(source, err);
    } else {
        status = find_array(&a, "format", &format, &sparse, err);
        status = status   ? status
                 : sparse ? read_sparse(&a, &format, err)
                          : read_arrays(&a, err);
    }
    zip_discard(a.zip);
    zip_error_fini(&why);
    return status;
}
