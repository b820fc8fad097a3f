/*
 * tensorfile.h: the C interface of tensorfile, a file format and storage engine
 * for tensors. Link with -ltensorfile (pkg-config tensorfile). docs/c.md is the
 * guide, with programs that are compiled and run by the tests.
 *
 * Results. Every function that can fail returns a TENSORFILE_* kind, 0 for
 * success, and fills *err with the same kind, a message and an offset. err may
 * be NULL. It belongs to the caller, needs no initialisation and nothing in it
 * needs to be freed. On failure outputs are set to 0 or NULL, and destinations
 * of elements hold anything.
 *
 * Handles. Files, tensors, leases and writers are numbers, never 0. A number
 * that was released, or is of another kind, is an error of kind
 * TENSORFILE_HANDLE, never a crash: no number is given out twice. Each handle is
 * released once, in any order.
 *
 * Memory. What a function returns by char ** or by a pointer in a list is the
 * caller's, to be freed with tensorfile_free or tensorfile_list_free. What
 * *tensorfile_describe gives lives as long as the tensor's handle. The library
 * keeps no pointer that it was given after the call returns, but for the memory
 * given to tensorfile_open_memory.
 *
 * Text is UTF-8 and ends with NUL. Names of tensors hold no NUL.
 *
 * Threads. All functions may be called from any thread at any time. Calls on
 * one writer run one after the other. Functions that move elements use several
 * threads inside the call (see workers below). There is no global state that one
 * user of the library in a process could change for another, and no callback.
 *
 * Mapped memory. The library's own calls turn a fault under a mapping, which
 * comes from a file that is cut short or a disk that fails, into an error of
 * kind TENSORFILE_CHANGED or TENSORFILE_IO. A pointer from tensorfile_map or
 * tensorfile_map_file is raw memory: when the caller's own code touches a page
 * that the file no longer has, the system sends SIGBUS, as for any mmap, and
 * nothing here can prevent that. Files that this library writes are replaced or
 * appended to and never cut or changed in place, so this takes another program.
 * Where files may be cut short use tensorfile_read, which copies.
 *
 * Signals. The library contains a Go runtime. When it is loaded it installs
 * handlers, with SA_ONSTACK, for the signals that a fault raises, among others,
 * and hands on to the handler that was there what is not its own. A program that
 * installs a handler later must pass SA_ONSTACK and hand on in the same way, or
 * faults inside the calls above end the program. SIGPROF and other asynchronous
 * signals are left to the program until it asks for them.
 *
 * Fork. A Go runtime does not survive fork without exec. In the child every
 * function of this header that can fail returns TENSORFILE_FORKED at once and
 * touches nothing; mappings that were leased before stay readable. posix_spawn,
 * system and fork followed by exec are unaffected. Descriptors are opened with
 * O_CLOEXEC.
 */
#ifndef TENSORFILE_H
#define TENSORFILE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header. A library of the same number has all that is declared here. */
#define TENSORFILE_ABI_VERSION 1

#define TENSORFILE_MAX_RANK 32

/* ---- errors ---- */

