/* What the programs of the interface share: numbers, and a file of them. What is
 * expected is computed here, in C, from numbers that do not repeat. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static tensorfile_error err;
static const char *work, *testdata; /* folders: the second is read */

/* Numbers that do not repeat (splitmix64). */
static inline uint64_t mix(uint64_t i) {
    uint64_t z = i * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Of 12 bits, so that chunks become shorter. */
static inline float value(uint64_t i) { return (float)(mix(i) % 4096); }

enum { ROWS = 37, COLS = 11 };
static float grid[ROWS][COLS];

static inline tensorfile_array array2(const char *dtype, const int64_t *shape, void *data) {
    return (tensorfile_array){.dtype = dtype_of(dtype), .rank = 2, .shape = shape, .data = data};
}

static inline tensorfile_array array1(const char *dtype, const int64_t *shape, const void *data) {
    return (tensorfile_array){.dtype = dtype_of(dtype), .rank = 1, .shape = shape, .data = (void *)data};
}

/* Writes the file that most tests read. */
static inline void write_sample(const char *path) {
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

static inline tensorfile_tensor lookup(tensorfile_file f, const char *name) {
    tensorfile_tensor t;
    OK(tensorfile_lookup(f, name, &t, &err));
    return t;
}

/* Takes the arguments TESTDATA WORK and writes sample.tensor, whose path it returns. */
static inline const char *begin(int argc, char **argv) {
    static char path[4096];
    if (argc < 3) exit(2);
    testdata = argv[1], work = argv[2];
    snprintf(path, sizeof path, "%s/sample.tensor", work);
    remove(path); /* of another program */
    write_sample(path);
    return path;
}

#endif
