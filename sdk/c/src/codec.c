#include "millrace/codec.h"

#include "arena.h"

static uint8_t *room(millrace_writer *writer, size_t length) {
    if (writer->length + length > writer->capacity_) {
        size_t capacity = (writer->length + length) * 2;
        capacity = capacity < 64 ? 64 : capacity;
        writer->bytes = mr_arena_grow(writer->arena, writer->bytes, writer->length, capacity);
        writer->capacity_ = capacity;
    }
    return writer->bytes + writer->length;
}

void millrace_write(millrace_writer *writer, const void *bytes, size_t length) {
    uint8_t *to = room(writer, length);
    if (length > 0) {
        memcpy(to, bytes, length);
        writer->length += length;
    }
}

void millrace_write_uint(millrace_writer *writer, uint64_t number) {
    uint8_t *to = room(writer, 10);
    size_t length = 0;
    for (; number >= 0x80; number >>= 7) {
        to[length++] = (uint8_t)(number | 0x80);
    }
    to[length++] = (uint8_t)number;
    writer->length += length;
}

void millrace_write_int(millrace_writer *writer, int64_t number) {
    uint64_t sign = number < 0 ? UINT64_MAX : 0;
    millrace_write_uint(writer, (uint64_t)number << 1 ^ sign);
}

void millrace_write_double(millrace_writer *writer, double number) {
    millrace_write(writer, &number, sizeof number);
}

void millrace_write_bytes(millrace_writer *writer, millrace_bytes bytes) {
    millrace_write_uint(writer, bytes.length);
    millrace_write(writer, bytes.bytes, bytes.length);
}

void millrace_write_text(millrace_writer *writer, millrace_text text) {
    millrace_write_uint(writer, text.length);
    millrace_write(writer, text.bytes, text.length);
}

millrace_bytes millrace_written(const millrace_writer *writer) {
    static const uint8_t none[1] = { 0 };
    return (millrace_bytes){ writer->bytes == NULL ? none : writer->bytes, writer->length };
}

millrace_reader millrace_read_from(millrace_bytes bytes) {
    if (bytes.bytes == NULL) {
        return (millrace_reader){ 0 };
    }
    return (millrace_reader){ .at = bytes.bytes, .end = bytes.bytes + bytes.length };
}

static size_t left(const millrace_reader *reader) {
    return reader->at == NULL ? 0 : (size_t)(reader->end - reader->at);
}

/* What can't be read ends the reading. */
static void failed(millrace_reader *reader) {
    reader->failed = true;
    reader->at = reader->end;
}

millrace_bytes millrace_read(millrace_reader *reader, size_t length) {
    static const uint8_t none[1] = { 0 };
    millrace_bytes bytes = { none, 0 };
    if (length > left(reader)) {
        failed(reader);
    } else if (length > 0) {
        bytes = (millrace_bytes){ reader->at, length };
        reader->at += length;
    }
    return bytes;
}

uint64_t millrace_read_uint(millrace_reader *reader) {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (left(reader) == 0) {
            break;
        }
        uint64_t byte = *reader->at++;
        uint64_t bits = byte & 0x7F;
        if (shift == 63 && byte > 1) {
            break;
        }
        number |= bits << shift;
        if (byte < 0x80) {
            return number;
        }
    }
    failed(reader);
    return 0;
}

int64_t millrace_read_int(millrace_reader *reader) {
    uint64_t number = millrace_read_uint(reader);
    uint64_t sign = (number & 1) != 0 ? UINT64_MAX : 0;
    return (int64_t)(number >> 1 ^ sign);
}

double millrace_read_double(millrace_reader *reader) {
    double number = 0;
    millrace_bytes bytes = millrace_read(reader, sizeof number);
    if (bytes.length == sizeof number) {
        memcpy(&number, bytes.bytes, sizeof number);
    }
    return number;
}

/* A length that was written, if there are so many bytes. */
static size_t read_length(millrace_reader *reader) {
    uint64_t length = millrace_read_uint(reader);
    if (length > left(reader)) {
        failed(reader);
        return 0;
    }
    return (size_t)length;
}

millrace_bytes millrace_read_bytes(millrace_reader *reader) {
    return millrace_read(reader, read_length(reader));
}

millrace_text millrace_read_text(millrace_reader *reader) {
    millrace_bytes bytes = millrace_read_bytes(reader);
    return (millrace_text){ (const char *)bytes.bytes, bytes.length };
}