enum {
    TENSORFILE_OK = 0,
    /* about content, limits and the state of a file */
    TENSORFILE_TRUNCATED = 1,   /* the file ends before something it promises */
    TENSORFILE_FORMAT = 2,      /* breaks the grammar of its format */
    TENSORFILE_CORRUPT = 3,     /* contradicts itself or a checksum */
    TENSORFILE_OVERFLOW = 4,    /* a size does not fit 63 bits */
    TENSORFILE_LIMIT = 5,       /* a limit, such as max_bytes */
    TENSORFILE_UNSUPPORTED = 6, /* valid, but not known here */
    TENSORFILE_DUPLICATE = 7,   /* one name twice */
    TENSORFILE_PATH = 8,        /* a name that must not become a path */
    TENSORFILE_CHANGED = 9,     /* the file changed under us */
    TENSORFILE_EXISTS = 10,     /* the destination is there and was not to be replaced */
    TENSORFILE_LOCKED = 11,     /* another writer holds the file */
    TENSORFILE_NO_SPACE = 12,   /* disk, quota or file size limit */
    TENSORFILE_IO = 13,         /* the system said no */
    TENSORFILE_NOT_FOUND = 14,  /* no file, tensor, part or generation of that name */
    TENSORFILE_CLOSED = 15,     /* the file of this handle was closed */
    TENSORFILE_IN_USE = 16,     /* shared chunks that were not to be changed */
    TENSORFILE_DTYPE = 17,      /* another dtype */
    TENSORFILE_NOT_CONTIGUOUS = 18,
    TENSORFILE_MISALIGNED = 19,
    TENSORFILE_BYTE_ORDER = 20, /* stored in the other byte order */
    TENSORFILE_ENCODED = 21,    /* chunked or composite: read it, it has no bytes to map */
    TENSORFILE_SHAPE = 22,      /* shapes that do not fit each other */
    TENSORFILE_INDEX = 23,      /* an index or selection outside the tensor */
    TENSORFILE_NOT_MAPPED = 24, /* the file is read, not mapped */
    TENSORFILE_POISONED = 25,   /* the writer has failed before */
    /* about the call */
    TENSORFILE_ARGUMENT = 32,   /* NULL, a negative rank, text that is not UTF-8 */
    TENSORFILE_HANDLE = 33,     /* released, or of another kind, or never given out */
    TENSORFILE_FORKED = 34,     /* in the child of a fork */
    TENSORFILE_NO_MEMORY = 35,
    TENSORFILE_INTERNAL = 36    /* a defect of the library; please report the message */
};

typedef struct tensorfile_error {
    int32_t kind;
    /* Not 0 beside a failed commit whose last step failed: the file is the one
     * before it or the new one, whole. */
    int32_t commit_unknown;
    int64_t offset;     /* byte offset in the file; -1: none */
    char rule[48];      /* rule of the specification that was broken; "": none */
    char message[960];  /* for people; cut, at a character, if it is longer */
} tensorfile_error;

/* The word for a kind, such as "corrupt"; "unknown" for another number. */
const char *tensorfile_kind_name(int32_t kind);

/* ---- the library ---- */

/* TENSORFILE_ABI_VERSION of the library; other numbers do not fit this header. */
uint32_t tensorfile_abi_version(void);

/* Version of the library, such as "0.1.0". */
const char *tensorfile_version(void);

/* Frees what a function returned by a pointer to a pointer. NULL is ignored. */
void tensorfile_free(void *memory);

/* ---- handles ---- */

typedef uint64_t tensorfile_file;
typedef uint64_t tensorfile_tensor;
typedef uint64_t tensorfile_lease;
typedef uint64_t tensorfile_writer;

/* ---- dtypes ---- */

enum { /* classes */
    TENSORFILE_BOOL = 1,
    TENSORFILE_INT = 2,
    TENSORFILE_UINT = 3,
    TENSORFILE_FLOAT = 4,
    TENSORFILE_COMPLEX = 5,
    TENSORFILE_BYTES = 6,  /* variants: 0 opaque, 1 text, 2 UTF-32 */
    TENSORFILE_BLOCK = 7   /* blocks of ggml; the variant is ggml's number */
};

/* The descriptor of a dtype as the file has it (specification, "Dtypes"): 16
 * bytes. unit_elems elements take unit_bytes bytes: 1 and the size of an element
 * but for packed dtypes such as i4 (2 and 1) and bool1 (8 and 1). All zeros is
 * the dtype of strings. */
typedef struct tensorfile_dtype {
    uint8_t cls;
    uint8_t reserved;   /* 0 */
    uint16_t variant;
    uint32_t bits;      /* of an element; 0 for blocks */
    uint32_t unit_elems;
    uint32_t unit_bytes;
} tensorfile_dtype;

