/*
 * What the C library asks of a system for its stdio. A plugin has none: what is printed is dropped.
 * The library names these functions so for itself, and without them would import them from WASI even
 * where a plugin prints nothing.
 */

#include <stddef.h>
#include <stdint.h>

#define SUCCESS 0
#define BAD_FILE 8

typedef struct piece {
    const uint8_t *bytes;
    size_t length;
} piece;

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t file);
int32_t __imported_wasi_snapshot_preview1_fd_seek(
    int32_t file, int64_t offset, int32_t whence, int32_t position
);
int32_t __imported_wasi_snapshot_preview1_fd_write(
    int32_t file, int32_t pieces, int32_t count, int32_t written
);
int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t file, int32_t status);

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t file) {
    (void)file;
    return SUCCESS;
}

int32_t __imported_wasi_snapshot_preview1_fd_seek(
    int32_t file, int64_t offset, int32_t whence, int32_t position
) {
    (void)file;
    (void)offset;
    (void)whence;
    (void)position;
    return BAD_FILE;
}

int32_t __imported_wasi_snapshot_preview1_fd_write(
    int32_t file, int32_t pieces, int32_t count, int32_t written
) {
    (void)file;
    const piece *all = (const piece *)(uintptr_t)(uint32_t)pieces;
    size_t length = 0;
    for (int32_t at = 0; at < count; at++) {
        length += all[at].length;
    }
    *(size_t *)(uintptr_t)(uint32_t)written = length;
    return SUCCESS;
}

int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t file, int32_t status) {
    (void)file;
    (void)status;
    return BAD_FILE;
}
