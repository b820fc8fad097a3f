/* Opening, describing, mapping and reading: reading TESTDATA WORK. */
#include "sample.h"

static void test_open(const char *path) {
    tensorfile_file f;
    FAILS(TENSORFILE_NOT_FOUND, "no such file", tensorfile_open(path_in(work, "none.tensor"), NULL, &f, &err));
    CHECK(f == 0 && err.commit_unknown == 0);
    CHECK(tensorfile_open(work, NULL, &f, &err) != 0); /* a directory */
    FAILS(TENSORFILE_FORMAT, "magic", tensorfile_open_memory("not a tensor file, and no other either", 38, NULL, &f, &err));
    CHECK(tensorfile_open_memory("", 0, NULL, &f, &err) != 0);
    tensorfile_open_options o = {.size = 3};
    FAILS(TENSORFILE_ARGUMENT, "sizeof", tensorfile_open(path, &o, &f, &err));
    o = (tensorfile_open_options){.size = sizeof o, .flags = 1u << 20};
    FAILS(TENSORFILE_ARGUMENT, "flags", tensorfile_open(path, &o, &f, &err));
    o = (tensorfile_open_options){.size = sizeof o, .workers = -1};
    FAILS(TENSORFILE_ARGUMENT, "workers", tensorfile_open(path, &o, &f, &err));
    o = (tensorfile_open_options){.size = sizeof o, .generation = 9};
    FAILS(TENSORFILE_NOT_FOUND, "generation", tensorfile_open(path, &o, &f, &err));
    /* Options of an older header are shorter, of a newer one longer. */
    struct {
        tensorfile_open_options o;
        uint64_t more;
    } newer = {{.size = sizeof newer}, 0};
    OK(tensorfile_open(path, &newer.o, &f, &err));
    OK(tensorfile_close(f, &err));
    newer.more = 1;
    FAILS(TENSORFILE_ARGUMENT, "does not know", tensorfile_open(path, &newer.o, &f, &err));
    o = (tensorfile_open_options){.size = 16, .generation = 9};
    OK(tensorfile_open(path, &o, &f, &err));

    tensorfile_file_info info;
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(!strcmp(info.format, "tensorfile") && info.generation == 1 && info.tensors == 9 && info.mapped == 1 && info.read_only == 0);
    CHECK(info.size >= info.length && info.length > 0 && info.time > 1600000000000000000);
    OK(tensorfile_check(f, &err));
    char *json;
    size_t n;
    OK(tensorfile_file_attributes(f, &json, &n, &err));
    CHECK(!strcmp(json, "{\"made\":\"here\",\"n\":18446744073709551615}") && n == strlen(json));
    tensorfile_free(json);
    tensorfile_generation *g;
    OK(tensorfile_generations(f, &g, &n, &err));
    CHECK(n == 1 && g[0].number == 1 && g[0].previous == 0 && g[0].length == info.length && g[0].bytes == info.length);
    tensorfile_free(g);
    tensorfile_file newest;
    OK(tensorfile_refresh(f, &newest, &err));
    CHECK(newest == 0);
    OK(tensorfile_close(f, &err));

    /* No network is touched for these. */
    FAILS(TENSORFILE_UNSUPPORTED, "http", tensorfile_open_url("ftp://user:secret@host/x", NULL, &f, &err));
    CHECK(!strstr(err.message, "secret"));
    FAILS(TENSORFILE_UNSUPPORTED, "http", tensorfile_open_url(path, NULL, &f, &err));
    /* A path that looks like an address is a path. */
    FAILS(TENSORFILE_NOT_FOUND, "http://", tensorfile_open("http://localhost/none", NULL, &f, &err));
}