/* The dtype of a name: bool bool1 i4 u4 i8..i64 u8..u64 f16 bf16 f32 f64 c64 c128
 * f8_e4m3fn f8_e5m2 f8_e4m3fnuz f8_e5m2fnuz f8_e8m0 f4_e2m1 f6_e2m3 f6_e3m2, V8
 * (8 opaque bytes), S8 (8 bytes of text), <U8 (8 characters of UTF-32), and the
 * names of ggml's blocks such as q4_0. */
int32_t tensorfile_dtype_parse(const char *name, tensorfile_dtype *dtype, tensorfile_error *err);

/* ---- files ---- */

enum { /* flags of tensorfile_open_options */
    TENSORFILE_NO_MMAP = 1,          /* read with positioned reads, never map */
    TENSORFILE_MAP_REMOTE = 2,       /* map files on network file systems, too */
    TENSORFILE_VERIFY_FIRST_USE = 4, /* check a tensor's checksums when it is first mapped or read */
    TENSORFILE_NATIVE_ONLY = 8       /* refuse files of other formats */
};

typedef struct tensorfile_open_options {
    size_t size;          /* sizeof(tensorfile_open_options) */
    uint32_t flags;
    int32_t workers;      /* most threads of one read; 0: one per processor */
    uint64_t generation;  /* of which to show the file; 0: the newest */
    int64_t max_bytes;    /* most bytes that one call may allocate for a result;
                             0: 4 GiB or eight times the file, -1: no limit */
} tensorfile_open_options;

/* Opens the file at path, mapped if it can be. It costs the same whatever the
 * number of tensors. Files of other formats (safetensors, GGUF, .npy, .npz, and
 * what tensorfile_formats lists) open as views of their own bytes. options may
 * be NULL. A file shows the generation that it was opened on for as long as it
 * is open, whatever is committed meanwhile. */
int32_t tensorfile_open(const char *path, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err);

/* Opens a file of size bytes in the caller's memory, which must stay as it is
 * until tensorfile_close has returned and calls on the file have ended. Tensors
 * are read, not mapped. */
int32_t tensorfile_open_memory(const void *data, size_t size, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err);

/* Opens the object at an http or https address by ranges. What is read comes
 * through a cache of bounded size; nothing is mapped. User and password may
 * stand in the address; they are in no message. */
int32_t tensorfile_open_url(const char *address, const tensorfile_open_options *options, tensorfile_file *file, tensorfile_error *err);

/* The handle is invalid when this returns, and tensors of the file are CLOSED;
 * their handles are still to be released. Mappings that are leased stay until
 * their leases are released: the last one closes the file. Calls under way on
 * other threads end well. */
int32_t tensorfile_close(tensorfile_file file, tensorfile_error *err);

/* Opens the newest generation if it is newer than the one that file shows: *newer
 * is a file of its own, or 0 if there is none. */
int32_t tensorfile_refresh(tensorfile_file file, tensorfile_file *newer, tensorfile_error *err);

/* TENSORFILE_CHANGED if the file on disk is no longer the one that was opened:
 * cut short, replaced or written in place. That it was appended to is no error. */
int32_t tensorfile_check(tensorfile_file file, tensorfile_error *err);

typedef struct tensorfile_file_info {
    char format[24];      /* "tensorfile", "safetensors", ... */
    char uuid[40];        /* native files; "": none */
    uint64_t generation;  /* 0: a foreign file */
    int64_t time;         /* of the commit, ns since 1970 */
    int64_t length;       /* committed bytes */
    int64_t size;         /* bytes of the file */
    int64_t tensors;      /* parts of composites not counted */
    int32_t mapped;
    int32_t read_only;    /* has a feature that this library must not write */
} tensorfile_file_info;

/* Walks the catalog once, for the number of tensors. */
int32_t tensorfile_describe_file(tensorfile_file file, tensorfile_file_info *info, tensorfile_error *err);

/* The attributes of the file as a JSON object in canonical form, "{}" for none.
 * size is that of the text without its NUL, and may be NULL. */
