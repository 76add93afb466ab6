/* A text of JSON that is read value by value. */
#ifndef MILLRACE_SRC_SCANNER_H
#define MILLRACE_SRC_SCANNER_H

#include "millrace/json.h"

/* Notes a mistake in what comes next; always false. */
bool wrong_next(millrace_scanner *scanner, const char *error);

#endif
