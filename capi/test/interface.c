/* What the header promises, function by function: interface TESTDATA WORK. What is
 * expected is computed here, in C, from numbers that do not repeat. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tensorfile_error err;
static const char *work, *testdata;

/* Numbers that do not repeat (splitmix64). */
static uint64_t mix(uint64_t i) {
    uint64_t z = i * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Of 12 bits, so that chunks become shorter. */
static float value(uint64_t i) { return (float)(mix(i) % 4096); }

enum { ROWS = 37, COLS = 11 };
static float grid[ROWS][COLS];

static tensorfile_array array2(const char *dtype, const int64_t *shape, void *data) {
    return (tensorfile_array){.dtype = dtype_of(dtype), .rank = 2, .shape = shape, .data = data};
}

static tensorfile_array array1(const char *dtype, const int64_t *shape, const void *data) {
    return (tensorfile_array){.dtype = dtype_of(dtype), .rank = 1, .shape = shape, .data = (void *)data};
}

/* Writes the file that most tests read. */
static void write_sample(const char *path) {
    tensorfile_writer w;
    for (int i = 0; i < ROWS * COLS; i++) grid[i / COLS][i % COLS] = value((uint64_t)i);
    OK(tensorfile_create(path, NULL, &w, &err));
    int64_t shape[2] = {ROWS, COLS}, chunk[2] = {5, 4};
    tensorfile_array a = array2("f32", shape, grid);
    const char *const dims[2] = {"row", NULL};
    tensorfile_store s = {.size = sizeof s, .attributes = "{\"unit\":\"m\",\"scale\":0.1}", .dims = dims};
    OK(tensorfile_write(w, "plain", &a, &s, &err));
    tensorfile_store c = {.size = sizeof c, .codec = "shuffle|zstd:3", .chunk = chunk};
    OK(tensorfile_write(w, "chunked", &a, &c, &err));
    /* Every other row backwards, every third column: strides of both signs. */
    int64_t part[2] = {ROWS / 2, 4}, strides[2] = {-2 * COLS * 4, 3 * 4};
    tensorfile_array v = {.dtype = dtype_of("f32"), .rank = 2, .shape = part, .strides = strides, .data = &grid[ROWS - 2][1]};
    OK(tensorfile_write(w, "view", &v, NULL, &err));
    int64_t transposed[2] = {COLS, ROWS}, columns[2] = {4, COLS * 4};
    tensorfile_array f = {.dtype = dtype_of("f32"), .rank = 2, .shape = transposed, .strides = columns, .data = grid};
    OK(tensorfile_write(w, "fortran", &f, NULL, &err));
    double pi = 3.14159;
    tensorfile_array scalar = {.dtype = dtype_of("f64"), .data = &pi};
    OK(tensorfile_write(w, "scalar", &scalar, NULL, &err));
    int64_t nothing[2] = {0, 4};
    tensorfile_array empty = array2("i16", nothing, NULL);
    OK(tensorfile_write(w, "empty", &empty, NULL, &err));
    /* Packed: 2 rows of 3 elements of 4 bits, the low half first. */
    int64_t packed[2] = {2, 3};
    uint8_t nibbles[4] = {0x21, 0x03, 0x54, 0x06};
    tensorfile_array i4 = array2("u4", packed, nibbles);
    OK(tensorfile_write(w, "packed", &i4, NULL, &err));
    /* Two tensors of one storage. */
    uint64_t storage;
    OK(tensorfile_write_storage(w, grid, sizeof grid, &storage, &err));
    tensorfile_array on = {.dtype = dtype_of("f32"), .rank = 2, .shape = shape};
    OK(tensorfile_write_on(w, storage, 0, "tied", &on, NULL, &err));
    tensorfile_array other = {.dtype = dtype_of("f32"), .rank = 2, .shape = transposed, .strides = columns};
    OK(tensorfile_write_on(w, storage, 0, "tied.T", &other, NULL, &err));
    OK(tensorfile_set_attributes(w, NULL, "{\"made\":\"here\",\"n\":18446744073709551615}", &err));
    struct stat st;
    CHECK(stat(path, &st) != 0); /* nothing before the commit */
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));
}

