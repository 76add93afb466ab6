/* What translate-c makes the module `c` of: all headers at once. */
#include <millrace/aggregate.h>
#include <millrace/keyed.h>
#include <millrace/scalar.h>
#include <millrace/transform.h>

#include <millrace/clock.h>
#include <millrace/log.h>
#include <millrace/metrics.h>
#include <millrace/random.h>
#include <millrace/testing.h>