int32_t tensorfile_file_attributes(tensorfile_file file, char **json, size_t *size, tensorfile_error *err);

typedef struct tensorfile_generation {
    uint64_t number;
    uint64_t previous;  /* 0: none */
    int64_t time;       /* ns since 1970 */
    int64_t length;     /* committed bytes of the file with this commit */
    int64_t bytes;      /* that this commit added */
    int64_t live;       /* bytes that it reaches */
} tensorfile_generation;

/* The commits of a native file, newest first. */
int32_t tensorfile_generations(tensorfile_file file, tensorfile_generation **list, size_t *count, tensorfile_error *err);

typedef struct tensorfile_verify_options {
    size_t size;      /* sizeof(tensorfile_verify_options) */
    int32_t quick;    /* the structure only, no payloads */
    int32_t workers;  /* 0: one per processor */
    double sample;    /* share of the payloads, chosen at random; 0: all */
    int32_t decode;   /* decode every chunk, too, and look at bools */
    int32_t reserved; /* 0 */
} tensorfile_verify_options;

/* Checks structure and checksums of all generations. *ok is 1 if nothing is
 * wrong. *json is a report, an object with status ("ok", "damaged" or "unknown"),
 * generations, tensors, storages, blocks and bytes that were read, chunks that were
 * decoded, and findings and unknown, arrays of objects with message, kind, offset, tensor, chunk,
 * field, got, want and rule. Damage is a report, not an error. */
int32_t tensorfile_verify(tensorfile_file file, const tensorfile_verify_options *options, int32_t *ok, char **json, size_t *size, tensorfile_error *err);

/* Names of the formats that are read, separated by spaces. */
const char *tensorfile_formats(void);

/* ---- tensors ---- */

enum { /* layouts of composites (specification, "Composites") */
    TENSORFILE_DENSE = 0,
    TENSORFILE_COO = 1,
    TENSORFILE_CSR = 2,
    TENSORFILE_CSC = 3,
    TENSORFILE_BSR = 4,
    TENSORFILE_CSF = 5,
    TENSORFILE_BITMAP = 6,
    TENSORFILE_RAGGED = 7,
    TENSORFILE_STRING = 8,
    TENSORFILE_QUANTISED = 9
};

enum { /* flags of sparse layouts */
    TENSORFILE_SORTED = 1,
    TENSORFILE_UNIQUE = 2,
    TENSORFILE_SYMMETRIC = 16,
    TENSORFILE_SKEW = 32,
    TENSORFILE_HERMITIAN = 48,
    TENSORFILE_UPPER = 64
};

enum { /* how the bytes of a tensor are stored */
    TENSORFILE_NO_BYTES = 0, /* of a composite, or without elements */
    TENSORFILE_RAW = 1,      /* plain bytes */
    TENSORFILE_CHUNKED = 2,  /* a grid of chunks */
    TENSORFILE_STREAM = 3    /* of another format, compressed as a whole */
};

typedef struct tensorfile_info {
    const char *name;        /* of a part: its role */
    const char *dtype_name;  /* such as "f32"; "" for strings */
    const char *codec;       /* pipelines of a chunked tensor, a line each; "": none */
    const int64_t *shape;    /* rank extents, in elements */
    const int64_t *strides;  /* rank byte strides between units, of raw bytes */
    const int64_t *chunk;    /* rank extents of a chunk; NULL: not chunked */
    tensorfile_dtype dtype;
    int32_t rank;
    int32_t layout;          /* TENSORFILE_DENSE, ... */
    uint32_t layout_flags;
    int32_t parts;           /* of a composite; 0: dense */
    int32_t storage_kind;    /* TENSORFILE_RAW, ... */
    int32_t big_endian;      /* stored big-endian, in a foreign file */
    int64_t elements;
    int64_t nbytes;          /* of all elements in C order, rows of packed dtypes padded to units */
    int64_t stored;          /* bytes in the file */
    int64_t offset;          /* from the begin of the file to element (0, ..., 0) of a raw
                                tensor; -1: it is not in this file as plain bytes */
    uint64_t storage;        /* tensors with the same number share bytes; 0: none */
    uint64_t generation;     /* that wrote the tensor's entry; 0 in foreign files */
} tensorfile_info;