static tensorfile_tensor lookup(tensorfile_file f, const char *name) {
    tensorfile_tensor t;
    OK(tensorfile_lookup(f, name, &t, &err));
    return t;
}

static void test_library(void) {
    CHECK(tensorfile_abi_version() == TENSORFILE_ABI_VERSION);
    CHECK(!strcmp(tensorfile_version(), "0.1.0"));
    CHECK(strstr(tensorfile_formats(), "safetensors"));
    CHECK(sizeof(tensorfile_error) == 1024 && sizeof(tensorfile_dtype) == 16);
    CHECK(!strcmp(tensorfile_kind_name(TENSORFILE_CORRUPT), "corrupt"));
    CHECK(!strcmp(tensorfile_kind_name(TENSORFILE_INTERNAL), "internal error"));
    CHECK(!strcmp(tensorfile_kind_name(-1), "unknown") && !strcmp(tensorfile_kind_name(30), "unknown") &&
          !strcmp(tensorfile_kind_name(1000), "unknown"));
    tensorfile_free(NULL);
    tensorfile_list_free(NULL);
    tensorfile_dtype d;
    OK(tensorfile_dtype_parse("bf16", &d, &err));
    CHECK(d.cls == TENSORFILE_FLOAT && d.variant == 1 && d.bits == 16 && d.unit_elems == 1 && d.unit_bytes == 2);
    OK(tensorfile_dtype_parse("<U3", &d, &err));
    CHECK(d.cls == TENSORFILE_BYTES && d.variant == 2 && d.bits == 96 && d.unit_bytes == 12);
    CHECK(tensorfile_dtype_parse("f33", &d, &err) != 0 && strstr(err.message, "f33") && d.cls == 0);
    FAILS(TENSORFILE_ARGUMENT, "UTF-8", tensorfile_dtype_parse("\xff", &d, &err));
}

