/* Time and random numbers, which the worlds of transform and keyed plugins import. */

#include "../cross.h"
#include "millrace/clock.h"
#include "millrace/random.h"

int64_t millrace_now(void) { return millrace_plugin_clock_now(); }

uint64_t millrace_random(void) { return millrace_plugin_random_number(); }

void millrace_random_bytes(void *bytes, size_t length) {
    guest_list_u8_t random = { 0 };
    millrace_plugin_random_bytes((uint32_t)length, &random);
    memcpy(bytes, random.ptr, random.len);
}
