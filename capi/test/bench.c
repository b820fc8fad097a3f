/* What calls cost: bench FILE [ROUNDS], where FILE may be overwritten. The least of
 * some rounds, in nanoseconds a call; reads in GB/s. */
#include <time.h>

#include "check.h"

static tensorfile_error err;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define LEAST(what, calls, body)                                     \
    do {                                                             \
        double least = 1e300;                                        \
        for (int round = 0; round < rounds; round++) {               \
            double begin = now();                                    \
            for (int i = 0; i < (calls); i++) body;                  \
            double each = (now() - begin) / (calls);                 \
            if (each < least) least = each;                          \
        }                                                            \
        printf("%-40s %10.0f ns\n", what, least);                    \
    } while (0)

enum { NAMES = 1000, N = 1 << 23 };

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    float *x = malloc(4 * N), *y = malloc(4 * N);
    for (uint32_t i = 0; i < N; i++) x[i] = (float)((i * 2654435761u) >> 20); /* 12 bits */
    tensorfile_writer w;
    tensorfile_create_options o = {.size = sizeof o, .overwrite = 1, .no_sync = 1};
    int64_t small[1] = {16}, large[1] = {N};
    tensorfile_array a = {.dtype = dtype_of("f32"), .rank = 1, .shape = small, .data = x}, b = a;
    b.shape = large;
    tensorfile_store s = {.size = sizeof s, .codec = "shuffle|zstd:3"};
    OK(tensorfile_create(argv[1], &o, &w, &err));
    for (int i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d.weight", i);
        OK(tensorfile_write(w, name, &a, NULL, &err));
    }
    OK(tensorfile_write(w, "raw", &b, NULL, &err));
    OK(tensorfile_write(w, "chunked", &b, &s, &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));

    tensorfile_file f, g;
    tensorfile_tensor t, raw, chunked;
    tensorfile_lease l;
    tensorfile_list list;
    const tensorfile_info *info;
    const void *p;
    float one;
    tensorfile_range first[1] = {{5, 6, 1}};
    OK(tensorfile_open(argv[1], NULL, &f, &err));
    OK(tensorfile_lookup(f, "raw", &raw, &err));
    OK(tensorfile_lookup(f, "chunked", &chunked, &err));
    LEAST("describe again", 1000, tensorfile_describe(raw, &info, &err));
    LEAST("open and close", 100, {
        tensorfile_open(argv[1], NULL, &g, &err);
        tensorfile_close(g, &err);
    });
    LEAST("look up and release", 1000, {
        tensorfile_lookup(f, "layers.500.weight", &t, &err);
        tensorfile_release_tensor(t, &err);
    });
    LEAST("look up, describe and release", 1000, {
        tensorfile_lookup(f, "layers.500.weight", &t, &err);
        tensorfile_describe(t, &info, &err);
        tensorfile_release_tensor(t, &err);
    });
    LEAST("map and release", 1000, {
        tensorfile_map(raw, &l, &p, &err);
        tensorfile_release_lease(l, &err);
    });
    LEAST("read one element", 1000, tensorfile_read(raw, first, &one, 4, &err));
    LEAST("list and free 1002 tensors", 10, {
        tensorfile_list_tensors(f, &list, &err);
        tensorfile_list_free(&list);
    });
    CHECK(one == x[5]);
    for (int k = 0; k < 2; k++) {
        double least = 1e300;
        for (int round = 0; round < (rounds + 3) / 4; round++) {
            double begin = now();
            OK(tensorfile_read(k ? chunked : raw, NULL, y, 4 * N, &err));
            double took = now() - begin;
            if (took < least) least = took;
        }
        CHECK(!memcmp(x, y, 4 * N));
        printf("%-40s %10.2f GB/s\n", k ? "read 32 MiB of shuffle|zstd:3" : "read 32 MiB of plain bytes", 4.0 * N / least);
    }
    OK(tensorfile_release_tensor(raw, &err));
    OK(tensorfile_release_tensor(chunked, &err));
    OK(tensorfile_close(f, &err));
    free(x), free(y);
    return finish("bench");
}