static void test_describe(const char *path) {
    tensorfile_file f;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_list list;
    OK(tensorfile_list_tensors(f, &list, &err));
    const char *const names[] = {"chunked", "empty", "fortran", "packed", "plain", "scalar", "tied", "tied.T", "view"};
    CHECK(list.count == 9);
    for (size_t i = 0; i < list.count; i++) CHECK(!strcmp(list.items[i].name, names[i]));
    CHECK(list.items[6].storage == list.items[7].storage && list.items[6].offset == list.items[7].offset);
    CHECK(list.items[4].storage != list.items[6].storage);
    tensorfile_list_free(&list);
    CHECK(list.count == 0 && list.items == NULL);
    tensorfile_list_free(&list);

    OK(tensorfile_list_named(f, "chunked", &list, &err));
    CHECK(list.count == 1 && !strcmp(list.items->name, "chunked") && !strcmp(list.items->codec, "shuffle|zstd:3"));
    CHECK(list.items->rank == 2 && list.items->shape[1] == COLS && list.items->chunk[0] == 5 && list.items->chunk[1] == 4);
    tensorfile_list_free(&list);
    FAILS(TENSORFILE_NOT_FOUND, "chunke", tensorfile_list_named(f, "chunke", &list, &err));
    CHECK(list.count == 0 && list.items == NULL);

    const tensorfile_info *in, *same;
    tensorfile_tensor t = lookup(f, "plain");
    OK(tensorfile_describe(t, &in, &err));
    CHECK(!strcmp(in->name, "plain") && !strcmp(in->dtype_name, "f32") && !strcmp(in->codec, "") && in->chunk == NULL);
    CHECK(in->rank == 2 && in->shape[0] == ROWS && in->shape[1] == COLS && in->strides[0] == 4 * COLS && in->strides[1] == 4);
    CHECK(in->elements == ROWS * COLS && in->nbytes == sizeof grid && in->stored == sizeof grid && in->generation == 1);
    CHECK(in->storage_kind == TENSORFILE_RAW && in->offset > 0 && in->offset % 64 == 0 && !in->big_endian);
    OK(tensorfile_describe(t, &same, &err));
    CHECK(same == in);
    char *text;
    OK(tensorfile_attributes(t, &text, NULL, &err));
    CHECK(!strcmp(text, "{\"dims\":[\"row\",null],\"scale\":0.1,\"unit\":\"m\"}"));
    tensorfile_free(text);
    OK(tensorfile_dim(t, 0, &text, &err));
    CHECK(!strcmp(text, "row"));
    tensorfile_free(text);
    OK(tensorfile_dim(t, 1, &text, &err));
    CHECK(!strcmp(text, ""));
    tensorfile_free(text);
    FAILS(TENSORFILE_INDEX, "axis", tensorfile_dim(t, -1, &text, &err));

    tensorfile_tensor c = lookup(f, "chunked");
    const tensorfile_info *ci;
    OK(tensorfile_describe(c, &ci, &err));
    CHECK(ci->storage_kind == TENSORFILE_CHUNKED && ci->chunk && ci->chunk[0] == 5 && ci->chunk[1] == 4 && ci->offset == -1);
    CHECK(!strcmp(ci->codec, "shuffle|zstd:3") && ci->nbytes == sizeof grid);
    tensorfile_lease l;
    const void *p;
    FAILS(TENSORFILE_ENCODED, "chunked", tensorfile_map(c, &l, &p, &err));
    OK(tensorfile_attributes(c, &text, NULL, &err));
    CHECK(!strcmp(text, "{}"));
    tensorfile_free(text);
    uint8_t h1[32], h2[32];
    OK(tensorfile_hash(c, h1, &err));
    tensorfile_tensor tied = lookup(f, "tied");
    OK(tensorfile_hash(tied, h2, &err));
    CHECK(!memcmp(h1, h2, 32)); /* equal elements, stored otherwise */
    OK(tensorfile_hash(t, h2, &err));
    OK(tensorfile_list_parts(t, &list, &err));
    CHECK(list.count == 0);
    tensorfile_list_free(&list);
    tensorfile_tensor part;
    FAILS(TENSORFILE_NOT_FOUND, "values", tensorfile_part(t, "values", &part, &err));
    FAILS(TENSORFILE_NOT_FOUND, "nothing", tensorfile_lookup(f, "nothing", &part, &err));

    /* A description outlives the file, a tensor of a closed file is closed. */
    OK(tensorfile_close(f, &err));
    CHECK(in->shape[1] == COLS && !strcmp(ci->codec, "shuffle|zstd:3"));
    FAILS(TENSORFILE_CLOSED, "closed", tensorfile_read(t, NULL, grid, sizeof grid, &err));
    FAILS(TENSORFILE_CLOSED, "closed", tensorfile_read(c, NULL, grid, sizeof grid, &err));
    FAILS(TENSORFILE_CLOSED, "closed", tensorfile_map(t, &l, &p, &err));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_release_tensor(c, &err));
    OK(tensorfile_release_tensor(tied, &err));
}

