/* Writes a sparse matrix and multiplies it by a vector: sparse FILE. */
#include <stdio.h>
#include <tensorfile.h>

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

    /* [[0 5 0 0]
     *  [0 0 0 0]
     *  [7 0 0 -2]] */
    int32_t indptr[4] = {0, 1, 1, 3}, indices[3] = {1, 0, 3};
    double values[3] = {5, 7, -2};
    int64_t shape[2] = {3, 4}, rows[1] = {4}, entries[1] = {3};
    tensorfile_array pointers = {.rank = 1, .shape = rows, .data = indptr};
    tensorfile_array columns = {.rank = 1, .shape = entries, .data = indices};
    tensorfile_array numbers = {.rank = 1, .shape = entries, .data = values};
    TRY(tensorfile_dtype_parse("i32", &pointers.dtype, &err));
    columns.dtype = pointers.dtype;
    TRY(tensorfile_dtype_parse("f64", &numbers.dtype, &err));
    tensorfile_composite_part parts[3] = {
        {.role = "indptr", .array = &pointers}, {.role = "indices", .array = &columns}, {.role = "values", .array = &numbers}};
    tensorfile_composite matrix = {.layout = TENSORFILE_CSR, .flags = TENSORFILE_SORTED | TENSORFILE_UNIQUE,
                                   .dtype = numbers.dtype, .rank = 2, .shape = shape, .count = 3, .parts = parts};
    tensorfile_writer writer;
    TRY(tensorfile_create(argv[1], NULL, &writer, &err));
    TRY(tensorfile_write_composite(writer, "matrix", &matrix, NULL, &err));
    TRY(tensorfile_commit(writer, &err));
    TRY(tensorfile_close_writer(writer, &err));

    tensorfile_file file;
    tensorfile_tensor m, p;
    int32_t ptr[4], idx[3];
    double val[3], x[4] = {1, 2, 3, 4};
    TRY(tensorfile_open(argv[1], NULL, &file, &err));
    TRY(tensorfile_lookup(file, "matrix", &m, &err));
    /* Indices of a stranger's file could lead anywhere; after this they cannot. */
    TRY(tensorfile_check_parts(m, &err));
    TRY(tensorfile_part(m, "indptr", &p, &err));
    TRY(tensorfile_read(p, NULL, ptr, sizeof ptr, &err));
    TRY(tensorfile_release_tensor(p, &err));
    TRY(tensorfile_part(m, "indices", &p, &err));
    TRY(tensorfile_read(p, NULL, idx, sizeof idx, &err));
    TRY(tensorfile_release_tensor(p, &err));
    TRY(tensorfile_part(m, "values", &p, &err));
    TRY(tensorfile_read(p, NULL, val, sizeof val, &err));
    TRY(tensorfile_release_tensor(p, &err));
    TRY(tensorfile_release_tensor(m, &err));
    TRY(tensorfile_close(file, &err));
    for (int row = 0; row < 3; row++) {
        double sum = 0;
        for (int32_t k = ptr[row]; k < ptr[row + 1]; k++) sum += val[k] * x[idx[k]];
        printf("%g\n", sum);
    }
    return 0;
}
