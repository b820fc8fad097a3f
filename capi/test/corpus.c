/* Compares the library with the corpus: corpus TESTDATA [ACCEPT_FLOOR REJECT_FLOOR].
 *
 * Each file of accept/ holds what the JSON beside it says: generation, attributes, and
 * of each tensor and part dtype, descriptor, shape, axis names, attributes, and the
 * SHA-256 of its elements; of composites layout, flags and content hash. Each file is
 * opened by path, without a mapping, and from memory, and what is mapped is compared
 * with what is read, byte for byte. Each file of reject/ is refused by the rule and
 * with the kind that it names, in the step that it names or before. */
#include <glob.h>

#include "check.h"
#include "json.h"
#include "sha256.h"

static tensorfile_error err;

/* Attributes of the JSON and of the library. */
static void same_attributes(const json *want, char *got) {
    json *v = json_parse(got);
    CHECK(json_equal(want, v));
    json_free(v);
    tensorfile_free(got);
}

/* Elements as a mapping has them, in C order, rows padded to units. */
static void gather(const tensorfile_info *in, const char *p, int axis, char **out) {
    if (axis == in->rank) {
        memcpy(*out, p, in->dtype.unit_bytes);
        *out += in->dtype.unit_bytes;
        return;
    }
    int64_t n = in->shape[axis];
    if (axis == in->rank - 1 && in->dtype.unit_elems > 1) n = (n + in->dtype.unit_elems - 1) / in->dtype.unit_elems;
    for (int64_t i = 0; i < n; i++) gather(in, p + i * in->strides[axis], axis + 1, out);
}

static int mapped_tensors, read_tensors;

/* The bits of the last unit of a row that belong to no element are zeros when read,
 * and anything in a file. */
static int padded(const tensorfile_info *in) {
    return in->dtype.unit_elems > 1 && (in->rank == 0 || in->shape[in->rank - 1] % in->dtype.unit_elems != 0);
}