typedef struct tensorfile_list {
    size_t count;
    const tensorfile_info *items;
} tensorfile_list;

/* All tensors, ordered by the bytes of their names in native files, each
 * described: one call, one allocation, to be freed with tensorfile_list_free. */
int32_t tensorfile_list_tensors(tensorfile_file file, tensorfile_list *list, tensorfile_error *err);
void tensorfile_list_free(tensorfile_list *list);

/* A list of one: the tensor of this name, described and not opened. */
int32_t tensorfile_list_named(tensorfile_file file, const char *name, tensorfile_list *list, tensorfile_error *err);

/* Opens a tensor by name. */
int32_t tensorfile_lookup(tensorfile_file file, const char *name, tensorfile_tensor *tensor, tensorfile_error *err);

/* Opens the part of a composite that has this role: "indptr", "indices", "values",
 * "offsets", "bytes", "scales", "zeros", "group", "mask", "fill", "order", ... */
int32_t tensorfile_part(tensorfile_tensor tensor, const char *role, tensorfile_tensor *part, tensorfile_error *err);

/* The parts of a composite, by role; an empty list for a dense tensor. */
int32_t tensorfile_list_parts(tensorfile_tensor tensor, tensorfile_list *list, tensorfile_error *err);

/* Checks what the parts of a composite say of each other, once for an open file:
 * pointers that ascend, indices inside the shape, text that is UTF-8, as its layout
 * demands; CORRUPT and the rule if not. Call it before following indices of a file
 * from a stranger: tensorfile_read of a part copies what is there. Nothing is to be
 * checked of a dense tensor. */
int32_t tensorfile_check_parts(tensorfile_tensor tensor, tensorfile_error *err);

/* Describes a tensor. *info lives until the tensor's handle is released, also
 * after its file is closed. */
int32_t tensorfile_describe(tensorfile_tensor tensor, const tensorfile_info **info, tensorfile_error *err);

/* The attributes of a tensor as a JSON object in canonical form, "{}" for none.
 * The names of the axes are the array under "dims". */
int32_t tensorfile_attributes(tensorfile_tensor tensor, char **json, size_t *size, tensorfile_error *err);

/* The name of an axis; "" for one without. */
int32_t tensorfile_dim(tensorfile_tensor tensor, int32_t axis, char **name, tensorfile_error *err);

/* The content hash (SHA-256): equal for equal dtype, shape and elements, however
 * they are stored. */
int32_t tensorfile_hash(tensorfile_tensor tensor, uint8_t hash[32], tensorfile_error *err);

int32_t tensorfile_release_tensor(tensorfile_tensor tensor, tensorfile_error *err);

/* Leases the mapping of a raw tensor: *data is the address of its element (0, ...,
 * 0), from which shape and strides of its description lead to the others. Read
 * only. It is good until the lease is released, whatever happens to the handles
 * of the tensor and of the file. NULL for a tensor without elements. Fails with
 * ENCODED for chunked tensors and composites, NOT_MAPPED for files that are read.
 * Bools are as the file has them: bytes of any value. */
int32_t tensorfile_map(tensorfile_tensor tensor, tensorfile_lease *lease, const void **data, tensorfile_error *err);

/* Leases the mapping of the whole file: *data + offset of a description is that
 * tensor's element (0, ..., 0). One lease serves all tensors. Checksums are not
 * looked at, whatever the options of the file say. */
int32_t tensorfile_map_file(tensorfile_file file, tensorfile_lease *lease, const void **data, size_t *size, tensorfile_error *err);

int32_t tensorfile_release_lease(tensorfile_lease lease, tensorfile_error *err);