static void test_map(const char *path) {
    tensorfile_file f;
    tensorfile_lease l, whole, view;
    const void *p, *base, *v;
    size_t size;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "plain"), back = lookup(f, "view"), scalar = lookup(f, "scalar"), empty = lookup(f, "empty");
    const tensorfile_info *in, *bi;
    OK(tensorfile_describe(t, &in, &err));
    OK(tensorfile_describe(back, &bi, &err));
    OK(tensorfile_map(t, &l, &p, &err));
    CHECK(!memcmp(p, grid, sizeof grid) && (uintptr_t)p % 64 == 0);
    OK(tensorfile_map_file(f, &whole, &base, &size, &err));
    CHECK((const char *)base + in->offset == p && size >= (size_t)in->offset + sizeof grid);
    OK(tensorfile_map(back, &view, &v, &err));
    CHECK((const char *)base + bi->offset == v);
    for (int64_t i = 0; i < bi->shape[0]; i++)
        for (int64_t k = 0; k < bi->shape[1]; k++) {
            float x;
            memcpy(&x, (const char *)v + i * bi->strides[0] + k * bi->strides[1], 4);
            CHECK(x == grid[ROWS - 2 - 2 * i][1 + 3 * k]);
        }
    tensorfile_lease s, e;
    const void *sp, *ep;
    OK(tensorfile_map(scalar, &s, &sp, &err));
    double pi;
    memcpy(&pi, sp, 8);
    CHECK(pi == 3.14159);
    OK(tensorfile_map(empty, &e, &ep, &err));
    CHECK(ep == NULL);
    OK(tensorfile_release_lease(s, &err));
    OK(tensorfile_release_lease(e, &err));
    /* Mapped memory outlives the handles of tensor and file, until its lease goes. */
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    CHECK(!memcmp(p, grid, sizeof grid));
    OK(tensorfile_release_lease(whole, &err));
    OK(tensorfile_release_lease(view, &err));
    CHECK(!memcmp(p, grid, sizeof grid));
    OK(tensorfile_release_lease(l, &err));
    OK(tensorfile_release_tensor(back, &err));
    OK(tensorfile_release_tensor(scalar, &err));
    OK(tensorfile_release_tensor(empty, &err));

    tensorfile_open_options o = {.size = sizeof o, .flags = TENSORFILE_NO_MMAP};
    OK(tensorfile_open(path, &o, &f, &err));
    FAILS(TENSORFILE_NOT_MAPPED, "not mapped", tensorfile_map_file(f, &whole, &base, &size, &err));
    CHECK(whole == 0 && base == NULL && size == 0);
    t = lookup(f, "plain");
    FAILS(TENSORFILE_NOT_MAPPED, "not mapped", tensorfile_map(t, &l, &p, &err));
    OK(tensorfile_close(f, &err));
    OK(tensorfile_release_tensor(t, &err));
}