static void same_tensor(tensorfile_tensor t, const json *want, int part) {
    const tensorfile_info *in;
    char *text;
    size_t size;
    OK(tensorfile_describe(t, &in, &err));
    json *name = json_get(want, "name"), *dtype = json_get(want, "dtype"), *dims = json_get(want, "dims");
    if (!part) CHECK(!strcmp(in->name, name->text));
    CHECK(!strcmp(in->dtype_name, dtype->type == J_STRING && strcmp(dtype->text, "none") ? dtype->text : ""));
    long long fields[5] = {in->dtype.cls, in->dtype.variant, in->dtype.bits, in->dtype.unit_elems, in->dtype.unit_bytes};
    int i = 0;
    for (json *d = json_get(want, "descriptor")->first; d; d = d->next, i++) CHECK(i < 5 && json_int(d) == fields[i]);
    CHECK(i == 5);
    CHECK(in->dtype.reserved == 0);
    i = 0;
    int64_t elements = 1;
    for (json *e = json_get(want, "shape")->first; e; e = e->next, i++) {
        CHECK(i < in->rank && json_int(e) == in->shape[i]);
        elements *= json_int(e);
    }
    CHECK(i == in->rank);
    CHECK(elements == in->elements);
    OK(tensorfile_attributes(t, &text, &size, &err));
    CHECK(size == strlen(text));
    same_attributes(json_get(want, "attributes"), text);
    for (i = 0; i < in->rank; i++) {
        OK(tensorfile_dim(t, i, &text, &err));
        json *d = dims->first;
        for (int k = 0; k < i && d; k++) d = d->next;
        CHECK(!strcmp(text, d && d->type == J_STRING ? d->text : ""));
        tensorfile_free(text);
    }
    FAILS(TENSORFILE_INDEX, "axis", tensorfile_dim(t, in->rank, &text, &err));

    json *sum = json_get(want, "sha256"), *layout = json_get(want, "layout");
    if (layout) {
        static const char *const layouts[] = {"dense", "coo", "csr", "csc", "bsr", "csf", "bitmap", "ragged", "string", "quantised"};
        CHECK(in->layout > 0 && in->layout < 10 && !strcmp(layouts[in->layout], layout->text));
        CHECK(in->layout_flags == json_int(json_get(want, "flags")));
        CHECK(in->storage_kind == TENSORFILE_NO_BYTES && in->offset == -1 && in->parts > 0);
        uint8_t hash[32];
        char hex[65];
        OK(tensorfile_hash(t, hash, &err));
        for (i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", hash[i]);
        CHECK(!strcmp(hex, json_get(want, "hash")->text));
        OK(tensorfile_check_parts(t, &err));
        FAILS(TENSORFILE_ENCODED, "composite", tensorfile_read(t, NULL, NULL, 0, &err));
        return;
    }
    CHECK(in->layout == TENSORFILE_DENSE && in->parts == 0);
    char *elems = malloc((size_t)in->nbytes + 1), hex[65];
    OK(tensorfile_read(t, NULL, elems, (size_t)in->nbytes, &err));
    read_tensors++;
    if (sum) {
        CHECK(json_int(json_get(want, "bytes")) == in->nbytes);
        sha256_hex(elems, (size_t)in->nbytes, hex);
        CHECK(!strcmp(hex, sum->text));
    }
    FAILS(TENSORFILE_ARGUMENT, "bytes", tensorfile_read(t, NULL, elems, (size_t)in->nbytes + 1, &err));

    tensorfile_lease lease;
    const void *data;
    int32_t kind = tensorfile_map(t, &lease, &data, &err);
    if (kind == TENSORFILE_OK) {
        CHECK(in->storage_kind == TENSORFILE_RAW || in->elements == 0);
        if (in->elements == 0) {
            CHECK(data == NULL);
        } else if (!padded(in)) {
            char *copy = malloc((size_t)in->nbytes + 1), *p = copy;
            gather(in, data, 0, &p);
            CHECK(p - copy == in->nbytes);
            CHECK(!memcmp(copy, elems, (size_t)in->nbytes));
            free(copy);
        }
        OK(tensorfile_release_lease(lease, &err));
        mapped_tensors++;
    } else {
        CHECK(kind == (in->storage_kind == TENSORFILE_RAW ? TENSORFILE_NOT_MAPPED : TENSORFILE_ENCODED));
        CHECK(lease == 0 && data == NULL);
    }
    free(elems);
}

static int accept_file(tensorfile_file f, const json *want) {
    tensorfile_file_info info;
    char *text;
    OK(tensorfile_describe_file(f, &info, &err));
    CHECK((long long)info.generation == json_int(json_get(want, "generation")));
    CHECK(!strcmp(info.format, "tensorfile") && strlen(info.uuid) == 36);
    OK(tensorfile_file_attributes(f, &text, NULL, &err));
    same_attributes(json_get(want, "attributes"), text);

    tensorfile_list list;
    OK(tensorfile_list_tensors(f, &list, &err));
    CHECK((int64_t)list.count == info.tensors);
    size_t i = 0;
    int tensors = 0;
    for (json *w = json_get(want, "tensors")->first; w; w = w->next, tensors++) {
        json *name = json_get(w, "name");
        tensorfile_tensor t, inner;
        /* The name of a part is that of its composite, NUL, its role, perhaps twice. */
        OK(tensorfile_lookup(f, name->text, &t, &err));
        const char *role = name->text + strlen(name->text) + 1;
        for (; role < name->text + name->size; role += strlen(role) + 1) {
            OK(tensorfile_part(t, role, &inner, &err));
            OK(tensorfile_release_tensor(t, &err));
            t = inner;
        }
        int part = strlen(name->text) != name->size;
        if (!part) {
            CHECK(i < list.count && !strcmp(list.items[i].name, name->text));
            const tensorfile_info *in, *at = &list.items[i++];
            OK(tensorfile_describe(t, &in, &err));
            CHECK(!memcmp(&in->dtype, &at->dtype, sizeof in->dtype) && in->rank == at->rank && in->offset == at->offset);
            CHECK(!memcmp(in->shape, at->shape, 8 * (size_t)in->rank) && !memcmp(in->strides, at->strides, 8 * (size_t)in->rank));
            CHECK(!strcmp(in->codec, at->codec) && !strcmp(in->dtype_name, at->dtype_name) && !in->chunk == !at->chunk);
            CHECK(in->storage == at->storage && in->nbytes == at->nbytes && in->parts == at->parts);
        }
        same_tensor(t, w, part);
        OK(tensorfile_release_tensor(t, &err));
    }
    CHECK(i == list.count);
    tensorfile_list_free(&list);
    return tensors;
}

/* What is found in a file: rule and kind, and in which step (0 open, 1 use, 2 verify). */
typedef struct {
    int step;
    char kind[32], rule[48];
} found;

static void note(found *list, int *n, int step) {
    list[*n].step = step;
    snprintf(list[*n].kind, sizeof list->kind, "%s", tensorfile_kind_name(err.kind));
    snprintf(list[*n].rule, sizeof list->rule, "%s", err.rule);
    ++*n;
}

/* Uses a tensor and its parts; 0 if something is wrong. */
static int use(tensorfile_tensor t) {
    const tensorfile_info *in;
    char *text;
    if (tensorfile_describe(t, &in, &err) || tensorfile_attributes(t, &text, NULL, &err)) return 0;
    tensorfile_free(text);
    if (in->layout == TENSORFILE_DENSE) {
        char *b = in->nbytes < 1 << 28 ? malloc((size_t)in->nbytes + 1) : NULL;
        if (!b) return 1; /* of a file that is far smaller */
        int32_t kind = tensorfile_read(t, NULL, b, (size_t)in->nbytes, &err);
        free(b);
        return kind == 0;
    }
    tensorfile_list parts;
    if (tensorfile_list_parts(t, &parts, &err)) return 0;
    int good = 1;
    for (size_t i = 0; i < parts.count && good; i++) {
        tensorfile_tensor p;
        good = tensorfile_part(t, parts.items[i].name, &p, &err) == 0;
        if (good) {
            good = use(p);
            tensorfile_error keep = err;
            tensorfile_release_tensor(p, &err);
            err = keep;
        }
    }
    tensorfile_list_free(&parts);
    return good && tensorfile_check_parts(t, &err) == 0;
}

static int refused(const char *path, found *list, int most) {
    int n = 0;
    tensorfile_open_options o = {.size = sizeof o, .flags = TENSORFILE_NATIVE_ONLY};
    tensorfile_file f;
    if (tensorfile_open(path, &o, &f, &err)) {
        CHECK(f == 0);
        note(list, &n, 0);
        return n;
    }
    tensorfile_list tensors;
    char *text = NULL;
    if (tensorfile_file_attributes(f, &text, NULL, &err)) note(list, &n, 1);
    tensorfile_free(text);
    if (tensorfile_list_tensors(f, &tensors, &err)) {
        CHECK(tensors.count == 0 && tensors.items == NULL);
        note(list, &n, 1);
    }
    for (size_t i = 0; i < tensors.count && n < 4; i++) {
        tensorfile_tensor t;
        if (tensorfile_lookup(f, tensors.items[i].name, &t, &err)) {
            note(list, &n, 1);
            continue;
        }
        if (!use(t)) note(list, &n, 1);
        tensorfile_release_tensor(t, &err);
    }
    tensorfile_list_free(&tensors);
    int32_t ok;
    if (tensorfile_verify(f, NULL, &ok, &text, NULL, &err)) {
        note(list, &n, 2);
    } else {
        json *report = json_parse(text);
        CHECK(ok == (json_get(report, "findings")->first == NULL));
        for (json *e = json_get(report, "findings")->first; e && n < most; e = e->next, n++) {
            json *kind = json_get(e, "kind"), *rule = json_get(e, "rule");
            list[n].step = 2;
            snprintf(list[n].kind, sizeof list->kind, "%s", kind ? kind->text : "");
            snprintf(list[n].rule, sizeof list->rule, "%s", rule ? rule->text : "");
        }
        for (json *e = json_get(report, "unknown")->first; e && n < most; e = e->next, n++) {
            json *kind = json_get(e, "kind"), *rule = json_get(e, "rule");
            list[n].step = 2;
            snprintf(list[n].kind, sizeof list->kind, "%s", kind ? kind->text : "");
            snprintf(list[n].rule, sizeof list->rule, "%s", rule ? rule->text : "");
        }
        json_free(report);
        tensorfile_free(text);
    }
    OK(tensorfile_close(f, &err));
    return n;
}

/* The words of the corpus for kinds. */
static const char *word(const char *kind) {
    static const char *const words[][2] = {
        {"Truncated", "truncated"}, {"Format", "malformed"}, {"Corrupt", "corrupt"}, {"Overflow", "overflow"},
        {"Limit", "limit exceeded"}, {"Unsupported", "unsupported"}, {"Duplicate", "duplicate"}, {"Path", "unsafe path"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], kind)) return words[i][1];
    return kind;
}

