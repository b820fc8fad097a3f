/* A file by ranges over HTTP is the file on disk: remote ADDRESS FILE. */
#include "check.h"

int main(int argc, char **argv) {
    tensorfile_error err;
    if (argc < 3) return 2;
    tensorfile_file a, b;
    tensorfile_list list;
    OK(tensorfile_open_url(argv[1], NULL, &a, &err));
    OK(tensorfile_open(argv[2], NULL, &b, &err));
    OK(tensorfile_list_tensors(b, &list, &err));
    for (size_t i = 0; i < list.count; i++) {
        tensorfile_tensor x, y;
        tensorfile_lease l;
        const void *p;
        size_t n = (size_t)list.items[i].nbytes;
        char *at = malloc(n + 1), *here = malloc(n + 1);
        OK(tensorfile_lookup(a, list.items[i].name, &x, &err));
        OK(tensorfile_lookup(b, list.items[i].name, &y, &err));
        OK(tensorfile_read(x, NULL, at, n, &err));
        OK(tensorfile_read(y, NULL, here, n, &err));
        CHECK(!memcmp(at, here, n));
        if (n > 0 && list.items[i].storage_kind == TENSORFILE_RAW) FAILS(TENSORFILE_NOT_MAPPED, "", tensorfile_map(x, &l, &p, &err));
        OK(tensorfile_release_tensor(x, &err));
        OK(tensorfile_release_tensor(y, &err));
        free(at);
        free(here);
    }
    CHECK(list.count == 9);
    tensorfile_list_free(&list);
    OK(tensorfile_close(a, &err));
    OK(tensorfile_close(b, &err));
    char none[4096];
    snprintf(none, sizeof none, "%s.none", argv[1]);
    CHECK(tensorfile_open_url(none, NULL, &a, &err) != 0 && a == 0 && strstr(err.message, "404"));
    return finish("remote");
}