/* Reads one selection of "plain", "chunked", "tied.T" and compares with the grid. */
static void read_range(tensorfile_file f, tensorfile_range r, tensorfile_range c) {
    static float dst[2 * ROWS * COLS];
    const char *const names[] = {"plain", "chunked", "tied.T"};
    for (int k = 0; k < 3; k++) {
        tensorfile_tensor t = lookup(f, names[k]);
        tensorfile_range ranges[2] = {r, c};
        int turned = k == 2;
        if (turned) ranges[0] = c, ranges[1] = r;
        int64_t rows = 0, cols = 0;
        for (int64_t i = r.start; r.step > 0 ? i < r.stop : i > r.stop; i += r.step) rows++;
        for (int64_t i = c.start; c.step > 0 ? i < c.stop : i > c.stop; i += c.step) cols++;
        size_t n = (size_t)(rows * cols);
        memset(dst, 0xff, sizeof dst);
        OK(tensorfile_read(t, ranges, dst, 4 * n, &err));
        int good = 1;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) good &= dst[turned ? j * rows + i : i * cols + j] == grid[r.start + i * r.step][c.start + j * c.step];
        CHECK(good);
        uint32_t behind;
        memcpy(&behind, dst + n, 4);
        CHECK(behind == 0xffffffff); /* not a byte more */
        /* The same to memory with gaps, backwards. */
        int64_t shape[2] = {turned ? cols : rows, turned ? rows : cols}, strides[2] = {-8 * shape[1], 8};
        tensorfile_array a = {.dtype = dtype_of("f32"), .rank = 2, .shape = shape, .strides = strides, .data = dst + (shape[0] ? 2 * shape[1] * (shape[0] - 1) : 0)};
        memset(dst, 0xff, sizeof dst);
        if (2 * n <= sizeof dst / 4) {
            OK(tensorfile_read_into(t, ranges, &a, &err));
            good = 1;
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < cols; j++) {
                    int64_t y = turned ? j : i, x = turned ? i : j;
                    good &= dst[2 * shape[1] * (shape[0] - 1 - y) + 2 * x] == grid[r.start + i * r.step][c.start + j * c.step];
                    memcpy(&behind, &dst[2 * shape[1] * (shape[0] - 1 - y) + 2 * x + 1], 4);
                    good &= behind == 0xffffffff;
                }
            CHECK(good);
        }
        OK(tensorfile_release_tensor(t, &err));
    }
}

