/* Repacking and recovering: rewrite TESTDATA WORK. */
#include "sample.h"

/* Adds a generation in which "plain" is another tensor and "scalar" is gone. */
static void edit(const char *path) {
    tensorfile_writer w;
    int64_t shape[1] = {3};
    int16_t x[3] = {-300, 7, 29001};
    tensorfile_array a = array1("i16", shape, x);
    tensorfile_store s = {.size = sizeof s, .replace = 1};
    OK(tensorfile_edit(path, NULL, &w, &err));
    OK(tensorfile_write(w, "plain", &a, &s, &err));
    OK(tensorfile_remove(w, "scalar", &err));
    OK(tensorfile_commit(w, &err));
    OK(tensorfile_close_writer(w, &err));
}

static int64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

/* What the generation of a file holds. */
static void holds(const char *path, uint64_t generation, int tensors, int edited) {
    tensorfile_file f;
    tensorfile_file_info info;
    tensorfile_open_options o = {.size = sizeof o, .generation = generation};
    OK(tensorfile_open(path, &o, &f, &err));
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK(info.generation == generation && info.tensors == tensors);
    tensorfile_tensor c = lookup(f, "chunked"), t = lookup(f, "plain");
    static float got[ROWS][COLS];
    OK(tensorfile_read(c, NULL, got, sizeof got, &err));
    CHECK(!memcmp(got, grid, sizeof grid));
    if (edited) {
        int16_t x[3];
        OK(tensorfile_read(t, NULL, x, sizeof x, &err));
        CHECK(x[0] == -300 && x[1] == 7 && x[2] == 29001);
    } else {
        OK(tensorfile_read(t, NULL, got, sizeof got, &err));
        CHECK(!memcmp(got, grid, sizeof grid));
    }
    int32_t ok;
    OK(tensorfile_verify(f, NULL, &ok, NULL, NULL, &err));
    CHECK(ok);
    OK(tensorfile_release_tensor(c, &err));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
}

static void test_repack(void) {
    char path[4096], to[4096];
    snprintf(path, sizeof path, "%s/history.tensor", work);
    snprintf(to, sizeof to, "%s/repacked.tensor", work);
    write_sample(path);
    edit(path);
    tensorfile_file f, old;
    char *json;
    size_t n;
    OK(tensorfile_open(path, NULL, &f, &err));
    OK(tensorfile_repack(f, to, NULL, &json, &n, &err));
    CHECK(n == strlen(json) && strstr(json, "\"generations\":[2]") && strstr(json, "\"tensors\":8,") && strstr(json, "\"in_place\":false"));
    char want[64];
    snprintf(want, sizeof want, "\"before\":%" PRId64 ",\"after\":%" PRId64 ",", size_of(path), size_of(to));
    CHECK(strstr(json, want) && size_of(to) < size_of(path));
    tensorfile_free(json);
    holds(to, 2, 8, 1);
    FAILS(TENSORFILE_EXISTS, "", tensorfile_repack(f, to, NULL, NULL, NULL, &err));
    uint64_t keep[2] = {1, 7};
    tensorfile_repack_options o = {.size = sizeof o, .overwrite = 1, .keep = keep, .keep_count = 2};
    FAILS(TENSORFILE_NOT_FOUND, "7", tensorfile_repack(f, to, &o, &json, NULL, &err));
    CHECK(json == NULL);
    holds(to, 2, 8, 1);
    o.keep_count = 1;
    OK(tensorfile_repack(f, to, &o, &json, NULL, &err));
    CHECK(strstr(json, "\"generations\":[1,2]"));
    tensorfile_free(json);
    holds(to, 1, 9, 0);
    o = (tensorfile_repack_options){.size = sizeof o, .overwrite = 1, .keep_all = 1};
    OK(tensorfile_repack(f, to, &o, &json, NULL, &err));
    CHECK(strstr(json, "\"generations\":[1,2]"));
    tensorfile_free(json);
    o = (tensorfile_repack_options){.size = sizeof o, .keep_count = 1};
    FAILS(TENSORFILE_ARGUMENT, "keep is NULL", tensorfile_repack(f, to, &o, NULL, NULL, &err));
    o = (tensorfile_repack_options){.size = sizeof o, .wait_ms = -1};
    FAILS(TENSORFILE_ARGUMENT, "wait", tensorfile_repack(f, to, &o, NULL, NULL, &err));
    /* In place: a reader keeps what it has, a writer is in the way, so is an older view. */
    tensorfile_writer w;
    OK(tensorfile_edit(path, NULL, &w, &err));
    FAILS(TENSORFILE_LOCKED, "", tensorfile_repack(f, path, NULL, NULL, NULL, &err));
    OK(tensorfile_close_writer(w, &err));
    tensorfile_open_options first = {.size = sizeof first, .generation = 1};
    OK(tensorfile_open(path, &first, &old, &err));
    FAILS(TENSORFILE_UNSUPPORTED, "newest", tensorfile_repack(old, path, NULL, NULL, NULL, &err));
    int64_t before = size_of(path);
    OK(tensorfile_repack(f, path, NULL, &json, NULL, &err));
    CHECK(strstr(json, "\"in_place\":true") && size_of(path) < before);
    tensorfile_free(json);
    holds(path, 2, 8, 1);
    tensorfile_tensor t = lookup(old, "plain");
    static float got[ROWS][COLS];
    OK(tensorfile_read(t, NULL, got, sizeof got, &err));
    CHECK(!memcmp(got, grid, sizeof grid));
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(old, &err));
    OK(tensorfile_close(f, &err));
}

