/* The functions of tensorfile.h. What can be said without Go is said here: whether
 * pointers are there, what results are until there are some, and that the child of a
 * fork is no place for a call. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* Set once, in a child that has one thread, and never again. */
static int forked;

static void in_child(void) { forked = 1; }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, in_child); }

static int32_t refuse(tensorfile_error *err, int32_t kind, const char *message) {
    if (err) {
        memset(err, 0, sizeof *err);
        err->kind = kind;
        err->offset = -1;
        strncpy(err->message, message, sizeof err->message - 1);
    }
    return kind;
}

#define NEED(p)                                                              \
    do {                                                                     \
        if (!(p)) return refuse(err, TENSORFILE_ARGUMENT, "tensorfile: " #p " is NULL"); \
    } while (0)
/* An output, which is empty until there is something. */
#define OUTPUT(p)                          \
    do {                                   \
        if (p) memset((p), 0, sizeof *(p)); \
    } while (0)
#define ALIVE()                                                                                                  \
    do {                                                                                                         \
        if (forked)                                                                                              \
            return refuse(err, TENSORFILE_FORKED, "tensorfile: the process was forked after the library was loaded"); \
    } while (0)

uint32_t tensorfile_abi_version(void) { return TENSORFILE_ABI_VERSION; }

/* Both are known when the library is built, which a test holds them to. */
const char *tensorfile_version(void) { return "0.1.0"; }
const char *tensorfile_formats(void) { return "tensorfile gguf npy npz safetensors safetensors-index"; }

void tensorfile_free(void *memory) { free(memory); }

void tensorfile_list_free(tensorfile_list *list) {
    if (list) {
        free((void *)list->items);
        list->items = NULL;
        list->count = 0;
    }
}

const char *tensorfile_kind_name(int32_t kind) {
    static const char *const names[] = {
        [TENSORFILE_OK] = "ok",
        [TENSORFILE_TRUNCATED] = "truncated",
        [TENSORFILE_FORMAT] = "malformed",
        [TENSORFILE_CORRUPT] = "corrupt",
        [TENSORFILE_OVERFLOW] = "overflow",
        [TENSORFILE_LIMIT] = "limit exceeded",
        [TENSORFILE_UNSUPPORTED] = "unsupported",
        [TENSORFILE_DUPLICATE] = "duplicate",
        [TENSORFILE_PATH] = "unsafe path",
        [TENSORFILE_CHANGED] = "changed while open",
        [TENSORFILE_EXISTS] = "already exists",
        [TENSORFILE_LOCKED] = "locked",
        [TENSORFILE_NO_SPACE] = "no space",
        [TENSORFILE_IO] = "input/output error",
        [TENSORFILE_NOT_FOUND] = "not found",
        [TENSORFILE_CLOSED] = "closed",
        [TENSORFILE_IN_USE] = "in use",
        [TENSORFILE_DTYPE] = "wrong dtype",
        [TENSORFILE_NOT_CONTIGUOUS] = "not contiguous",
        [TENSORFILE_MISALIGNED] = "misaligned",
        [TENSORFILE_BYTE_ORDER] = "foreign byte order",
        [TENSORFILE_ENCODED] = "encoded",
        [TENSORFILE_SHAPE] = "shape mismatch",
        [TENSORFILE_INDEX] = "index out of range",
        [TENSORFILE_NOT_MAPPED] = "not mapped",
        [TENSORFILE_POISONED] = "the writer has failed before",
        [TENSORFILE_ARGUMENT] = "wrong argument",
        [TENSORFILE_HANDLE] = "wrong handle",
        [TENSORFILE_FORKED] = "forked",
        [TENSORFILE_NO_MEMORY] = "no memory",
        [TENSORFILE_INTERNAL] = "internal error",
    };
    if (kind < 0 || kind >= (int32_t)(sizeof names / sizeof *names) || !names[kind]) return "unknown";
    return names[kind];
}

int32_t tensorfile_dtype_parse(const char *name, tensorfile_dtype *dtype, tensorfile_error *err) {
    OUTPUT(dtype);
    NEED(name);
    NEED(dtype);
    ALIVE();
    return tfgo_dtype_parse((char *)name, dtype, err);
}

/* ---- files ---- */

int32_t tensorfile_open(const char *path, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err) {
    OUTPUT(file);
    NEED(path);
    NEED(file);
    ALIVE();
    return tfgo_open((char *)path, (tensorfile_open_options *)options, file, err);
}

int32_t tensorfile_open_memory(const void *data, size_t size, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err) {
    OUTPUT(file);
    if (size) NEED(data);
    NEED(file);
    ALIVE();
    return tfgo_open_memory((void *)data, size, (tensorfile_open_options *)options, file, err);
}

int32_t tensorfile_open_url(const char *address, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err) {
    OUTPUT(file);
    NEED(address);
    NEED(file);
    ALIVE();
    return tfgo_open_url((char *)address, (tensorfile_open_options *)options, file, err);
}

int32_t tensorfile_close(tensorfile_file file, tensorfile_error *err) {
    ALIVE();
    return tfgo_close(file, err);
}

int32_t tensorfile_refresh(tensorfile_file file, tensorfile_file *newer, tensorfile_error *err) {
    OUTPUT(newer);
    NEED(newer);
    ALIVE();
    return tfgo_refresh(file, newer, err);
}

int32_t tensorfile_check(tensorfile_file file, tensorfile_error *err) {
    ALIVE();
    return tfgo_check(file, err);
}

int32_t tensorfile_describe_file(tensorfile_file file, tensorfile_file_info *info, tensorfile_error *err) {
    OUTPUT(info);
    NEED(info);
    ALIVE();
    return tfgo_describe_file(file, info, err);
}

int32_t tensorfile_file_attributes(tensorfile_file file, char **json, size_t *size, tensorfile_error *err) {
    OUTPUT(json);
    OUTPUT(size);
    NEED(json);
    ALIVE();
    return tfgo_file_attributes(file, json, size, err);
}

int32_t tensorfile_generations(tensorfile_file file, tensorfile_generation **list, size_t *count, tensorfile_error *err) {
    OUTPUT(list);
    OUTPUT(count);
    NEED(list);
    NEED(count);
    ALIVE();
    return tfgo_generations(file, list, count, err);
}

int32_t tensorfile_verify(tensorfile_file file, const tensorfile_verify_options *options, int32_t *ok, char **json, size_t *size, tensorfile_error *err) {
    OUTPUT(ok);
    OUTPUT(json);
    OUTPUT(size);
    NEED(ok);
    ALIVE();
    return tfgo_verify(file, (tensorfile_verify_options *)options, ok, json, size, err);
}

/* ---- tensors ---- */

int32_t tensorfile_list_tensors(tensorfile_file file, tensorfile_list *list, tensorfile_error *err) {
    OUTPUT(list);
    NEED(list);
    ALIVE();
    return tfgo_list_tensors(file, list, err);
}

int32_t tensorfile_list_named(tensorfile_file file, const char *name, tensorfile_list *list, tensorfile_error *err) {
    OUTPUT(list);
    NEED(name);
    NEED(list);
    ALIVE();
    return tfgo_list_named(file, (char *)name, list, err);
}

int32_t tensorfile_lookup(tensorfile_file file, const char *name, tensorfile_tensor *tensor, tensorfile_error *err) {
    OUTPUT(tensor);
    NEED(name);
    NEED(tensor);
    ALIVE();
    return tfgo_lookup(file, (char *)name, tensor, err);
}

int32_t tensorfile_part(tensorfile_tensor tensor, const char *role, tensorfile_tensor *part, tensorfile_error *err) {
    OUTPUT(part);
    NEED(role);
    NEED(part);
    ALIVE();
    return tfgo_part(tensor, (char *)role, part, err);
}

int32_t tensorfile_list_parts(tensorfile_tensor tensor, tensorfile_list *list, tensorfile_error *err) {
    OUTPUT(list);
    NEED(list);
    ALIVE();
    return tfgo_list_parts(tensor, list, err);
}

int32_t tensorfile_check_parts(tensorfile_tensor tensor, tensorfile_error *err) {
    ALIVE();
    return tfgo_check_parts(tensor, err);
}

int32_t tensorfile_describe(tensorfile_tensor tensor, const tensorfile_info **info, tensorfile_error *err) {
    OUTPUT(info);
    NEED(info);
    ALIVE();
    return tfgo_describe(tensor, (tensorfile_info **)info, err);
}

int32_t tensorfile_attributes(tensorfile_tensor tensor, char **json, size_t *size, tensorfile_error *err) {
    OUTPUT(json);
    OUTPUT(size);
    NEED(json);
    ALIVE();
    return tfgo_attributes(tensor, json, size, err);
}

int32_t tensorfile_dim(tensorfile_tensor tensor, int32_t axis, char **name, tensorfile_error *err) {
    OUTPUT(name);
    NEED(name);
    ALIVE();
    return tfgo_dim(tensor, axis, name, err);
}

int32_t tensorfile_hash(tensorfile_tensor tensor, uint8_t hash[32], tensorfile_error *err) {
    NEED(hash);
    memset(hash, 0, 32);
    ALIVE();
    return tfgo_hash(tensor, hash, err);
}

int32_t tensorfile_release_tensor(tensorfile_tensor tensor, tensorfile_error *err) {
    ALIVE();
    return tfgo_release_tensor(tensor, err);
}

int32_t tensorfile_map(tensorfile_tensor tensor, tensorfile_lease *lease, const void **data, tensorfile_error *err) {
    OUTPUT(lease);
    OUTPUT(data);
    NEED(lease);
    NEED(data);
    ALIVE();
    return tfgo_map(tensor, lease, (void **)data, err);
}

int32_t tensorfile_map_file(tensorfile_file file, tensorfile_lease *lease, const void **data, size_t *size, tensorfile_error *err) {
    OUTPUT(lease);
    OUTPUT(data);
    OUTPUT(size);
    NEED(lease);
    NEED(data);
    ALIVE();
    return tfgo_map_file(file, lease, (void **)data, size, err);
}

int32_t tensorfile_release_lease(tensorfile_lease lease, tensorfile_error *err) {
    ALIVE();
    return tfgo_release_lease(lease, err);
}

int32_t tensorfile_read(tensorfile_tensor tensor, const tensorfile_range *ranges, void *dst, size_t dst_size, tensorfile_error *err) {
    if (dst_size) NEED(dst);
    ALIVE();
    return tfgo_read(tensor, (tensorfile_range *)ranges, dst, dst_size, err);
}

int32_t tensorfile_read_into(tensorfile_tensor tensor, const tensorfile_range *ranges, const tensorfile_array *dst, tensorfile_error *err) {
    NEED(dst);
    ALIVE();
    return tfgo_read_into(tensor, (tensorfile_range *)ranges, (tensorfile_array *)dst, err);
}

int32_t tensorfile_read_rows(tensorfile_tensor tensor, const int64_t *rows, size_t count, void *dst, size_t dst_size, tensorfile_error *err) {
    if (count) NEED(rows);
    if (dst_size) NEED(dst);
    ALIVE();
    return tfgo_read_rows(tensor, (int64_t *)rows, count, dst, dst_size, err);
}

int32_t tensorfile_dequantise(tensorfile_tensor tensor, const tensorfile_dtype *dtype, const tensorfile_range *ranges, void *dst, size_t dst_size, tensorfile_error *err) {
    NEED(dtype);
    if (dst_size) NEED(dst);
    ALIVE();
    return tfgo_dequantise(tensor, (tensorfile_dtype *)dtype, (tensorfile_range *)ranges, dst, dst_size, err);
}

/* ---- writing ---- */

int32_t tensorfile_create(const char *path, const tensorfile_create_options *options, tensorfile_writer *writer, tensorfile_error *err) {
    OUTPUT(writer);
    NEED(path);
    NEED(writer);
    ALIVE();
    return tfgo_create((char *)path, (tensorfile_create_options *)options, writer, err);
}

int32_t tensorfile_edit(const char *path, const tensorfile_edit_options *options, tensorfile_writer *writer, tensorfile_error *err) {
    OUTPUT(writer);
    NEED(path);
    NEED(writer);
    ALIVE();
    return tfgo_edit((char *)path, (tensorfile_edit_options *)options, writer, err);
}

int32_t tensorfile_write(tensorfile_writer writer, const char *name, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(array);
    ALIVE();
    return tfgo_write(writer, (char *)name, (tensorfile_array *)array, (tensorfile_store *)store, err);
}

int32_t tensorfile_write_storage(tensorfile_writer writer, const void *data, size_t size, uint64_t *storage, tensorfile_error *err) {
    OUTPUT(storage);
    if (size) NEED(data);
    NEED(storage);
    ALIVE();
    return tfgo_write_storage(writer, (void *)data, size, storage, err);
}

int32_t tensorfile_write_on(tensorfile_writer writer, uint64_t storage, int64_t offset, const char *name, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(array);
    ALIVE();
    return tfgo_write_on(writer, storage, offset, (char *)name, (tensorfile_array *)array, (tensorfile_store *)store, err);
}

int32_t tensorfile_write_composite(tensorfile_writer writer, const char *name, const tensorfile_composite *composite, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(composite);
    ALIVE();
    return tfgo_write_composite(writer, (char *)name, (tensorfile_composite *)composite, (tensorfile_store *)store, err);
}

int32_t tensorfile_write_from(tensorfile_writer writer, tensorfile_tensor tensor, const char *name, const tensorfile_store *store, tensorfile_error *err) {
    ALIVE();
    return tfgo_write_from(writer, tensor, (char *)name, (tensorfile_store *)store, err);
}

int32_t tensorfile_append(tensorfile_writer writer, const char *name, const tensorfile_array *rows, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(rows);
    ALIVE();
    return tfgo_append(writer, (char *)name, (tensorfile_array *)rows, (tensorfile_store *)store, err);
}

int32_t tensorfile_append_composite(tensorfile_writer writer, const char *name, const tensorfile_composite *rows, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(rows);
    ALIVE();
    return tfgo_append_composite(writer, (char *)name, (tensorfile_composite *)rows, (tensorfile_store *)store, err);
}

int32_t tensorfile_write_region(tensorfile_writer writer, const char *name, const tensorfile_range *ranges, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err) {
    NEED(name);
    NEED(array);
    ALIVE();
    return tfgo_write_region(writer, (char *)name, (tensorfile_range *)ranges, (tensorfile_array *)array, (tensorfile_store *)store, err);
}

int32_t tensorfile_shrink(tensorfile_writer writer, const char *name, int64_t rows, tensorfile_error *err) {
    NEED(name);
    ALIVE();
    return tfgo_shrink(writer, (char *)name, rows, err);
}

int32_t tensorfile_remove(tensorfile_writer writer, const char *name, tensorfile_error *err) {
    NEED(name);
    ALIVE();
    return tfgo_remove(writer, (char *)name, err);
}

int32_t tensorfile_rename(tensorfile_writer writer, const char *name, const char *to, tensorfile_error *err) {
    NEED(name);
    NEED(to);
    ALIVE();
    return tfgo_rename(writer, (char *)name, (char *)to, err);
}

int32_t tensorfile_copy(tensorfile_writer writer, const char *name, const char *to, tensorfile_error *err) {
    NEED(name);
    NEED(to);
    ALIVE();
    return tfgo_copy(writer, (char *)name, (char *)to, err);
}

int32_t tensorfile_set_attributes(tensorfile_writer writer, const char *name, const char *json, tensorfile_error *err) {
    NEED(json);
    ALIVE();
    return tfgo_set_attributes(writer, (char *)name, (char *)json, err);
}

int32_t tensorfile_revert(tensorfile_writer writer, uint64_t generation, tensorfile_error *err) {
    ALIVE();
    return tfgo_revert(writer, generation, err);
}

int32_t tensorfile_commit(tensorfile_writer writer, tensorfile_error *err) {
    ALIVE();
    return tfgo_commit(writer, err);
}

int32_t tensorfile_close_writer(tensorfile_writer writer, tensorfile_error *err) {
    ALIVE();
    return tfgo_close_writer(writer, err);
}

/* ---- whole files ---- */

int32_t tensorfile_repack(tensorfile_file file, const char *path, const tensorfile_repack_options *options, char **json, size_t *size, tensorfile_error *err) {
    OUTPUT(json);
    OUTPUT(size);
    NEED(path);
    ALIVE();
    return tfgo_repack(file, (char *)path, (tensorfile_repack_options *)options, json, size, err);
}

int32_t tensorfile_recover(const char *path, const char *to, const tensorfile_recover_options *options, int32_t *whole, char **json, size_t *size, tensorfile_error *err) {
    OUTPUT(whole);
    OUTPUT(json);
    OUTPUT(size);
    NEED(path);
    NEED(whole);
    ALIVE();
    return tfgo_recover((char *)path, (char *)to, (tensorfile_recover_options *)options, whole, json, size, err);
}