/* The elements start, start + step, ... of an axis, up to stop and without it, as
 * Python's range(start, stop, step). Each that is taken must be in the axis:
 * nothing is clipped and negative indices do not count from the end. step is not
 * 0; downward to the first element is stop -1. */
typedef struct tensorfile_range {
    int64_t start, stop, step;
} tensorfile_range;

/* Copies the selected elements, C order and the machine's byte order, to dst, which
 * has dst_size bytes, exactly those of the selection: elements times their size,
 * rows of packed dtypes padded to whole units. ranges has an item for each axis;
 * NULL takes all. Chunks are decoded by several threads, where they can straight
 * to their place. Works on every dense tensor of every file. A bool that is neither 0
 * nor 1 is CORRUPT, here and in the functions below. */
int32_t tensorfile_read(tensorfile_tensor tensor, const tensorfile_range *ranges, void *dst, size_t dst_size, tensorfile_error *err);

/* Elements in the caller's memory, of which data is element (0, ..., 0). */
typedef struct tensorfile_array {
    tensorfile_dtype dtype;
    int32_t rank;
    const int64_t *shape;    /* rank extents; NULL if rank is 0 */
    const int64_t *strides;  /* rank byte strides between units, of either sign; NULL: C order */
    void *data;              /* not written to by functions that write files */
} tensorfile_array;

/* tensorfile_read to memory of any strides that does not repeat. dtype and shape
 * are those of the selection. */
int32_t tensorfile_read_into(tensorfile_tensor tensor, const tensorfile_range *ranges, const tensorfile_array *dst, tensorfile_error *err);

/* Copies the rows with these numbers along axis 0, in this order, repeated ones
 * too, to dst as tensorfile_read does. Each chunk is decoded once, if the rows of
 * chunks side by side have at most 64 MiB. */
int32_t tensorfile_read_rows(tensorfile_tensor tensor, const int64_t *rows, size_t count, void *dst, size_t dst_size, tensorfile_error *err);

/* The elements of a quantised composite, or of a tensor of ggml's blocks, as numbers
 * of a dtype that is not packed, such as f32, to dst as tensorfile_read does. Of
 * blocks the range of the last axis takes whole ones, in order; some kinds of block
 * are UNSUPPORTED. */
int32_t tensorfile_dequantise(tensorfile_tensor tensor, const tensorfile_dtype *dtype, const tensorfile_range *ranges, void *dst, size_t dst_size, tensorfile_error *err);

/* ---- writing ---- */

typedef struct tensorfile_create_options {
    size_t size;            /* sizeof(tensorfile_create_options) */
    int32_t overwrite;      /* replace a file that is there; without: EXISTS */
    int32_t deterministic;  /* equal bytes for equal input; time is that below */
    int32_t no_sync;        /* do not wait for the disk */
    int32_t align;          /* of large payloads, a power of two from 4096; 0: 4096 */
    int64_t time;           /* of the commit, ns since 1970; 0: now */
} tensorfile_create_options;

/* Begins a new file. Its bytes go to a temporary file beside path until
 * tensorfile_commit, which puts the whole file in place in one step. */
int32_t tensorfile_create(const char *path, const tensorfile_create_options *options, tensorfile_writer *writer, tensorfile_error *err);

typedef struct tensorfile_edit_options {
    size_t size;        /* sizeof(tensorfile_edit_options) */
    int32_t wait_ms;    /* for another writer; 0: LOCKED at once */
    int32_t remote_fs;  /* go on where the file system is a network's */
    int64_t time;       /* of the commits, ns since 1970; 0: now */
} tensorfile_edit_options;

/* Opens a native file for appending and editing. Any number of commits may
 * follow, each a generation; readers see the file as it was when they opened it. */
int32_t tensorfile_edit(const char *path, const tensorfile_edit_options *options, tensorfile_writer *writer, tensorfile_error *err);

