/* The distance between two places on earth in kilometres. */

#include <math.h>
#include <millrace/scalar.h>

/* The mean radius of the earth. */
#define RADIUS_KM 6371.0088
#define RADIANS_PER_DEGREE (3.14159265358979323846 / 180)

static millrace_status start(millrace_start *start) {
    millrace_config config = millrace_config_root(start);
    millrace_config_end(&config);
    bool right = start->input.count == 4;
    for (size_t at = 0; at < start->input.count; at++) {
        right = right && start->input.fields[at].type.kind == MILLRACE_FLOAT64;
    }
    if (!right) {
        return "it takes four float64: latitude and longitude of two places, in degrees";
    }
    millrace_result(start, (millrace_type){ .kind = MILLRACE_FLOAT64 });
    return MILLRACE_OK;
}

/* The square of the sine of half an angle. */
static double half(double angle) {
    double sine = sin(angle / 2);
    return sine * sine;
}

static double haversine(double lat1, double lon1, double lat2, double lon2) {
    lat1 *= RADIANS_PER_DEGREE;
    lon1 *= RADIANS_PER_DEGREE;
    lat2 *= RADIANS_PER_DEGREE;
    lon2 *= RADIANS_PER_DEGREE;
    double chord = half(lat2 - lat1) + cos(lat1) * cos(lat2) * half(lon2 - lon1);
    return 2 * RADIUS_KM * asin(fmin(sqrt(chord), 1));
}

/* Refuses a row that has no places; true if it has. */
static bool check(
    const millrace_batch *arguments, uint32_t row, const double *degrees, millrace_output *out
) {
    /* Latitudes first. */
    static const struct {
        size_t argument;
        const char *name;
        double max;
    } checks[] = { { 0, "latitude", 90 },
                   { 2, "latitude", 90 },
                   { 1, "longitude", 180 },
                   { 3, "longitude", 180 } };
    for (size_t at = 0; at < 4; at++) {
        double value = degrees[checks[at].argument];
        if (isnan(value) || fabs(value) > checks[at].max) {
            const char *text = millrace_double_text(arguments->arena, value);
            millrace_row_error(out, row, "no_place", "%s is no %s", text, checks[at].name);
            return false;
        }
    }
    return true;
}

static millrace_status evaluate(
    void *self, const millrace_batch *arguments, millrace_output *out, millrace_column *result
) {
    (void)self;
    double *kilometres = MILLRACE_ARRAY(arguments->arena, double, arguments->rows);
    bool *valid = MILLRACE_ARRAY(arguments->arena, bool, arguments->rows);
    for (uint32_t row = 0; row < arguments->rows; row++) {
        double degrees[4];
        valid[row] = true;
        for (size_t at = 0; at < 4; at++) {
            degrees[at] = millrace_doubles(&arguments->columns[at])[row];
            valid[row] = valid[row] && millrace_is_valid(&arguments->columns[at], row);
        }
        valid[row] = valid[row] && check(arguments, row, degrees, out);
        kilometres[row] = valid[row] ? haversine(degrees[0], degrees[1], degrees[2], degrees[3])
                                     : 0;
    }
    *result = millrace_column_of_doubles(arguments->arena, kilometres, valid, arguments->rows);
    return MILLRACE_OK;
}

const millrace_scalar millrace_plugin = {
    .about = {
        .name = "haversine",
        .version = "0.1.0",
        .summary = "The distance between two places on earth in kilometres",
    },
    .start = start,
    .evaluate = evaluate,
};
