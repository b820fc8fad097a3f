/* What others do to a file and to the process: trouble TESTDATA WORK. Bytes that were
 * changed, a file that is cut short under its mapping, a fork. */
#include <sys/wait.h>

#include "sample.h"

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
    const char *path = begin(argc, argv);
    test_hostile();
    test_fault();
    test_fork(path);
    return finish("trouble");
}