/* How a tensor is stored. NULL means: as plain bytes, without attributes. */
typedef struct tensorfile_store {
    size_t size;              /* sizeof(tensorfile_store) */
    const char *attributes;   /* a JSON object; NULL: none */
    const char *const *dims;  /* names of the axes, "" or NULL for one without; NULL: none */
    const char *codec;        /* "auto", "fast", "best", or a pipeline such as "shuffle|zstd:3";
                                 NULL: plain bytes, or raw chunks if chunk or fill is given */
    const int64_t *chunk;     /* extents of a chunk, one an axis, one in all for a composite;
                                 NULL: about 1 MiB */
    const void *fill;         /* one unit: chunks of nothing else take no room; NULL: zeros */
    size_t fill_size;
    int32_t replace;          /* take the place of a tensor of that name */
    int32_t shared;           /* allow changes of chunks that other names show, too */
} tensorfile_store;

/* Writes a tensor. Order in memory is kept as strides for plain bytes; axes of
 * stride 0 cost nothing. */
int32_t tensorfile_write(tensorfile_writer writer, const char *name, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err);

/* Writes bytes that several tensors show: *storage is for tensorfile_write_on. */
int32_t tensorfile_write_storage(tensorfile_writer writer, const void *data, size_t size, uint64_t *storage, tensorfile_error *err);

/* A tensor that shows a storage: element (0, ..., 0) stands offset bytes behind its
 * begin. Of array dtype, rank, shape and strides count, and data is NULL. Only
 * attributes, dims and replace of store are used. */
int32_t tensorfile_write_on(tensorfile_writer writer, uint64_t storage, int64_t offset, const char *name, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err);

typedef struct tensorfile_composite tensorfile_composite;

typedef struct tensorfile_composite_part {
    const char *role;
    const tensorfile_array *array;          /* elements, or: */
    const tensorfile_composite *composite;  /* a part that is composed itself */
} tensorfile_composite_part;

struct tensorfile_composite {
    int32_t layout;          /* TENSORFILE_CSR, ... */
    uint32_t flags;          /* TENSORFILE_SORTED | ... */
    tensorfile_dtype dtype;  /* all zeros for strings */
    int32_t rank;
    const int64_t *shape;
    size_t count;
    const tensorfile_composite_part *parts;
};

/* Writes a sparse, ragged, string or quantised tensor: all parts or none. Indices
 * and pointers that break a rule of the specification are CORRUPT, and nothing is
 * written. */
int32_t tensorfile_write_composite(tensorfile_writer writer, const char *name, const tensorfile_composite *composite, const tensorfile_store *store, tensorfile_error *err);

/* Copies a tensor of an open file, composites with all parts, under name, or its
 * own if name is NULL. Tensors that share bytes go on sharing them. store may be
 * NULL: as it is stored. */
int32_t tensorfile_write_from(tensorfile_writer writer, tensorfile_tensor tensor, const char *name, const tensorfile_store *store, tensorfile_error *err);

/* Appends rows along axis 0. array has the tensor's dtype and its shape but for
 * axis 0. A tensor of plain bytes becomes chunked, once; chunk, codec and fill of
 * store say how. The writer is one of tensorfile_edit, here and in all that
 * follows but for attributes, commit and close. */
int32_t tensorfile_append(tensorfile_writer writer, const char *name, const tensorfile_array *rows, const tensorfile_store *store, tensorfile_error *err);

/* Appends rows to all parts of a composite of layout csr, coo, bsr, bitmap, ragged
 * or string; their pointers and coordinates begin at 0. */
int32_t tensorfile_append_composite(tensorfile_writer writer, const char *name, const tensorfile_composite *rows, const tensorfile_store *store, tensorfile_error *err);

/* Replaces the selected elements of a chunked tensor. */
int32_t tensorfile_write_region(tensorfile_writer writer, const char *name, const tensorfile_range *ranges, const tensorfile_array *array, const tensorfile_store *store, tensorfile_error *err);

/* Cuts a chunked tensor to its first rows. */
int32_t tensorfile_shrink(tensorfile_writer writer, const char *name, int64_t rows, tensorfile_error *err);

