/* Mistakes that the sanitizer or valgrind must find, or the runs that find nothing
 * say nothing: caught FILE overrun|after|leak. */
#include "check.h"

int main(int argc, char **argv) {
    tensorfile_error err;
    tensorfile_file f;
    tensorfile_tensor t;
    tensorfile_list list;
    if (argc < 3) return 2;
    OK(tensorfile_open(argv[1], NULL, &f, &err));
    OK(tensorfile_lookup(f, "plain", &t, &err));
    if (!strcmp(argv[2], "overrun")) { /* the library writes where the caller said that there is room */
        char *dst = malloc(1000);
        OK(tensorfile_read(t, NULL, dst, 37 * 11 * 4, &err));
        free(dst);
    } else if (!strcmp(argv[2], "after")) { /* a description after its tensor */
        const tensorfile_info *info;
        OK(tensorfile_describe(t, &info, &err));
        OK(tensorfile_release_tensor(t, &err));
        printf("%d\n", info->rank);
    } else if (!strcmp(argv[2], "leak")) { /* a list that nobody frees */
        OK(tensorfile_list_tensors(f, &list, &err));
        memset(&list, 0, sizeof list);
    }
    OK(tensorfile_close(f, &err));
    return finish("caught");
}