static void test_read(const char *path) {
    tensorfile_file f;
    OK(tensorfile_open(path, NULL, &f, &err));
    const tensorfile_range rows[] = {{0, ROWS, 1}, {3, 20, 1}, {1, ROWS, 7}, {ROWS - 1, -1, -1}, {30, 2, -3}, {5, 5, 1}, {9, 3, 2}, {36, 37, 1}, {0, -1, -1}, {0, 1, INT64_MAX}, {ROWS - 1, ROWS - 2, INT64_MIN}};
    const tensorfile_range cols[] = {{0, COLS, 1}, {2, 9, 3}, {10, -1, -1}, {8, 0, -4}, {4, 4, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof cols / sizeof *cols; k++) {
            if (rows[i].step == INT64_MAX || rows[i].step == INT64_MIN) continue; /* below: they overflow in the loop that counts here */
            read_range(f, rows[i], cols[k]);
        }
    tensorfile_tensor t = lookup(f, "plain"), c = lookup(f, "chunked");
    float row[COLS];
    for (size_t i = 9; i < 11; i++) {
        tensorfile_range one[2] = {rows[i], {0, COLS, 1}};
        OK(tensorfile_read(t, one, row, sizeof row, &err));
        CHECK(!memcmp(row, grid[rows[i].start], sizeof row));
    }
    const tensorfile_range bad[] = {{0, ROWS + 1, 1}, {-1, 3, 1}, {ROWS, -1, -1}, {3, -2, -1}, {0, 3, 0}, {0, INT64_MAX, 1}, {INT64_MIN, INT64_MAX, INT64_MAX}, {ROWS - 1, INT64_MIN, -1}, {0, ROWS + 4, 5}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tensorfile_range ranges[2] = {bad[i], {0, COLS, 1}};
        FAILS(TENSORFILE_INDEX, "range on axis 0", tensorfile_read(t, ranges, grid, sizeof grid, &err));
        FAILS(TENSORFILE_INDEX, "range on axis 0", tensorfile_read(c, ranges, grid, sizeof grid, &err));
    }
    FAILS(TENSORFILE_ARGUMENT, "got 4 bytes, want 1628", tensorfile_read(t, NULL, row, 4, &err));
    int64_t shape[2] = {ROWS, COLS}, wrong[2] = {COLS, ROWS}, zero[2] = {0, 4};
    tensorfile_array a = array2("f64", shape, NULL);
    double *wide = malloc(8 * ROWS * COLS);
    a.data = wide;
    FAILS(TENSORFILE_DTYPE, "f64", tensorfile_read_into(t, NULL, &a, &err));
    a = array2("f32", wrong, wide);
    FAILS(TENSORFILE_SHAPE, "37", tensorfile_read_into(t, NULL, &a, &err));
    a = array2("f32", shape, NULL);
    FAILS(TENSORFILE_ARGUMENT, "data is NULL", tensorfile_read_into(t, NULL, &a, &err));
    a = (tensorfile_array){.dtype = dtype_of("f32"), .rank = 2, .shape = shape, .strides = zero, .data = wide};
    CHECK(tensorfile_read_into(t, NULL, &a, &err) != 0); /* memory that repeats */
    a.rank = -1;
    FAILS(TENSORFILE_ARGUMENT, "rank -1", tensorfile_read_into(t, NULL, &a, &err));
    a.rank = 33;
    FAILS(TENSORFILE_ARGUMENT, "rank 33", tensorfile_read_into(t, NULL, &a, &err));
    a.rank = 2, a.shape = NULL;
    FAILS(TENSORFILE_ARGUMENT, "no shape", tensorfile_read_into(t, NULL, &a, &err));
    int64_t huge[2] = {INT64_MAX, INT64_MAX};
    a = array2("f32", huge, wide);
    CHECK(tensorfile_read_into(t, NULL, &a, &err) != 0);
    int64_t negative[2] = {-1, 4};
    a = array2("f32", negative, wide);
    CHECK(tensorfile_read_into(t, NULL, &a, &err) != 0);
    tensorfile_dtype odd = {.cls = 99, .bits = 7, .unit_elems = 1, .unit_bytes = 0};
    a = array2("f32", shape, wide);
    a.dtype = odd;
    CHECK(tensorfile_read_into(t, NULL, &a, &err) != 0);
    free(wide);

    tensorfile_tensor s = lookup(f, "scalar"), e = lookup(f, "empty"), p = lookup(f, "packed");
    double pi = 0;
    OK(tensorfile_read(s, NULL, &pi, 8, &err));
    CHECK(pi == 3.14159);
    OK(tensorfile_read(e, NULL, NULL, 0, &err));
    uint8_t nibbles[4] = {0};
    OK(tensorfile_read(p, NULL, nibbles, 4, &err));
    CHECK(nibbles[0] == 0x21 && nibbles[1] == 0x03 && nibbles[2] == 0x54 && nibbles[3] == 0x06);
    tensorfile_range last[2] = {{1, 2, 1}, {2, 3, 1}};
    uint8_t nibble = 0xff;
    OK(tensorfile_read(p, last, &nibble, 1, &err));
    CHECK(nibble == 0x06);

    /* Rows by number, in any order, repeated. */
    int64_t list[64];
    float got[64][COLS];
    tensorfile_tensor v = lookup(f, "view"), tt = lookup(f, "tied.T");
    for (int round = 0; round < 20; round++) {
        size_t n = (size_t)(mix((uint64_t)round) % 64);
        for (size_t i = 0; i < n; i++) list[i] = round % 3 == 0 ? (int64_t)(i % ROWS) : (int64_t)(mix(1000 + 64 * (uint64_t)round + i) % ROWS);
        tensorfile_tensor which[2] = {t, c};
        for (int k = 0; k < 2; k++) {
            memset(got, 0xff, sizeof got);
            OK(tensorfile_read_rows(which[k], list, n, got, n * sizeof *got, &err));
            int good = 1;
            for (size_t i = 0; i < n; i++) good &= !memcmp(got[i], grid[list[i]], sizeof *got);
            CHECK(good);
        }
    }
    float part[3][4];
    int64_t three[3] = {17, 0, 5};
    OK(tensorfile_read_rows(v, three, 3, part, sizeof part, &err));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) CHECK(part[i][k] == grid[ROWS - 2 - 2 * three[i]][1 + 3 * k]);
    float columns[2][ROWS];
    int64_t two[2] = {10, 10};
    OK(tensorfile_read_rows(tt, two, 2, columns, sizeof columns, &err));
    for (int i = 0; i < ROWS; i++) CHECK(columns[0][i] == grid[i][10] && columns[1][i] == grid[i][10]);
    int64_t outside[2] = {3, ROWS};
    FAILS(TENSORFILE_INDEX, "row 1 of the list", tensorfile_read_rows(t, outside, 2, got, 2 * sizeof *got, &err));
    outside[1] = -1;
    FAILS(TENSORFILE_INDEX, "row 1 of the list", tensorfile_read_rows(c, outside, 2, got, 2 * sizeof *got, &err));
    FAILS(TENSORFILE_ARGUMENT, "bytes", tensorfile_read_rows(t, list, 2, got, sizeof *got, &err));
    FAILS(TENSORFILE_SHAPE, "scalar", tensorfile_read_rows(s, list, 1, &pi, 8, &err));
    OK(tensorfile_read_rows(t, NULL, 0, NULL, 0, &err));
    int64_t rows_of_packed[3] = {1, 0, 1};
    uint8_t six[6];
    OK(tensorfile_read_rows(p, rows_of_packed, 3, six, 6, &err));
    CHECK(six[0] == 0x54 && six[1] == 0x06 && six[2] == 0x21 && six[3] == 0x03 && six[4] == 0x54 && six[5] == 0x06);
    tensorfile_dtype f32 = dtype_of("f32");
    FAILS(TENSORFILE_UNSUPPORTED, "quantised", tensorfile_dequantise(t, &f32, NULL, grid, sizeof grid, &err));
    tensorfile_tensor all[] = {t, c, s, e, p, v, tt};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) OK(tensorfile_release_tensor(all[i], &err));
    OK(tensorfile_close(f, &err));
}