static void reject(const char *path, const json *want) {
    enum { MOST = 256 };
    static found list[MOST + 8];
    int n = refused(path, list, MOST);
    const char *at = json_get(want, "at")->text, *rule = json_get(want, "rule")->text, *kind = word(json_get(want, "kind")->text);
    if (!strcmp(at, "write")) {
        CHECK(n == 0);
        return;
    }
    int last = !strcmp(at, "open") ? 0 : !strcmp(at, "use") ? 1 : 2, hit = 0;
    for (int i = 0; i < n; i++) hit |= list[i].step <= last && !strcmp(list[i].rule, rule) && !strcmp(list[i].kind, kind);
    if (!hit) {
        fprintf(stderr, "%s: want %s %s at %s\n", path, rule, kind, at);
        for (int i = 0; i < n; i++) fprintf(stderr, "  found %s %s in step %d\n", list[i].rule, list[i].kind, list[i].step);
    }
    CHECK(hit);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int accept_floor = argc > 2 ? atoi(argv[2]) : 1, reject_floor = argc > 3 ? atoi(argv[3]) : 1;
    glob_t g;
    int tensors = 0, accepted = 0, rejected = 0;
    if (glob(path_in(argv[1], "accept/*.tensor"), 0, NULL, &g)) return 2;
    for (size_t i = 0; i < g.gl_pathc; i++, accepted++) {
        char *path = g.gl_pathv[i], sidecar[4096];
        snprintf(sidecar, sizeof sidecar, "%.*sjson", (int)(strlen(path) - 6), path);
        size_t size;
        char *text = slurp(sidecar, NULL), *bytes = slurp(path, &size);
        json *want = json_parse(text);
        tensorfile_open_options o = {.size = sizeof o, .flags = TENSORFILE_NO_MMAP | TENSORFILE_NATIVE_ONLY};
        tensorfile_file f;
        int before = failures;
        OK(tensorfile_open(path, NULL, &f, &err));
        tensors += accept_file(f, want);
        OK(tensorfile_close(f, &err));
        OK(tensorfile_open(path, &o, &f, &err));
        accept_file(f, want);
        OK(tensorfile_close(f, &err));
        OK(tensorfile_open_memory(bytes, size, NULL, &f, &err));
        accept_file(f, want);
        int32_t ok;
        char *report;
        OK(tensorfile_verify(f, NULL, &ok, &report, NULL, &err));
        CHECK(ok == !strstr(path, "torn-slot")); /* of which verify tells, though it is no damage to readers */
        tensorfile_free(report);
        OK(tensorfile_close(f, &err));
        if (failures != before) fprintf(stderr, "in %s\n", path);
        json_free(want);
        free(text);
        free(bytes);
    }
    globfree(&g);
    if (glob(path_in(argv[1], "reject/*.tensor"), 0, NULL, &g)) return 2;
    for (size_t i = 0; i < g.gl_pathc; i++, rejected++) {
        char *path = g.gl_pathv[i], sidecar[4096];
        snprintf(sidecar, sizeof sidecar, "%.*sjson", (int)(strlen(path) - 6), path);
        char *text = slurp(sidecar, NULL);
        json *want = json_parse(text);
        reject(path, want);
        json_free(want);
        free(text);
    }
    globfree(&g);
    printf("corpus: accept %d files, %d tensors, each opened three ways, %d reads, %d mapped; reject %d files\n", accepted, tensors, read_tensors,
           mapped_tensors, rejected);
    CHECK(accepted >= accept_floor && rejected >= reject_floor && mapped_tensors > 0 && read_tensors > 0);
    return finish("corpus");
}
