/* What a kind is like in memory. */
#ifndef MILLRACE_SRC_WIDE_H
#define MILLRACE_SRC_WIDE_H

#include "millrace/schema.h"

/* How the values of a kind lie in memory. */
typedef enum layout {
    LAYOUT_BITS,
    LAYOUT_FIXED,
    LAYOUT_OFFSETS, /* text and bytes: offsets, then bytes */
    LAYOUT_LIST,    /* lists and maps: offsets, then a child */
    LAYOUT_STRUCT
} layout;

layout mr_layout_of(millrace_kind kind);

/* Bytes of one value of LAYOUT_FIXED. */
size_t mr_width_of(const millrace_type *type);

/* Without what its parameters would add. */
const char *mr_kind_name(millrace_kind kind);

#endif
