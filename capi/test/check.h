/* A small harness: checks that count, and go on. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorfile.h"

static int checks, failures;

#define CHECK(cond)                                                       \
    do {                                                                  \
        __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);                 \
        if (!(cond)) {                                                    \
            __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);    \
        }                                                                 \
    } while (0)

/* A call that succeeds. */
#define OK(call)                                                                          \
    do {                                                                                  \
        __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);                                 \
        int32_t kind_ = (call);                                                           \
        if (kind_ != 0 || err.kind != 0 || err.message[0] != 0 || err.offset != -1) {     \
            __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);                           \
            fprintf(stderr, "%s:%d: %s: kind %d, %s\n", __FILE__, __LINE__, #call, kind_, err.message); \
        }                                                                                 \
    } while (0)

/* A call that fails with this kind and has this text in its message. */
#define FAILS(want, part, call)                                                           \
    do {                                                                                  \
        __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);                                 \
        int32_t kind_ = (call);                                                           \
        if (kind_ != (want) || err.kind != (want) || !strstr(err.message, (part))) {      \
            __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);                           \
            fprintf(stderr, "%s:%d: %s: kind %d (%s), want %d with %s\n", __FILE__, __LINE__, #call, kind_, \
                    err.message, (want), (part));                                         \
        }                                                                                 \
    } while (0)

static inline int finish(const char *name) {
    printf("%s: %d checks, %d failed\n", name, checks, failures);
    return failures != 0;
}

/* The path of a file in a folder; good until the next but seven. */
static inline const char *path_in(const char *dir, const char *name) {
    static _Thread_local char room[8][4096];
    static _Thread_local int next;
    char *p = room[next++ % 8];
    snprintf(p, sizeof room[0], "%s/%s", dir, name);
    return p;
}

/* All bytes of a file, and a NUL. */
static inline char *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *b = malloc((size_t)n + 1);
    if (fread(b, 1, (size_t)n, f) != (size_t)n) {
        perror(path);
        exit(2);
    }
    fclose(f);
    b[n] = 0;
    if (size) *size = (size_t)n;
    return b;
}

static inline tensorfile_dtype dtype_of(const char *name) {
    tensorfile_dtype d;
    tensorfile_error err;
    if (tensorfile_dtype_parse(name, &d, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
    return d;
}

#endif
