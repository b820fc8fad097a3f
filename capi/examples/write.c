/* Writes a file, then appends to it: write FILE. */
#include <stdio.h>
#include <tensorfile.h>

/* What to do about an error is the program's own affair; this one says it and ends. */
#define TRY(call)                                \
    do {                                         \
        if (call) {                              \
            fprintf(stderr, "%s\n", err.message); \
            return 1;                            \
        }                                        \
    } while (0)

int main(int argc, char **argv) {
    tensorfile_error err;
    if (argc != 2) return 2;

    float weight[3][4] = {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}};
    int64_t shape[2] = {3, 4};
    tensorfile_array array = {.rank = 2, .shape = shape, .data = weight};
    TRY(tensorfile_dtype_parse("f32", &array.dtype, &err));

    tensorfile_writer writer;
    TRY(tensorfile_create(argv[1], NULL, &writer, &err));
    const char *dims[2] = {"row", "column"};
    tensorfile_store named = {.size = sizeof named, .dims = dims, .attributes = "{\"unit\":\"m\"}"};
    TRY(tensorfile_write(writer, "weight", &array, &named, &err));
    /* In chunks, compressed, so that it can grow by rows. */
    int64_t chunk[2] = {2, 4};
    tensorfile_store chunks = {.size = sizeof chunks, .codec = "shuffle|zstd:3", .chunk = chunk};
    TRY(tensorfile_write(writer, "log", &array, &chunks, &err));
    TRY(tensorfile_commit(writer, &err)); /* now the file is there */
    TRY(tensorfile_close_writer(writer, &err));

    float more[1][4] = {{12, 13, 14, 15}};
    int64_t one[2] = {1, 4};
    tensorfile_array rows = {.dtype = array.dtype, .rank = 2, .shape = one, .data = more};
    TRY(tensorfile_edit(argv[1], NULL, &writer, &err));
    TRY(tensorfile_append(writer, "log", &rows, NULL, &err));
    TRY(tensorfile_commit(writer, &err)); /* and now its second generation */
    TRY(tensorfile_close_writer(writer, &err));
    return 0;
}
