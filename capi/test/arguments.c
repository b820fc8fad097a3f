/* What calls say of what they are given: arguments TESTDATA WORK. The library's words,
 * every pointer that is missing, every handle that is none. */
#include "sample.h"

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
    char *text;
    int32_t whole;
    tensorfile_list list;
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
    FAILS(TENSORFILE_ARGUMENT, "name is NULL", tensorfile_list_named(f, NULL, &list, &err));
    FAILS(TENSORFILE_ARGUMENT, "list is NULL", tensorfile_list_named(f, "plain", NULL, &err));
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
    FAILS(TENSORFILE_ARGUMENT, "path is NULL", tensorfile_repack(f, NULL, NULL, &text, NULL, &err));
    CHECK(text == NULL);
    FAILS(TENSORFILE_ARGUMENT, "path is NULL", tensorfile_recover(NULL, "x", NULL, &whole, NULL, NULL, &err));
    FAILS(TENSORFILE_ARGUMENT, "whole is NULL", tensorfile_recover("x", "y", NULL, NULL, NULL, NULL, &err));
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
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_list_named(f, "plain", &list, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_map_file(f, &l, &p, NULL, &err));
    FAILS(TENSORFILE_HANDLE, "want a file", tensorfile_repack(f, "x", NULL, &text, NULL, &err));
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

int main(int argc, char **argv) {
    const char *path = begin(argc, argv);
    tensorfile_file f;
    test_library();
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "plain");
    test_null(f, t);
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    test_handles(path);
    return finish("arguments");
}
