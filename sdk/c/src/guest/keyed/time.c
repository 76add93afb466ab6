/* As in the world of transform plugins, but with the bindings of this one. */
#include "../transform/time.c"
