/* Lists a file and reads from it: read FILE. */
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

    tensorfile_file file;
    TRY(tensorfile_open(argv[1], NULL, &file, &err));
    tensorfile_list list;
    TRY(tensorfile_list_tensors(file, &list, &err));
    for (size_t i = 0; i < list.count; i++) {
        const tensorfile_info *t = &list.items[i];
        printf("%s: %s", t->name, t->dtype_name);
        for (int axis = 0; axis < t->rank; axis++) printf(" %lld", (long long)t->shape[axis]);
        printf("%s%s\n", *t->codec ? ", " : "", t->codec);
    }
    tensorfile_list_free(&list);

    /* Plain bytes, where the system has mapped them. */
    tensorfile_tensor weight;
    tensorfile_lease lease;
    const void *data;
    TRY(tensorfile_lookup(file, "weight", &weight, &err));
    TRY(tensorfile_map(weight, &lease, &data, &err));
    const float *x = data;
    printf("weight[1][2] = %g\n", x[1 * 4 + 2]);
    TRY(tensorfile_release_lease(lease, &err)); /* x is good until here */
    TRY(tensorfile_release_tensor(weight, &err));

    /* A selection of anything, decoded into memory of our own: log[3:0:-2, 1:3]. */
    tensorfile_tensor log;
    float part[2][2];
    tensorfile_range ranges[2] = {{3, 0, -2}, {1, 3, 1}};
    TRY(tensorfile_lookup(file, "log", &log, &err));
    TRY(tensorfile_read(log, ranges, part, sizeof part, &err));
    printf("log[3:0:-2, 1:3] = %g %g %g %g\n", part[0][0], part[0][1], part[1][0], part[1][1]);
    TRY(tensorfile_release_tensor(log, &err));
    TRY(tensorfile_close(file, &err));

    /* The file as it was before the append. */
    tensorfile_open_options options = {.size = sizeof options, .generation = 1};
    const tensorfile_info *info;
    TRY(tensorfile_open(argv[1], &options, &file, &err));
    TRY(tensorfile_lookup(file, "log", &log, &err));
    TRY(tensorfile_describe(log, &info, &err));
    printf("log had %lld rows in generation 1\n", (long long)info->shape[0]);
    TRY(tensorfile_release_tensor(log, &err));
    TRY(tensorfile_close(file, &err));
    return 0;
}