int32_t tensorfile_remove(tensorfile_writer writer, const char *name, tensorfile_error *err);
int32_t tensorfile_rename(tensorfile_writer writer, const char *name, const char *to, tensorfile_error *err);

/* Gives a tensor a second name; both share their bytes. */
int32_t tensorfile_copy(tensorfile_writer writer, const char *name, const char *to, tensorfile_error *err);

/* Replaces all attributes of a tensor, or of the file if name is NULL, by those of
 * a JSON object. In a new file attributes of a tensor come with its store. */
int32_t tensorfile_set_attributes(tensorfile_writer writer, const char *name, const char *json, tensorfile_error *err);

/* The next commit holds what an older generation held. */
int32_t tensorfile_revert(tensorfile_writer writer, uint64_t generation, tensorfile_error *err);

/* Makes what was written durable and visible: of tensorfile_create the file
 * appears and nothing can be added, of tensorfile_edit a generation is added. */
int32_t tensorfile_commit(tensorfile_writer writer, tensorfile_error *err);

/* Ends a writer. What was not committed leaves no trace: no file of
 * tensorfile_create, the last generation of tensorfile_edit. */
int32_t tensorfile_close_writer(tensorfile_writer writer, tensorfile_error *err);

/* ---- whole files ---- */

typedef struct tensorfile_repack_options {
    size_t size;            /* sizeof(tensorfile_repack_options) */
    const uint64_t *keep;   /* generations to keep beside the one that file shows */
    size_t keep_count;      /* of them; 0: none */
    int32_t keep_all;       /* the whole history */
    int32_t overwrite;      /* replace a file that is there; in place it always is */
    int32_t deterministic;  /* equal bytes for equal input */
    int32_t no_sync;        /* do not wait for the disk */
    int32_t wait_ms;        /* for a writer of the file; 0: LOCKED at once */
    int32_t reserved;       /* 0 */
} tensorfile_repack_options;

/* Writes the generation that a native file shows, and those to be kept, to a new file
 * at path, without the bytes that none of them reaches: what was removed or replaced,
 * and older generations. Bytes are copied as they are and their checksums compared:
 * damage is an error, and nothing is written. path may be the file itself, if file
 * shows its newest generation: it is replaced in one step, and file and every other
 * reader keep the old one until they close it. *json is a report, an object with
 * generations, tensors, storages, payload, before and after (bytes), and in_place;
 * json may be NULL. */
int32_t tensorfile_repack(tensorfile_file file, const char *path, const tensorfile_repack_options *options, char **json, size_t *size, tensorfile_error *err);

typedef struct tensorfile_recover_options {
    size_t size;             /* sizeof(tensorfile_recover_options) */
    int32_t overwrite;       /* replace a file that is there; without: EXISTS */
    int32_t no_sync;         /* do not wait for the disk */
    int32_t unacknowledged;  /* take what belongs to commits that never ended, too */
    int32_t reserved;        /* 0 */
} tensorfile_recover_options;

/* Reads the damaged native file at path, which is not changed, and writes to a new
 * file at to every tensor whose checksums hold: it needs neither header nor catalog,
 * of which a file holds each entry twice. to NULL writes nothing and finds out what
 * would be. *whole is 1 if no tensor is lost and no chunk that was kept is damaged. *json is a
 * report, an object with uuid, generation, catalog_whole, tensors, storages, bytes,
 * damaged_chunks (kept as they are), unnamed_entries (of which the names are lost),
 * unreadable (bytes), unacknowledged (names), and damage and lost, arrays of objects
 * as those of tensorfile_verify, those of lost with a name; json may be NULL. Loss is
 * a report, not an error; an error means that nothing was written. */
int32_t tensorfile_recover(const char *path, const char *to, const tensorfile_recover_options *options, int32_t *whole, char **json, size_t *size, tensorfile_error *err);

#ifdef __cplusplus
}
#endif
#endif