/* Other formats, and memory. */
static void test_sources(void) {
    tensorfile_file f;
    tensorfile_file_info info;
    OK(tensorfile_open(path_in(testdata, "tour/model.npz"), NULL, &f, &err));
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(!strcmp(info.format, "npz") && info.generation == 0 && info.tensors > 0 && !strcmp(info.uuid, ""));
    tensorfile_generation *g;
    size_t n;
    FAILS(TENSORFILE_UNSUPPORTED, "", tensorfile_generations(f, &g, &n, &err));
    tensorfile_file newer;
    FAILS(TENSORFILE_UNSUPPORTED, "", tensorfile_refresh(f, &newer, &err));
    tensorfile_list list;
    OK(tensorfile_list_tensors(f, &list, &err));
    for (size_t i = 0; i < list.count; i++) {
        tensorfile_tensor t = lookup(f, list.items[i].name);
        char *b = malloc((size_t)list.items[i].nbytes);
        OK(tensorfile_read(t, NULL, b, (size_t)list.items[i].nbytes, &err));
        free(b);
        OK(tensorfile_release_tensor(t, &err));
    }
    tensorfile_list_free(&list);
    OK(tensorfile_close(f, &err));
    tensorfile_open_options o = {.size = sizeof o, .flags = TENSORFILE_NATIVE_ONLY};
    FAILS(TENSORFILE_FORMAT, "magic", tensorfile_open(path_in(testdata, "tour/model.npz"), &o, &f, &err));

    /* Every cut of a small file is an error or the whole, never a crash. */
    size_t size;
    char *b = slurp(path_in(testdata, "accept/one-scalar.tensor"), &size);
    int opened = 0;
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : 61) {
        char *own = malloc(cut + 1); /* exactly so long, for the address sanitizer */
        memcpy(own, b, cut);
        char *exact = realloc(own, cut ? cut : 1);
        if (tensorfile_open_memory(exact, cut, NULL, &f, &err) == 0) {
            opened++;
            OK(tensorfile_close(f, &err));
        }
        free(exact);
    }
    CHECK(opened == 0);
    /* A bit of the payload: read as it is, found by verify and on first use. */
    OK(tensorfile_open_memory(b, size, NULL, &f, &err));
    OK(tensorfile_list_tensors(f, &list, &err));
    CHECK(list.count == 1 && list.items[0].offset > 0);
    b[list.items[0].offset] ^= 4;
    const char *name = list.items[0].name;
    int32_t ok;
    char *json;
    OK(tensorfile_verify(f, NULL, &ok, &json, NULL, &err));
    CHECK(ok == 0 && strstr(json, "\"status\":\"damaged\"") && strstr(json, "\"kind\":\"corrupt\"") && strstr(json, "\"rule\":\"storage.crc\""));
    tensorfile_free(json);
    OK(tensorfile_close(f, &err));
    o = (tensorfile_open_options){.size = sizeof o, .flags = TENSORFILE_VERIFY_FIRST_USE};
    OK(tensorfile_open_memory(b, size, &o, &f, &err));
    tensorfile_tensor t = lookup(f, name);
    char room[64];
    FAILS(TENSORFILE_CORRUPT, "", tensorfile_read(t, NULL, room, (size_t)list.items[0].nbytes, &err));
    CHECK(err.offset >= 0 && !strcmp(err.rule, "storage.crc"));
    OK(tensorfile_release_tensor(t, &err));
    tensorfile_list_free(&list);
    OK(tensorfile_close(f, &err));
    free(b);
}

