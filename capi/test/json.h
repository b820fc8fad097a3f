/* JSON for the files of the corpus: values that are compared with others. */
#ifndef JSON_H
#define JSON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct json json;
struct json {
    enum { J_NULL, J_FALSE, J_TRUE, J_NUMBER, J_STRING, J_ARRAY, J_OBJECT } type;
    char *text;   /* of a string, decoded, or of a number as it stands */
    size_t size;  /* of the text, which may hold NULs */
    json *first;  /* of an array or object */
    json *next;   /* beside it */
    char *key;    /* in an object */
    size_t key_size;
};

static inline void json_die(const char *at) {
    fprintf(stderr, "JSON: %.40s\n", at);
    exit(2);
}

static inline const char *json_space(const char *p) { return p + strspn(p, " \t\r\n"); }

static inline char *json_put(char *out, unsigned c) {
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6), *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12), *out++ = (char)(0x80 | (c >> 6 & 63)), *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xf0 | c >> 18), *out++ = (char)(0x80 | (c >> 12 & 63)), *out++ = (char)(0x80 | (c >> 6 & 63)),
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

static inline unsigned json_hex(const char *p) {
    char b[5] = {0};
    memcpy(b, p, 4);
    return (unsigned)strtoul(b, NULL, 16);
}

static inline const char *json_string(const char *p, char **text, size_t *size) {
    const char *end = ++p;
    while (*end != '"') {
        if (*end == 0) json_die(p);
        end += *end == '\\' ? 2 : 1;
    }
    char *out = *text = malloc((size_t)(end - p) + 1);
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t", *at;
        if (p[1] == 'u') {
            unsigned c = json_hex(p + 2);
            p += 6;
            if (c >= 0xd800 && c < 0xdc00 && p[0] == '\\' && p[1] == 'u') {
                c = 0x10000 + ((c - 0xd800) << 10) + (json_hex(p + 2) - 0xdc00);
                p += 6;
            }
            out = json_put(out, c);
        } else if ((at = strchr(from, p[1]))) {
            *out++ = to[at - from];
            p += 2;
        } else {
            json_die(p);
        }
    }
    *out = 0;
    *size = (size_t)(out - *text);
    return end + 1;
}

static inline const char *json_value(const char *p, json **to) {
    json *v = *to = calloc(1, sizeof *v);
    p = json_space(p);
    if (*p == '"') {
        v->type = J_STRING;
        return json_string(p, &v->text, &v->size);
    }
    if (*p == '[' || *p == '{') {
        char close = *p == '[' ? ']' : '}';
        v->type = *p == '[' ? J_ARRAY : J_OBJECT;
        json **tail = &v->first;
        p = json_space(p + 1);
        while (*p != close) {
            char *key = NULL;
            size_t key_size = 0;
            if (v->type == J_OBJECT) {
                if (*p != '"') json_die(p);
                p = json_space(json_string(p, &key, &key_size));
                if (*p++ != ':') json_die(p);
            }
            p = json_space(json_value(p, tail));
            (*tail)->key = key, (*tail)->key_size = key_size;
            tail = &(*tail)->next;
            if (*p == ',') p = json_space(p + 1);
        }
        return p + 1;
    }
    if (!strncmp(p, "null", 4)) return p + 4;
    if (!strncmp(p, "true", 4)) return v->type = J_TRUE, p + 4;
    if (!strncmp(p, "false", 5)) return v->type = J_FALSE, p + 5;
    v->size = strspn(p, "+-.0123456789eEInfinityNa");
    if (!v->size) json_die(p);
    v->type = J_NUMBER;
    v->text = calloc(v->size + 1, 1);
    memcpy(v->text, p, v->size);
    return p + v->size;
}

static inline json *json_parse(const char *text) {
    json *v;
    const char *end = json_space(json_value(text, &v));
    if (*end) json_die(end);
    return v;
}

static inline void json_free(json *v) {
    while (v) {
        json *next = v->next;
        json_free(v->first);
        free(v->text);
        free(v->key);
        free(v);
        v = next;
    }
}

/* A member of an object, or NULL. */
static inline json *json_get(const json *v, const char *key) {
    for (json *m = v ? v->first : NULL; m; m = m->next)
        if (m->key && m->key_size == strlen(key) && !memcmp(m->key, key, m->key_size)) return m;
    return NULL;
}

static inline long long json_int(const json *v) { return v && v->type == J_NUMBER ? strtoll(v->text, NULL, 10) : -1; }

static inline size_t json_len(const json *v) {
    size_t n = 0;
    for (json *m = v ? v->first : NULL; m; m = m->next) n++;
    return n;
}

/* Whether two values are the same: numbers as numbers, objects in any order. */
static inline int json_equal(const json *a, const json *b) {
    if (!a || !b || a->type != b->type) return 0;
    if (a->type == J_STRING) return a->size == b->size && !memcmp(a->text, b->text, a->size);
    if (a->type == J_NUMBER) {
        if (!strpbrk(a->text, ".eEIN") && !strpbrk(b->text, ".eEIN")) return !strcmp(a->text, b->text);
        return strtod(a->text, NULL) == strtod(b->text, NULL);
    }
    if (json_len(a) != json_len(b)) return 0;
    json *y = b->first;
    for (json *x = a->first; x; x = x->next) {
        if (a->type == J_OBJECT) {
            for (y = b->first; y && !(y->key_size == x->key_size && !memcmp(y->key, x->key, x->key_size));) y = y->next;
        }
        if (!json_equal(x, y)) return 0;
        y = a->type == J_ARRAY ? y->next : NULL;
    }
    return 1;
}

#endif
