/* Many threads on the same handles: threads FILE, as sample.h writes it. Readers
 * compare every element while others close, release and open. */
#include <pthread.h>

#include "check.h"

enum { READERS = 8, ROUNDS = 300, ROWS = 37, COLS = 11 };
static const char *path;
static float grid[ROWS][COLS];
static _Atomic uint64_t shared_file, shared_tensor;
static _Atomic int stop;

static uint64_t mix(uint64_t i) {
    uint64_t z = i * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* What a call on a handle that somebody may close just now says. */
static int late(int32_t kind) { return kind == TENSORFILE_HANDLE || kind == TENSORFILE_CLOSED; }

static void *reader(void *arg) {
    tensorfile_error err;
    uint64_t seed = (uint64_t)(uintptr_t)arg << 32;
    float all[ROWS][COLS], some[4][COLS];
    int good = 0;
    for (int i = 0; i < ROUNDS; i++) {
        tensorfile_tensor t = shared_tensor;
        int32_t kind = tensorfile_read(t, NULL, all, sizeof all, &err);
        CHECK(kind == 0 || late(kind));
        if (!kind) {
            CHECK(!memcmp(all, grid, sizeof grid));
            good++;
        }
        int64_t rows[4];
        for (int k = 0; k < 4; k++) rows[k] = (int64_t)(mix(seed++) % ROWS);
        kind = tensorfile_read_rows(t, rows, 4, some, sizeof some, &err);
        CHECK(kind == 0 || late(kind));
        for (int k = 0; k < 4 && !kind; k++) CHECK(!memcmp(some[k], grid[rows[k]], sizeof some[k]));
        tensorfile_lease l;
        const void *p;
        tensorfile_tensor own;
        tensorfile_list list;
        if (tensorfile_lookup(shared_file, "plain", &own, &err) == 0) {
            const tensorfile_info *info;
            OK(tensorfile_describe(own, &info, &err));
            CHECK(info->shape[0] == ROWS && !strcmp(info->name, "plain"));
            kind = tensorfile_map(own, &l, &p, &err);
            CHECK(kind == 0 || late(kind));
            if (!kind) {
                CHECK(!memcmp(p, grid, sizeof grid)); /* whoever closes the file meanwhile */
                OK(tensorfile_release_lease(l, &err));
            }
            OK(tensorfile_release_tensor(own, &err));
        } else {
            CHECK(late(err.kind));
        }
        if (tensorfile_list_tensors(shared_file, &list, &err) == 0) {
            CHECK(list.count == 9 && !strcmp(list.items[8].name, "view"));
            tensorfile_list_free(&list);
        } else {
            CHECK(late(err.kind));
        }
    }
    CHECK(good > 0);
    return NULL;
}

static void *changer(void *arg) {
    (void)arg;
    tensorfile_error err;
    while (!stop) {
        tensorfile_file f, old = shared_file;
        tensorfile_tensor t, before = shared_tensor;
        OK(tensorfile_open(path, NULL, &f, &err));
        OK(tensorfile_lookup(f, "chunked", &t, &err));
        shared_file = f;
        shared_tensor = t;
        OK(tensorfile_close(old, &err));
        OK(tensorfile_release_tensor(before, &err));
    }
    return NULL;
}

/* One writer for all: calls take turns, and each name is written once. */
static tensorfile_writer writer;

static void *author(void *arg) {
    tensorfile_error err;
    int64_t shape[2] = {ROWS, COLS};
    tensorfile_array a = {.dtype = dtype_of("f32"), .rank = 2, .shape = shape, .data = grid};
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.%d", (int)(uintptr_t)arg, i);
        OK(tensorfile_write(writer, name, &a, NULL, &err));
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    path = argv[1];
    for (int i = 0; i < ROWS * COLS; i++) grid[i / COLS][i % COLS] = (float)(mix((uint64_t)i) % 4096);
    tensorfile_error err;
    tensorfile_file f;
    tensorfile_tensor t;
    OK(tensorfile_open(path, NULL, &f, &err));
    OK(tensorfile_lookup(f, "chunked", &t, &err));
    shared_file = f;
    shared_tensor = t;
    pthread_t threads[READERS], other;
    pthread_create(&other, NULL, changer, NULL);
    for (intptr_t i = 0; i < READERS; i++) pthread_create(&threads[i], NULL, reader, (void *)i);
    for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    stop = 1;
    pthread_join(other, NULL);
    OK(tensorfile_close(shared_file, &err));
    OK(tensorfile_release_tensor(shared_tensor, &err));

    char out[4096];
    snprintf(out, sizeof out, "%s.threads", path);
    tensorfile_create_options o = {.size = sizeof o, .overwrite = 1};
    OK(tensorfile_create(out, &o, &writer, &err));
    for (intptr_t i = 0; i < READERS; i++) pthread_create(&threads[i], NULL, author, (void *)i);
    for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    OK(tensorfile_commit(writer, &err));
    OK(tensorfile_close_writer(writer, &err));
    tensorfile_file_info info;
    int32_t ok;
    OK(tensorfile_open(out, NULL, &f, &err));
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(info.tensors == 20 * READERS);
    OK(tensorfile_verify(f, NULL, &ok, NULL, NULL, &err));
    CHECK(ok == 1);
    OK(tensorfile_close(f, &err));
    return finish("threads");
}
