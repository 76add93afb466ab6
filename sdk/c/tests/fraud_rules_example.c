/* The example natively, with the golden cases that all languages share. */

#include <millrace/transform.h>

#include <millrace/testing.h>

#include "golden.h"

#define START(config, schema) millrace_test_transform(&millrace_plugin, config, schema)

GOLDEN("fraud_rules", START, "other_columns", "ports")