static float half(uint16_t h) { /* of a normal number */
    uint32_t bits = (uint32_t)(h >> 15) << 31 | ((uint32_t)(h >> 10 & 31) + 112) << 23 | (uint32_t)(h & 1023) << 13;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* Blocks of ggml as numbers: q8_0 is a scale, a half, and 32 bytes. */
static void test_blocks(void) {
    tensorfile_writer w;
    uint8_t blocks[2][2][34];
    int64_t shape[2] = {2, 64};
    for (int i = 0; i < 4; i++) {
        uint8_t *block = blocks[i / 2][i % 2];
        uint16_t scale = (uint16_t)(0x2c00 + 0x1234 * i); /* normal */
        memcpy(block, &scale, 2);
        for (int k = 0; k < 32; k++) block[2 + k] = (uint8_t)mix((uint64_t)(40 * i + k));
    }
    const char *path = path_in(work, "blocks.tensor");
    tensorfile_array a = array2("q8_0", shape, blocks);
    OK(tensorfile_create(path, NULL, &w, &err));
    OK(tensorfile_write(w, "q", &a, NULL, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));
    tensorfile_file f;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "q");
    tensorfile_dtype f32 = dtype_of("f32");
    float x[2][64];
    OK(tensorfile_dequantise(t, &f32, NULL, x, sizeof x, &err));
    int good = 1;
    for (int i = 0; i < 128; i++) {
        const uint8_t *block = blocks[i / 64][i % 64 / 32];
        uint16_t scale;
        memcpy(&scale, block, 2);
        good &= x[i / 64][i % 64] == half(scale) * (float)(int8_t)block[2 + i % 32];
    }
    CHECK(good);
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
}

int main(int argc, char **argv) {
    const char *path = begin(argc, argv);
    test_open(path);
    test_describe(path);
    test_map(path);
    test_read(path);
    test_sources();
    test_blocks();
    return finish("reading");
}
