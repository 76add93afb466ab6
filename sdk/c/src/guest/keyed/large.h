/* Large state at the host. */
#ifndef MILLRACE_SRC_GUEST_LARGE_H
#define MILLRACE_SRC_GUEST_LARGE_H

#include "../../keyed.h"

extern const large_state mr_host_large_state;

#endif
