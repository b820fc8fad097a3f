/* New files, edits and composites: writing TESTDATA WORK. */
#include <errno.h>

#include "sample.h"

static void test_write(void) {
    const char *path = path_in(work, "write.tensor");
    tensorfile_writer w;
    int64_t shape[1] = {3}, chunk[1] = {2};
    int16_t x[3] = {-300, 7, 29001};
    tensorfile_array a = array1("i16", shape, x);
    tensorfile_create_options o = {.size = sizeof o, .align = 5};
    FAILS(TENSORFILE_LIMIT, "power of two", tensorfile_create(path, &o, &w, &err));
    CHECK(w == 0);
    o = (tensorfile_create_options){.size = 1};
    FAILS(TENSORFILE_ARGUMENT, "sizeof", tensorfile_create(path, &o, &w, &err));
    FAILS(TENSORFILE_PATH, "name", tensorfile_create("", NULL, &w, &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_create(path_in(work, "no/where/x"), NULL, &w, &err));
    OK(tensorfile_create(path, NULL, &w, &err));
    OK(tensorfile_write(w, "a", &a, NULL, &err));
    FAILS(TENSORFILE_DUPLICATE, "a", tensorfile_write(w, "a", &a, NULL, &err));
    tensorfile_store s = {.size = sizeof s, .attributes = "{\"x\":"};
    FAILS(TENSORFILE_FORMAT, "attributes", tensorfile_write(w, "b", &a, &s, &err));
    CHECK(!strcmp(err.rule, "attr.json"));
    s = (tensorfile_store){.size = sizeof s, .attributes = "{\"dims\":[\"a\",\"b\"]}"};
    FAILS(TENSORFILE_FORMAT, "dims", tensorfile_write(w, "b", &a, &s, &err));
    s = (tensorfile_store){.size = sizeof s, .codec = "gzip"};
    CHECK(tensorfile_write(w, "b", &a, &s, &err) != 0 && strstr(err.message, "gzip"));
    s = (tensorfile_store){.size = sizeof s, .fill = x, .fill_size = 17};
    FAILS(TENSORFILE_ARGUMENT, "fill", tensorfile_write(w, "b", &a, &s, &err));
    s = (tensorfile_store){.size = 0};
    FAILS(TENSORFILE_ARGUMENT, "sizeof", tensorfile_write(w, "b", &a, &s, &err));
    FAILS(TENSORFILE_ARGUMENT, "UTF-8", tensorfile_write(w, "\xe9", &a, NULL, &err));
    CHECK(tensorfile_write(w, "", &a, NULL, &err) != 0);
    tensorfile_array bad = {.dtype = {0}, .rank = 1, .shape = shape, .data = x};
    FAILS(TENSORFILE_DTYPE, "dtype", tensorfile_write(w, "b", &bad, NULL, &err));
    uint64_t storage;
    OK(tensorfile_write_storage(w, x, 6, &storage, &err));
    tensorfile_array on = {.dtype = dtype_of("i16"), .rank = 1, .shape = shape};
    OK(tensorfile_write_on(w, storage, 0, "on", &on, NULL, &err));
    CHECK(tensorfile_write_on(w, storage, 2, "beyond", &on, NULL, &err) != 0);
    FAILS(TENSORFILE_HANDLE, "storage", tensorfile_write_on(w, storage + 1, 0, "x", &on, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "storage", tensorfile_write_on(w, 0, 0, "x", &on, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "NULL", tensorfile_write_on(w, storage, 0, "x", &a, NULL, &err));
    s = (tensorfile_store){.size = sizeof s, .codec = "zstd"};
    FAILS(TENSORFILE_ARGUMENT, "no meaning", tensorfile_write_on(w, storage, 0, "x", &on, &s, &err));
    FAILS(TENSORFILE_FORMAT, "", tensorfile_set_attributes(w, NULL, "[]", &err));
    CHECK(tensorfile_append(w, "a", &a, NULL, &err) != 0); /* a new file */
    /* What is not committed leaves nothing. */
    OK(tensorfile_close_writer(w, &err));
    struct stat st;
    CHECK(stat(path, &st) != 0 && errno == ENOENT);

    OK(tensorfile_create(path, NULL, &w, &err));
    s = (tensorfile_store){.size = sizeof s, .codec = "zstd", .chunk = chunk, .fill = &x[1], .fill_size = 2};
    OK(tensorfile_write(w, "a", &a, &s, &err));
    OK(tensorfile_commit(w, &err));
    CHECK(tensorfile_write(w, "late", &a, NULL, &err) != 0);
    CHECK(tensorfile_commit(w, &err) != 0);
    OK(tensorfile_close_writer(w, &err));
    CHECK(tensorfile_create(path, NULL, &w, &err) == TENSORFILE_EXISTS || tensorfile_commit(w, &err) == TENSORFILE_EXISTS);
    if (w) OK(tensorfile_close_writer(w, &err));
    /* Equal bytes for equal input. */
    o = (tensorfile_create_options){.size = sizeof o, .overwrite = 1, .deterministic = 1, .no_sync = 1, .time = 1700000000000000000};
    char *made[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        OK(tensorfile_create(path, &o, &w, &err));
        OK(tensorfile_write(w, "a", &a, NULL, &err));
        OK(tensorfile_commit(w, &err));
        OK(tensorfile_close_writer(w, &err));
        made[i] = slurp(path, &size[i]);
    }
    CHECK(size[0] == size[1] && !memcmp(made[0], made[1], size[0]));
    tensorfile_file f;
    tensorfile_file_info info;
    OK(tensorfile_open(path, NULL, &f, &err));
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(info.time == 1700000000000000000);
    OK(tensorfile_close(f, &err));
    free(made[0]), free(made[1]);
}

static int64_t rows_of(tensorfile_file f, const char *name) {
    tensorfile_tensor t;
    const tensorfile_info *in;
    if (tensorfile_lookup(f, name, &t, &err)) return -1;
    OK(tensorfile_describe(t, &in, &err));
    int64_t n = in->shape[0];
    OK(tensorfile_release_tensor(t, &err));
    return n;
}

static void test_edit(void) {
    const char *path = path_in(work, "edit.tensor");
    write_sample(path);
    tensorfile_writer w, second;
    tensorfile_file old, f, newer;
    OK(tensorfile_open(path, NULL, &old, &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_edit(path_in(work, "none"), NULL, &w, &err));
    OK(tensorfile_edit(path, NULL, &w, &err));
    FAILS(TENSORFILE_LOCKED, "", tensorfile_edit(path, NULL, &second, &err));
    tensorfile_edit_options eo = {.size = sizeof eo, .wait_ms = 1};
    FAILS(TENSORFILE_LOCKED, "", tensorfile_edit(path, &eo, &second, &err));
    eo.wait_ms = -1;
    FAILS(TENSORFILE_ARGUMENT, "wait", tensorfile_edit(path, &eo, &second, &err));

    static float more[4][COLS];
    for (int i = 0; i < 4 * COLS; i++) more[i / COLS][i % COLS] = value(5000 + (uint64_t)i);
    int64_t shape[2] = {4, COLS}, bad[2] = {4, COLS - 1};
    tensorfile_array rows = array2("f32", shape, more), wrong = array2("f32", bad, more), other = array2("i32", shape, more);
    OK(tensorfile_append(w, "chunked", &rows, NULL, &err));
    tensorfile_store s = {.size = sizeof s, .codec = "zstd:1"};
    OK(tensorfile_append(w, "plain", &rows, &s, &err));
    FAILS(TENSORFILE_SHAPE, "", tensorfile_append(w, "chunked", &wrong, NULL, &err));
    FAILS(TENSORFILE_DTYPE, "", tensorfile_append(w, "chunked", &other, NULL, &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_append(w, "none", &rows, NULL, &err));
    s = (tensorfile_store){.size = sizeof s, .replace = 1};
    FAILS(TENSORFILE_ARGUMENT, "no meaning", tensorfile_append(w, "chunked", &rows, &s, &err));
    OK(tensorfile_rename(w, "scalar", "pi", &err));
    OK(tensorfile_remove(w, "empty", &err));
    OK(tensorfile_copy(w, "packed", "packed again", &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_remove(w, "empty", &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_rename(w, "empty", "e", &err));
    FAILS(TENSORFILE_DUPLICATE, "", tensorfile_rename(w, "pi", "plain", &err));
    FAILS(TENSORFILE_DUPLICATE, "", tensorfile_copy(w, "pi", "plain", &err));
    OK(tensorfile_set_attributes(w, "pi", "{\"digits\":5}", &err));
    FAILS(TENSORFILE_FORMAT, "dims", tensorfile_set_attributes(w, "plain", "{\"dims\":[\"x\"]}", &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_set_attributes(w, "none", "{}", &err));
    OK(tensorfile_refresh(old, &newer, &err));
    CHECK(newer == 0); /* nothing before the commit */
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_refresh(old, &newer, &err));
    CHECK(newer != 0 && rows_of(newer, "chunked") == ROWS + 4 && rows_of(old, "chunked") == ROWS);
    OK(tensorfile_check(old, &err));
    CHECK(rows_of(newer, "empty") == -1 && rows_of(old, "empty") == 0 && rows_of(newer, "packed again") == 2);
    tensorfile_tensor t = lookup(newer, "plain");
    float got[4][COLS];
    tensorfile_range tail[2] = {{ROWS, ROWS + 4, 1}, {0, COLS, 1}};
    OK(tensorfile_read(t, tail, got, sizeof got, &err));
    CHECK(!memcmp(got, more, sizeof more));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(newer, &err));

    /* Parts of a chunked tensor, and its end. */
    float patch[2][3] = {{1, 2, 3}, {4, 5, 6}};
    int64_t two[2] = {2, 3};
    tensorfile_array p = array2("f32", two, patch);
    tensorfile_range where[2] = {{8, 2, -4}, {1, 10, 4}};
    OK(tensorfile_write_region(w, "chunked", where, &p, NULL, &err));
    const tensorfile_range beyond[][2] = {{{40, 42, 1}, {0, 3, 1}}, {{-1, 1, 1}, {0, 3, 1}}, {{0, 3, 1}, {0, 3, 1}}, {{0, 2, 0}, {0, 3, 1}}, {{42, 40, -1}, {0, 3, 1}}, {{0, 2, 1}, {9, 12, 1}}};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        int32_t kind = tensorfile_write_region(w, "chunked", beyond[i], &p, NULL, &err);
        CHECK(kind == TENSORFILE_INDEX || kind == TENSORFILE_SHAPE);
    }
    FAILS(TENSORFILE_UNSUPPORTED, "plain bytes", tensorfile_write_region(w, "view", where, &p, NULL, &err));
    OK(tensorfile_shrink(w, "plain", 10, &err));
    CHECK(tensorfile_shrink(w, "plain", 11, &err) != 0);
    int64_t one[1] = {1};
    double e = 2.71828;
    tensorfile_array scalar = array1("f64", one, &e);
    s = (tensorfile_store){.size = sizeof s, .replace = 1};
    OK(tensorfile_write(w, "pi", &scalar, &s, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_open(path, NULL, &f, &err));
    t = lookup(f, "chunked");
    float all[ROWS + 4][COLS];
    OK(tensorfile_read(t, NULL, all, sizeof all, &err));
    int good = 1;
    for (int i = 0; i < ROWS + 4; i++)
        for (int k = 0; k < COLS; k++) {
            float want = i < ROWS ? grid[i][k] : more[i - ROWS][k];
            if ((i == 8 || i == 4) && (k == 1 || k == 5 || k == 9)) want = patch[i == 4][k / 4];
            good &= all[i][k] == want;
        }
    CHECK(good);
    OK(tensorfile_release_tensor(t, &err));
    CHECK(rows_of(f, "plain") == 10 && rows_of(f, "pi") == 1);
    tensorfile_generation *g;
    size_t n;
    OK(tensorfile_generations(f, &g, &n, &err));
    CHECK(n == 3 && g[0].number == 3 && g[0].previous == 2 && g[1].number == 2 && g[2].number == 1 && g[2].previous == 0);
    CHECK(g[0].length > g[1].length && g[1].length > g[2].length && g[0].bytes == g[0].length - g[1].length);
    tensorfile_free(g);
    OK(tensorfile_close(f, &err));
    /* An older generation, as it was. */
    tensorfile_open_options oo = {.size = sizeof oo, .generation = 2};
    OK(tensorfile_open(path, &oo, &f, &err));
    CHECK(rows_of(f, "plain") == ROWS + 4);
    OK(tensorfile_close(f, &err));
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_revert(w, 7, &err));
    OK(tensorfile_revert(w, 1, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_append(w, "chunked", &rows, NULL, &err));
    OK(tensorfile_close_writer(w, &err)); /* without a commit: gone */
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_file_info info;
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(info.generation == 4 && info.tensors == 9 && rows_of(f, "chunked") == ROWS && rows_of(f, "plain") == ROWS);
    int32_t ok;
    char *json;
    size_t len;
    tensorfile_verify_options vo = {.size = sizeof vo, .workers = 1};
    OK(tensorfile_verify(f, &vo, &ok, &json, &len, &err));
    CHECK(ok == 1 && strstr(json, "\"status\":\"ok\"") && strstr(json, "\"generations\":4") && strstr(json, "\"findings\":[]") && len == strlen(json));
    tensorfile_free(json);
    OK(tensorfile_verify(f, NULL, &ok, NULL, NULL, &err));
    vo = (tensorfile_verify_options){.size = sizeof vo, .decode = 1};
    OK(tensorfile_verify(f, &vo, &ok, &json, NULL, &err));
    CHECK(ok == 1 && !strstr(json, "\"decoded\":0,"));
    tensorfile_free(json);
    vo.sample = 2;
    FAILS(TENSORFILE_ARGUMENT, "share", tensorfile_verify(f, &vo, &ok, &json, &len, &err));
    OK(tensorfile_close(f, &err));
    OK(tensorfile_close(old, &err));
}

/* Composites through their parts. */
static void test_composites(void) {
    const char *path = path_in(work, "composites.tensor");
    tensorfile_writer w;
    OK(tensorfile_create(path, NULL, &w, &err));
    /* [[0 5 0 0] [0 0 0 0] [7 0 0 -2]] */
    int64_t shape[2] = {3, 4}, four[1] = {4}, three[1] = {3};
    int32_t indptr[4] = {0, 1, 1, 3}, indices[3] = {1, 0, 3}, falling[3] = {1, 3, 0};
    double values[3] = {5, 7, -2};
    tensorfile_array ptr = array1("i32", four, indptr), idx = array1("i32", three, indices), val = array1("f64", three, values);
    tensorfile_composite_part parts[3] = {{"indptr", &ptr, NULL}, {"indices", &idx, NULL}, {"values", &val, NULL}};
    tensorfile_composite csr = {.layout = TENSORFILE_CSR, .flags = TENSORFILE_SORTED | TENSORFILE_UNIQUE, .dtype = dtype_of("f64"), .rank = 2, .shape = shape, .count = 3, .parts = parts};
    const char *const dims[2] = {"user", "item"};
    tensorfile_store s = {.size = sizeof s, .dims = dims};
    OK(tensorfile_write_composite(w, "csr", &csr, &s, &err));
    tensorfile_array fall = array1("i32", three, falling);
    parts[1].array = &fall;
    FAILS(TENSORFILE_CORRUPT, "", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    CHECK(!strcmp(err.rule, "composite.index"));
    parts[1].array = &idx;
    parts[1].role = "bytes";
    FAILS(TENSORFILE_FORMAT, "role", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    parts[1].role = NULL;
    FAILS(TENSORFILE_ARGUMENT, "role", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    parts[1].role = "indices", parts[1].array = NULL;
    FAILS(TENSORFILE_ARGUMENT, "array", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    parts[1].array = &idx;
    csr.count = 1000;
    FAILS(TENSORFILE_ARGUMENT, "parts", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    csr.count = 3, csr.layout = 0;
    FAILS(TENSORFILE_ARGUMENT, "layout", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    csr.layout = TENSORFILE_CSR, csr.rank = 40;
    FAILS(TENSORFILE_ARGUMENT, "rank", tensorfile_write_composite(w, "bad", &csr, NULL, &err));
    csr.rank = 2;
    /* "", "Größe", "ab" */
    int64_t offsets[4] = {0, 0, 7, 9}, nine[1] = {9};
    tensorfile_array off = array1("i64", four, offsets), bytes = array1("u8", nine, "Gr\xc3\xb6\xc3\x9f"
                                                                                    "eab");
    tensorfile_composite_part sp[2] = {{"offsets", &off, NULL}, {"bytes", &bytes, NULL}};
    tensorfile_composite strings = {.layout = TENSORFILE_STRING, .rank = 1, .shape = three, .count = 2, .parts = sp};
    OK(tensorfile_write_composite(w, "strings", &strings, NULL, &err));
    /* Rows of 2, 0 and 3 numbers. */
    int32_t places[4] = {0, 2, 2, 5};
    int16_t numbers[5] = {-7, 300, 4, 9, 12345};
    int64_t five[1] = {5}, ragged_shape[2] = {3, 3};
    tensorfile_array pl = array1("i32", four, places), nu = array1("i16", five, numbers);
    tensorfile_composite_part rp[2] = {{"offsets", &pl, NULL}, {"values", &nu, NULL}};
    tensorfile_composite ragged = {.layout = TENSORFILE_RAGGED, .dtype = dtype_of("i16"), .rank = 2, .shape = ragged_shape, .count = 2, .parts = rp};
    OK(tensorfile_write_composite(w, "ragged", &ragged, NULL, &err));
    /* Quantised: groups of 2 along axis 1; x = (q - zero) * scale. */
    int64_t quantised_shape[2] = {2, 4}, groups[2] = {2, 2}, two[1] = {2};
    int8_t q[2][4] = {{1, -2, 30, 4}, {-5, 6, 7, -128}};
    float scales[2][2] = {{0.5f, 2}, {0.25f, 8}};
    uint32_t group[2] = {1, 2};
    tensorfile_array qv = array2("i8", quantised_shape, q), qs = array2("f32", groups, scales), qg = array1("u32", two, group);
    tensorfile_composite_part qp[3] = {{"values", &qv, NULL}, {"scales", &qs, NULL}, {"group", &qg, NULL}};
    tensorfile_composite quantised = {.layout = TENSORFILE_QUANTISED, .dtype = dtype_of("f32"), .rank = 2, .shape = quantised_shape, .count = 3, .parts = qp};
    OK(tensorfile_write_composite(w, "quantised", &quantised, NULL, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));

    OK(tensorfile_edit(path, NULL, &w, &err));
    /* Rows [[0 0 1 0] [2 0 0 0]] more, of pointers that begin at 0. */
    int32_t ptr2[3] = {0, 1, 2}, idx2[2] = {2, 0};
    double val2[2] = {1, 2};
    int64_t more[2] = {2, 4};
    tensorfile_array p2 = array1("i32", three, ptr2), i2 = array1("i32", two, idx2), v2 = array1("f64", two, val2);
    tensorfile_composite_part parts2[3] = {{"indptr", &p2, NULL}, {"indices", &i2, NULL}, {"values", &v2, NULL}};
    tensorfile_composite rows = csr;
    rows.shape = more, rows.parts = parts2;
    OK(tensorfile_append_composite(w, "csr", &rows, NULL, &err));
    FAILS(TENSORFILE_UNSUPPORTED, "", tensorfile_append_composite(w, "quantised", &quantised, NULL, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));

    tensorfile_file f;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "csr"), part;
    const tensorfile_info *in;
    OK(tensorfile_describe(t, &in, &err));
    CHECK(in->layout == TENSORFILE_CSR && in->layout_flags == 3 && in->parts == 3 && in->shape[0] == 5 && in->shape[1] == 4);
    CHECK(!strcmp(in->dtype_name, "f64") && in->storage_kind == TENSORFILE_NO_BYTES && in->chunk == NULL);
    tensorfile_list list;
    OK(tensorfile_list_parts(t, &list, &err));
    CHECK(list.count == 3 && !strcmp(list.items[0].name, "indptr") && !strcmp(list.items[1].name, "indices") && !strcmp(list.items[2].name, "values"));
    CHECK(list.items[0].shape[0] == 6 && list.items[2].shape[0] == 5 && !strcmp(list.items[2].dtype_name, "f64"));
    tensorfile_list_free(&list);
    int32_t got_ptr[6], got_idx[5];
    double got_val[5];
    OK(tensorfile_part(t, "indptr", &part, &err));
    OK(tensorfile_read(part, NULL, got_ptr, sizeof got_ptr, &err));
    OK(tensorfile_release_tensor(part, &err));
    OK(tensorfile_part(t, "indices", &part, &err));
    OK(tensorfile_read(part, NULL, got_idx, sizeof got_idx, &err));
    OK(tensorfile_release_tensor(part, &err));
    OK(tensorfile_part(t, "values", &part, &err));
    OK(tensorfile_read(part, NULL, got_val, sizeof got_val, &err));
    OK(tensorfile_release_tensor(part, &err));
    const int32_t want_ptr[6] = {0, 1, 1, 3, 4, 5}, want_idx[5] = {1, 0, 3, 2, 0};
    const double want_val[5] = {5, 7, -2, 1, 2};
    CHECK(!memcmp(got_ptr, want_ptr, sizeof want_ptr) && !memcmp(got_idx, want_idx, sizeof want_idx) && !memcmp(got_val, want_val, sizeof want_val));
    FAILS(TENSORFILE_NOT_FOUND, "mask", tensorfile_part(t, "mask", &part, &err));
    FAILS(TENSORFILE_ENCODED, "composite", tensorfile_read_rows(t, (int64_t[]){0}, 1, got_val, 8, &err));
    char *text;
    OK(tensorfile_dim(t, 1, &text, &err));
    CHECK(!strcmp(text, "item"));
    tensorfile_free(text);
    OK(tensorfile_release_tensor(t, &err));

    t = lookup(f, "strings");
    OK(tensorfile_describe(t, &in, &err));
    CHECK(in->layout == TENSORFILE_STRING && !strcmp(in->dtype_name, "") && in->dtype.cls == 0 && in->parts == 2);
    OK(tensorfile_part(t, "bytes", &part, &err));
    char letters[10] = {0};
    OK(tensorfile_read(part, NULL, letters, 9, &err));
    CHECK(!strcmp(letters, "Größeab"));
    OK(tensorfile_release_tensor(part, &err));
    OK(tensorfile_release_tensor(t, &err));

    t = lookup(f, "quantised");
    tensorfile_dtype f32 = dtype_of("f32"), i4 = dtype_of("i4");
    float x[2][4];
    OK(tensorfile_dequantise(t, &f32, NULL, x, sizeof x, &err));
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4; k++) CHECK(x[i][k] == (float)q[i][k] * scales[i][k / 2]);
    tensorfile_range cut[2] = {{1, 2, 1}, {3, 0, -1}};
    float y[3];
    OK(tensorfile_dequantise(t, &f32, cut, y, sizeof y, &err));
    CHECK(y[0] == -1024 && y[1] == 56 && y[2] == 1.5f);
    CHECK(tensorfile_dequantise(t, &i4, cut, y, 2, &err) != 0);
    OK(tensorfile_release_tensor(t, &err));

    /* Copies to another file: as stored, under another name, in chunks. */
    tensorfile_file src;
    OK(tensorfile_open(path_in(work, "sample.tensor"), NULL, &src, &err));
    const char *copy = path_in(work, "copies.tensor");
    OK(tensorfile_create(copy, NULL, &w, &err));
    tensorfile_tensor from[3] = {lookup(src, "plain"), lookup(src, "chunked"), lookup(f, "csr")};
    OK(tensorfile_write_from(w, from[0], NULL, NULL, &err));
    int64_t chunk[2] = {8, 11};
    s = (tensorfile_store){.size = sizeof s, .codec = "lz4", .chunk = chunk};
    OK(tensorfile_write_from(w, from[1], "c", &s, &err));
    OK(tensorfile_write_from(w, from[2], "sparse", NULL, &err));
    s.replace = 1;
    FAILS(TENSORFILE_ARGUMENT, "replace", tensorfile_write_from(w, from[0], "r", &s, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));
    tensorfile_file made;
    OK(tensorfile_open(copy, NULL, &made, &err));
    uint8_t h1[32], h2[32];
    const char *const names[3] = {"plain", "c", "sparse"};
    for (int i = 0; i < 3; i++) {
        t = lookup(made, names[i]);
        OK(tensorfile_hash(t, h1, &err));
        OK(tensorfile_hash(from[i], h2, &err));
        CHECK(!memcmp(h1, h2, 32));
        OK(tensorfile_describe(t, &in, &err));
        if (i == 1) CHECK(!strcmp(in->codec, "lz4") && in->chunk[0] == 8);
        OK(tensorfile_release_tensor(t, &err));
        OK(tensorfile_release_tensor(from[i], &err));
    }
    OK(tensorfile_close(made, &err));
    OK(tensorfile_close(src, &err));
    OK(tensorfile_close(f, &err));
}

int main(int argc, char **argv) {
    begin(argc, argv);
    test_write();
    test_edit();
    test_composites();
    return finish("writing");
}