/* Writes bytes over those of a file. */
static void damage(const char *path, int64_t offset, size_t n) {
    static const char junk[4096] = {'j', 'u', 'n', 'k'};
    FILE *f = fopen(path, "r+b");
    CHECK(f && n <= sizeof junk && fseek(f, (long)offset, SEEK_SET) == 0 && fwrite(junk, 1, n, f) == n && fclose(f) == 0);
}

static void test_recover(void) {
    char path[4096], to[4096];
    snprintf(path, sizeof path, "%s/damaged.tensor", work);
    snprintf(to, sizeof to, "%s/recovered.tensor", work);
    write_sample(path);
    tensorfile_file f;
    const tensorfile_info *in;
    OK(tensorfile_open(path, NULL, &f, &err));
    tensorfile_tensor t = lookup(f, "view");
    OK(tensorfile_describe(t, &in, &err));
    int64_t lost = in->offset;
    OK(tensorfile_release_tensor(t, &err));
    OK(tensorfile_close(f, &err));
    for (int i = 0; i < 3; i++) damage(path, 4096 * i, 4096); /* header and root records */
    CHECK(tensorfile_open(path, NULL, &f, &err) != 0);
    int32_t whole;
    char *json;
    size_t n;
    OK(tensorfile_recover(path, NULL, NULL, &whole, &json, &n, &err));
    CHECK(whole == 1 && n == strlen(json) && strstr(json, "\"tensors\":9,") && strstr(json, "\"lost\":[]") && strstr(json, "\"kind\":"));
    CHECK(size_of(to) == -1);
    tensorfile_free(json);
    OK(tensorfile_recover(path, to, NULL, &whole, NULL, NULL, &err));
    CHECK(whole == 1);
    holds(to, 1, 9, 0);
    FAILS(TENSORFILE_EXISTS, "", tensorfile_recover(path, to, NULL, &whole, &json, NULL, &err));
    CHECK(json == NULL && whole == 0);
    FAILS(TENSORFILE_PATH, "damaged", tensorfile_recover(path, path, NULL, &whole, NULL, NULL, &err));
    /* A payload, too: its tensor is lost, and said to be. */
    damage(path, lost, 4);
    tensorfile_recover_options o = {.size = sizeof o, .overwrite = 1, .no_sync = 1};
    OK(tensorfile_recover(path, to, &o, &whole, &json, NULL, &err));
    CHECK(whole == 0 && strstr(json, "\"tensors\":8,") && strstr(json, "\"lost\":[{\"name\":\"view\",") && strstr(json, "\"rule\":\"storage.crc\""));
    tensorfile_free(json);
    holds(to, 1, 8, 0);
    FAILS(TENSORFILE_NOT_FOUND, "", tensorfile_recover(path_in(work, "none"), to, NULL, &whole, NULL, NULL, &err));
    CHECK(tensorfile_recover(path_in(testdata, "tour/model.npz"), to, &o, &whole, NULL, NULL, &err) == TENSORFILE_CORRUPT);
    holds(to, 1, 8, 0);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    test_repack();
    test_recover();
    return finish("rewrite");
}