/* Every pointer that must be there. */
static void test_null(tensorfile_file f, tensorfile_tensor t) {
    tensorfile_file file = 7;
    tensorfile_tensor tensor = 7;
    tensorfile_lease lease = 7;
    tensorfile_writer writer;
    const void *data = &file;
    tensorfile_array a = {0};
    tensorfile_composite c = {0};
    uint64_t storage;
    size_t n;
    FAILS(TENSORFILE_ARGUMENT, "path is NULL", tensorfile_open(NULL, NULL, &file, &err));
    CHECK(file == 0); /* outputs are empty on failure */
    FAILS(TENSORFILE_ARGUMENT, "file is NULL", tensorfile_open("x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "data is NULL", tensorfile_open_memory(NULL, 1, NULL, &file, &err));
    FAILS(TENSORFILE_ARGUMENT, "file is NULL", tensorfile_open_memory("x", 1, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "address is NULL", tensorfile_open_url(NULL, NULL, &file, &err));
    FAILS(TENSORFILE_ARGUMENT, "file is NULL", tensorfile_open_url("x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "newer is NULL", tensorfile_refresh(f, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "info is NULL", tensorfile_describe_file(f, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "json is NULL", tensorfile_file_attributes(f, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "list is NULL", tensorfile_generations(f, NULL, &n, &err));
    FAILS(TENSORFILE_ARGUMENT, "ok is NULL", tensorfile_verify(f, NULL, NULL, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "list is NULL", tensorfile_list_tensors(f, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_lookup(f, NULL, &tensor, &err));
    CHECK(tensor == 0);
    FAILS(TENSORFILE_ARGUMENT, "tensor is NULL", tensorfile_lookup(f, "plain", NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "role is NULL", tensorfile_part(t, NULL, &tensor, &err));
    FAILS(TENSORFILE_ARGUMENT, "part is NULL", tensorfile_part(t, "values", NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "list is NULL", tensorfile_list_parts(t, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "info is NULL", tensorfile_describe(t, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "json is NULL", tensorfile_attributes(t, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_dim(t, 0, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "hash is NULL", tensorfile_hash(t, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "lease is NULL", tensorfile_map(t, NULL, &data, &err));
    CHECK(data == NULL);
    FAILS(TENSORFILE_ARGUMENT, "data is NULL", tensorfile_map(t, &lease, NULL, &err));
    CHECK(lease == 0);
    FAILS(TENSORFILE_ARGUMENT, "lease is NULL", tensorfile_map_file(f, NULL, &data, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "dst is NULL", tensorfile_read(t, NULL, NULL, 4, &err));
    FAILS(TENSORFILE_ARGUMENT, "dst is NULL", tensorfile_read_into(t, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "rows is NULL", tensorfile_read_rows(t, NULL, 1, grid, 44, &err));
    FAILS(TENSORFILE_ARGUMENT, "dtype is NULL", tensorfile_dequantise(t, NULL, NULL, grid, 4, &err));
    FAILS(TENSORFILE_ARGUMENT, "path is NULL", tensorfile_create(NULL, NULL, &writer, &err));
    FAILS(TENSORFILE_ARGUMENT, "writer is NULL", tensorfile_create("x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "path is NULL", tensorfile_edit(NULL, NULL, &writer, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_write(1, NULL, &a, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "array is NULL", tensorfile_write(1, "x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "data is NULL", tensorfile_write_storage(1, NULL, 1, &storage, &err));
    FAILS(TENSORFILE_ARGUMENT, "storage is NULL", tensorfile_write_storage(1, "x", 1, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "array is NULL", tensorfile_write_on(1, 1, 0, "x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "composite is NULL", tensorfile_write_composite(1, "x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_write_composite(1, NULL, &c, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "rows is NULL", tensorfile_append(1, "x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "rows is NULL", tensorfile_append_composite(1, "x", NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "array is NULL", tensorfile_write_region(1, "x", NULL, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_shrink(1, NULL, 1, &err));
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_remove(1, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "to is NULL", tensorfile_rename(1, "x", NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "to is NULL", tensorfile_copy(1, "x", NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "json is NULL", tensorfile_set_attributes(1, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "UTF-8", tensorfile_lookup(f, "\xc3(", &tensor, &err));
    /* Nobody has to want an error. */
    CHECK(tensorfile_open(NULL, NULL, &file, NULL) == TENSORFILE_ARGUMENT);
    CHECK(tensorfile_lookup(f, "none", &tensor, NULL) == TENSORFILE_NOT_FOUND);
}

/* A number that is no handle of that kind, in every function that takes one. */
static void bad_file(tensorfile_file f) {
    tensorfile_file newer;
    tensorfile_tensor t;
    tensorfile_lease l;
    tensorfile_file_info info;
    tensorfile_generation *g;
    tensorfile_list list;
    const void *p;
    char *text;
    size_t n;
    int32_t ok;
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_refresh(f, &newer, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_check(f, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_describe_file(f, &info, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_file_attributes(f, &text, NULL, &err));
    CHECK(text == NULL);
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_generations(f, &g, &n, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_verify(f, NULL, &ok, &text, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_list_tensors(f, &list, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_lookup(f, "plain", &t, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_map_file(f, &l, &p, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_close(f, &err));
}

static void bad_tensor(tensorfile_tensor t) {
    tensorfile_tensor part;
    tensorfile_lease l;
    tensorfile_list list;
    const tensorfile_info *info;
    const void *p;
    char *text;
    uint8_t hash[32];
    int64_t row = 0;
    tensorfile_array a = {0};
    tensorfile_dtype d = {0};
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_part(t, "values", &part, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_list_parts(t, &list, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_check_parts(t, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_describe(t, &info, &err));
    CHECK(info == NULL);
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_attributes(t, &text, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_dim(t, 0, &text, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_hash(t, hash, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_map(t, &l, &p, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_read(t, NULL, grid, sizeof grid, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_read_into(t, NULL, &a, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_read_rows(t, &row, 1, grid, 44, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_dequantise(t, &d, NULL, grid, 4, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_release_tensor(t, &err));
}

static void bad_writer(tensorfile_writer w) {
    tensorfile_array a = {0};
    tensorfile_composite c = {0};
    uint64_t s;
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write(w, "x", &a, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write_storage(w, "x", 1, &s, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write_on(w, 1, 0, "x", &a, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write_composite(w, "x", &c, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write_from(w, 1, NULL, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_append(w, "x", &a, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_append_composite(w, "x", &c, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_write_region(w, "x", NULL, &a, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_shrink(w, "x", 1, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_remove(w, "x", &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_rename(w, "x", "y", &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_copy(w, "x", "y", &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_set_attributes(w, NULL, "{}", &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_revert(w, 1, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_commit(w, &err));
    FAILS(TENSORFILE_HANDLE, "want a writer", tensorfile_close_writer(w, &err));
}

static void test_handles(const char *path) {
    tensorfile_file f, again;
    tensorfile_writer w;
    tensorfile_lease l;
    const void *p;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "plain");
    OK(tensorfile_map(t, &l, &p, &err));
    OK(tensorfile_create(path_in(work, "never"), NULL, &w, &err));
    const uint64_t none[] = {0, 1, UINT32_MAX, UINT64_MAX, f + (1ull << 32), 12345ull << 32};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        bad_file(none[i]), bad_tensor(none[i]), bad_writer(none[i]);
        FAILS(TENSORFILE_HANDLE, "want a lease", tensorfile_release_lease(none[i], &err));
    }
    bad_file(t), bad_file(l), bad_file(w);
    bad_tensor(f), bad_tensor(l), bad_tensor(w);
    bad_writer(f), bad_writer(t), bad_writer(l);
    FAILS(TENSORFILE_HANDLE, "a file, want a lease", tensorfile_release_lease(f, &err));
    FAILS(TENSORFILE_HANDLE, "a writer, want a lease", tensorfile_release_lease(w, &err));
    FAILS(TENSORFILE_HANDLE, "want a tensor", tensorfile_write_from(w, f, NULL, NULL, &err));
    OK(tensorfile_release_lease(l, &err));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    OK(tensorfile_close_writer(w, &err));
    bad_file(f), bad_tensor(t), bad_writer(w);
    FAILS(TENSORFILE_HANDLE, "want a lease", tensorfile_release_lease(l, &err));
    /* Their places are used again; the old numbers stay invalid. */
    for (int i = 0; i < 1000; i++) {
        OK(tensorfile_open(path, NULL, &again, &err));
        CHECK(again != f);
        bad_file(f);
        OK(tensorfile_close(again, &err));
    }
    struct stat st;
    CHECK(stat(path_in(work, "never"), &st) != 0);
}

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

/* Every other byte of files with all layouts and with chunks, turned over one at a
 * time: errors or elements, never a crash, nor a byte beyond what was asked for. */
static void test_hostile(void) {
    const char *const names[] = {"accept/composites-chunks.tensor", "accept/chunks-grown.tensor"};
    int opened = 0, refused = 0;
    for (int k = 0; k < 2; k++) {
        size_t size;
        char *b = slurp(path_in(testdata, names[k]), &size);
        for (size_t i = mix((uint64_t)k) % 16; i < size; i += size / 400) {
            char keep = b[i];
            b[i] = (char)~keep;
            tensorfile_file f;
            tensorfile_list list;
            if (tensorfile_open_memory(b, size, NULL, &f, &err)) {
                refused++;
            } else {
                opened++;
                tensorfile_list_tensors(f, &list, &err);
                for (size_t n = 0; n < list.count; n++) {
                    const tensorfile_info *in = &list.items[n];
                    tensorfile_tensor t;
                    if (tensorfile_lookup(f, in->name, &t, &err)) continue;
                    tensorfile_check_parts(t, &err);
                    if (in->layout == TENSORFILE_DENSE && in->nbytes < 1 << 20) {
                        char *dst = malloc((size_t)in->nbytes + 1);
                        dst[in->nbytes] = 77;
                        tensorfile_read(t, NULL, dst, (size_t)in->nbytes, &err);
                        CHECK(dst[in->nbytes] == 77);
                        free(dst);
                    }
                    OK(tensorfile_release_tensor(t, &err));
                }
                tensorfile_list_free(&list);
                int32_t ok;
                tensorfile_verify(f, NULL, &ok, NULL, NULL, &err);
                OK(tensorfile_close(f, &err));
            }
            b[i] = keep;
        }
        free(b);
    }
    CHECK(opened > 0 && refused > 0 && opened + refused >= 800);
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

/* A file that is cut short under its mapping. */
static void test_fault(void) {
    const char *path = path_in(work, "cut.tensor");
    tensorfile_writer w;
    size_t n = 1 << 20;
    int64_t shape[1] = {(int64_t)n};
    uint32_t *x = malloc(4 * n), *y = malloc(4 * n);
    for (size_t i = 0; i < n; i++) x[i] = (uint32_t)mix(i);
    tensorfile_array a = array1("u32", shape, x);
    OK(tensorfile_create(path, NULL, &w, &err));
    OK(tensorfile_write(w, "x", &a, NULL, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));
    tensorfile_file f;
    tensorfile_lease l;
    const void *p;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "x");
    OK(tensorfile_map(t, &l, &p, &err));
    OK(tensorfile_read(t, NULL, y, 4 * n, &err));
    CHECK(!memcmp(x, y, 4 * n));
    CHECK(truncate(path, 1 << 20) == 0);
    /* Every call that goes through the library says so, and lives. */
    uint8_t hash[32];
    int32_t ok;
    int64_t row = (int64_t)n - 1;
    for (int i = 0; i < 3; i++) {
        FAILS(TENSORFILE_CHANGED, "x", tensorfile_read(t, NULL, y, 4 * n, &err));
        CHECK(err.offset > 0);
        FAILS(TENSORFILE_CHANGED, "", tensorfile_read_rows(t, &row, 1, y, 4, &err));
        CHECK(tensorfile_hash(t, hash, &err) == TENSORFILE_CHANGED);
        CHECK(tensorfile_verify(f, NULL, &ok, NULL, NULL, &err) != 0 || ok == 0);
        FAILS(TENSORFILE_CHANGED, "", tensorfile_check(f, &err));
    }
    OK(tensorfile_read_rows(t, (int64_t[]){0, 100}, 2, y, 8, &err));
    CHECK(y[0] == x[0] && y[1] == x[100]);
    OK(tensorfile_release_lease(l, &err));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    free(x), free(y);
}

/* The child of a fork. */
static void test_fork(const char *path) {
    tensorfile_file f;
    tensorfile_lease l;
    const void *p;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "plain");
    OK(tensorfile_map(t, &l, &p, &err));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        checks = failures = 0;
        tensorfile_file g = 5;
        tensorfile_dtype d;
        char *text;
        alarm(20);
        CHECK(!memcmp(p, grid, sizeof grid)); /* leased memory stays readable */
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_open(path, NULL, &g, &err));
        CHECK(g == 0 && err.offset == -1);
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_read(t, NULL, grid, sizeof grid, &err));
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_attributes(t, &text, NULL, &err));
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_release_lease(l, &err));
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_release_tensor(t, &err));
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_close(f, &err));
        FAILS(TENSORFILE_FORKED, "forked", tensorfile_dtype_parse("f32", &d, &err));
        CHECK(tensorfile_open(path, NULL, &g, NULL) == TENSORFILE_FORKED);
        CHECK(tensorfile_abi_version() == 1 && !strcmp(tensorfile_kind_name(TENSORFILE_FORKED), "forked") && tensorfile_version() && tensorfile_formats());
        _exit(failures ? 1 : 0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* The parent goes on. */
    OK(tensorfile_read(t, NULL, grid, sizeof grid, &err));
    CHECK(!memcmp(p, grid, sizeof grid));
    CHECK(system("exit 7") == 7 << 8); /* fork and exec */
    OK(tensorfile_release_lease(l, &err));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    testdata = argv[1], work = argv[2];
    const char *sample = path_in(work, "sample.tensor");
    char path[4096];
    snprintf(path, sizeof path, "%s", sample);
    test_library();
    write_sample(path);
    tensorfile_file f;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "plain");
    test_null(f, t);
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    test_handles(path);
    test_open(path);
    test_describe(path);
    test_map(path);
    test_read(path);
    test_write();
    test_edit();
    test_composites();
    test_sources();
    test_hostile();
    test_blocks();
    test_fault();
    test_fork(path);
    return finish("interface");
}
