/* What loading the library does to signals: signals LIBRARY FILE, where FILE may be
 * overwritten. The library is loaded while the program runs, as Python and Ruby do. */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tensorfile_error err;
static const char *file;
static volatile sig_atomic_t seen;

/* The functions of the library, which is not linked. */
static struct {
    int32_t (*dtype_parse)(const char *, tensorfile_dtype *, tensorfile_error *);
    int32_t (*open)(const char *, const tensorfile_open_options *, tensorfile_file *, tensorfile_error *);
    int32_t (*lookup)(tensorfile_file, const char *, tensorfile_tensor *, tensorfile_error *);
    int32_t (*map)(tensorfile_tensor, tensorfile_lease *, const void **, tensorfile_error *);
    int32_t (*read)(tensorfile_tensor, const tensorfile_range *, void *, size_t, tensorfile_error *);
    int32_t (*create)(const char *, const tensorfile_create_options *, tensorfile_writer *, tensorfile_error *);
    int32_t (*write)(tensorfile_writer, const char *, const tensorfile_array *, const tensorfile_store *, tensorfile_error *);
    int32_t (*commit)(tensorfile_writer, tensorfile_error *);
    int32_t (*close_writer)(tensorfile_writer, tensorfile_error *);
} lib;

static void *load(const char *path) {
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
#define GET(name) *(void **)&lib.name = dlsym(so, "tensorfile_" #name)
    GET(dtype_parse), GET(open), GET(lookup), GET(map), GET(read), GET(create), GET(write), GET(commit), GET(close_writer);
    CHECK(lib.dtype_parse && lib.open && lib.lookup && lib.map && lib.read && lib.create && lib.write && lib.commit && lib.close_writer);
    CHECK(dlsym(so, "tfgo_open") == NULL && dlsym(so, "crosscall2") == NULL);
    return so;
}

enum { N = 1 << 18 };

/* Writes N numbers, maps them, and cuts the file to its first pages. */
static tensorfile_tensor cut_file(const void **data) {
    static uint32_t x[N];
    for (uint32_t i = 0; i < N; i++) x[i] = i * 2654435761u;
    tensorfile_create_options o = {.size = sizeof o, .overwrite = 1};
    tensorfile_writer w;
    int64_t shape[1] = {N};
    tensorfile_array a = {.rank = 1, .shape = shape, .data = x};
    OK(lib.dtype_parse("u32", &a.dtype, &err));
    OK(lib.create(file, &o, &w, &err));
    OK(lib.write(w, "x", &a, NULL, &err));
    OK(lib.commit(w, &err));
    OK(lib.close_writer(w, &err));
    tensorfile_file f;
    tensorfile_tensor t;
    tensorfile_lease l;
    OK(lib.open(file, NULL, &f, &err));
    OK(lib.lookup(f, "x", &t, &err));
    OK(lib.map(t, &l, data, &err));
    CHECK(truncate(file, 16384) == 0);
    return t;
}

static void must_change(tensorfile_tensor t) {
    static uint32_t y[N];
    FAILS(TENSORFILE_CHANGED, "x", lib.read(t, NULL, y, sizeof y, &err));
}

static sigjmp_buf back;
static void jump(int sig) {
    seen = sig;
    siglongjmp(back, 1);
}

static struct sigaction previous;
static void hand_on(int sig, siginfo_t *info, void *context) {
    seen++;
    if (previous.sa_flags & SA_SIGINFO) previous.sa_sigaction(sig, info, context);
}

/* Runs one case in a process of its own, in which nothing was loaded before. */
static int alone(void (*f)(const char *), const char *so) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        checks = failures = 0;
        alarm(60);
        f(so);
        fflush(NULL);
        _exit(failures != 0);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}

/* Which handlers loading installs: those of faults, SIGPIPE and SIGURG, which Go uses
 * among its threads, on the alternate stack. */
static void handlers(const char *so) {
    struct sigaction before[65], after;
    for (int s = 1; s < 65; s++) sigaction(s, NULL, &before[s]);
    load(so);
    const void *p;
    must_change(cut_file(&p));
    char list[512] = "";
    for (int s = 1; s < 65; s++) {
        if (sigaction(s, NULL, &after) || !memcmp(&after.sa_handler, &before[s].sa_handler, sizeof after.sa_handler)) continue;
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", sigabbrev_np(s) ? sigabbrev_np(s) : "?");
        CHECK(s == SIGBUS || s == SIGFPE || s == SIGSEGV || s == SIGPIPE || s == SIGURG);
        CHECK(after.sa_flags & SA_ONSTACK);
    }
    printf("signals: loading installs handlers for%s\n", list);
    CHECK(strstr(list, "BUS") && strstr(list, "SEGV"));
}

/* A raw pointer to what is gone ends the program as without the library. */
static void raw(const char *so) {
    load(so);
    const void *p;
    cut_file(&p);
    printf("%u", ((const volatile uint32_t *)p)[N - 1]);
}

/* A handler that was there before the library gets faults of the program's own. */
static void before(const char *so) {
    struct sigaction a = {.sa_handler = jump, .sa_flags = SA_ONSTACK};
    sigaction(SIGBUS, &a, NULL);
    load(so);
    const void *p;
    tensorfile_tensor t = cut_file(&p);
    if (sigsetjmp(back, 1) == 0) {
        printf("%u", ((const volatile uint32_t *)p)[N - 1]);
        CHECK(!"came back from a fault");
    }
    CHECK(seen == SIGBUS);
    must_change(t); /* and the library those of its calls */
    CHECK(seen == SIGBUS);
}

/* A handler that comes later and hands on, on the alternate stack. */
static void later(const char *so) {
    load(so);
    const void *p;
    tensorfile_tensor t = cut_file(&p);
    struct sigaction a = {.sa_sigaction = hand_on, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    sigaction(SIGBUS, &a, &previous);
    must_change(t);
    CHECK(seen > 0);
}

/* A Go runtime does not end before its process: after dlclose the library is there. */
static void unload(const char *so) {
    void *handle = load(so);
    const void *p;
    tensorfile_tensor t = cut_file(&p);
    CHECK(dlclose(handle) == 0);
    must_change(t);
    CHECK(dlopen(so, RTLD_NOW | RTLD_NOLOAD) != NULL);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    file = argv[2];
    CHECK(alone(handlers, argv[1]) == 0);
    int status = alone(raw, argv[1]);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    CHECK(alone(before, argv[1]) == 0);
    CHECK(alone(later, argv[1]) == 0);
    CHECK(alone(unload, argv[1]) == 0);
    return finish("signals");
}
