/* The order of rows and timers, which must not depend on the rows that share a batch. */

#include <millrace/keyed.h>

#include <millrace/testing.h>

/* Says what it sees, and sets the timers that its rows ask for. */

static const millrace_field seen = { .name = "seen", .type = { .kind = MILLRACE_UTF8 } };

static millrace_status start(millrace_start *start) {
    millrace_reads(start, "timer");
    millrace_reads(start, "after");
    millrace_port(start, "main", &seen, 1);
    millrace_port_drops(start, "main", "timer");
    millrace_port_drops(start, "main", "after");
    millrace_port_drops(start, "main", "at");
    return MILLRACE_OK;
}

#define EVENTS_MAX 64

static millrace_status process(void *self, millrace_keyed_batch *batch, millrace_output *out) {
    (void)self;
    const millrace_batch *rows = millrace_rows(batch);
    uint32_t *numbers = MILLRACE_ARRAY(rows->arena, uint32_t, EVENTS_MAX);
    millrace_text *texts = MILLRACE_ARRAY(rows->arena, millrace_text, EVENTS_MAX);
    size_t count = 0;
    millrace_event event;
    while (millrace_next(batch, &event) && count < EVENTS_MAX) {
        const char *text = NULL;
        long long time = (long long)event.time;
        if (event.kind == MILLRACE_TIMER) {
            const char *clock = event.clock == MILLRACE_EVENT_TIME ? "event" : "processing";
            text = millrace_format(rows->arena, "%s %u %lld", clock, (unsigned)event.timer, time);
            numbers[count] = millrace_key_row(batch);
        } else {
            text = millrace_format(rows->arena, "row %lld", time);
            numbers[count] = event.row;
            const millrace_column *timer = &rows->columns[0];
            const millrace_column *after = &rows->columns[1];
            if (millrace_is_valid(timer, event.row)) {
                uint32_t id = (uint32_t)millrace_int64s(timer)[event.row];
                int64_t delay = millrace_int64s(after)[event.row];
                if (!millrace_is_valid(after, event.row)) {
                    millrace_cancel_timer(batch, id);
                } else if (id >= 100) {
                    millrace_set_processing_timer(batch, id, (uint64_t)delay);
                } else {
                    millrace_set_timer(batch, id, event.time + delay);
                }
            }
        }
        texts[count++] = millrace_text_of(text);
    }
    millrace_column column = millrace_column_of_texts(rows->arena, texts, count);
    millrace_out_some(out, "main", numbers, count, &column, 1);
    return MILLRACE_OK;
}

static const millrace_keyed plugin = { .start = start, .process = process };

static const char schema[] =
    "{'key': 'string', 'at': 'timestamp', 'timer': 'int64', 'after': 'int64'}";

static millrace_test *started(const char *event_time) {
    return millrace_test_keyed(&plugin, "{}", schema, "key", event_time);
}

#define AT(us) "'at': '1970-01-01T00:00:00.0000" us "Z'"
#define SEEN(text) "{'key': 'a', 'seen': '" text "'}\n"

/* The rows of one key, in one batch or in several. */
static const char *const rows[] = {
    "{'key': 'a', " AT("10") ", 'timer': 1, 'after': 5}\n",
    "{'key': 'a', " AT("12") ", 'timer': 2, 'after': 5}\n",
    "{'key': 'a', " AT("15") ", 'timer': 3, 'after': -9}\n",
    "{'key': 'a', " AT("17") ", 'timer': 4, 'after': 100}\n",
    "{'key': 'a', " AT("20") ", 'timer': 4, 'after': null}\n",
    "{'key': 'a', " AT("30") "}\n",
};

static int timers_come_in_their_place_in_any_batches(void) {
    int failed = 0;
    for (size_t size = 1; size <= 6; size++) {
        millrace_test *test = started("at");
        for (size_t from = 0; from < 6; from += size) {
            char batch[1024] = "";
            for (size_t row = from; row < from + size && row < 6; row++) {
                strcat(batch, rows[row]);
            }
            millrace_test_rows(test, batch);
        }
        millrace_test_watermark(test, 1000);
        /* Timer 1 is due at a row's own time, and comes before it. Timer 3 was set for a time that
         * was over, so it comes right behind the row that set it. Timer 4 was cancelled. */
        millrace_test_expect(
            test, "main",
            SEEN("row 10") SEEN("row 12") SEEN("event 1 15") SEEN("row 15") SEEN("event 3 16")
                SEEN("event 2 17") SEEN("row 17") SEEN("row 20") SEEN("row 30")
        );
        failed += millrace_test_end(test);
    }
    return failed;
}

static int a_timer_that_is_set_again_moves(void) {
    millrace_test *test = started("at");
    millrace_test_rows(
        test,
        "{'key': 'a', " AT("10") ", 'timer': 1, 'after': 5}\n"
                                 "{'key': 'a', " AT("12") ", 'timer': 1, 'after': 50}\n"
                                                          "{'key': 'a', " AT("20") "}\n"
    );
    millrace_test_expect_number(test, "timers", millrace_test_timers(test), 1);
    millrace_test_watermark(test, 61);
    millrace_test_expect_number(test, "timers", millrace_test_timers(test), 1);
    millrace_test_watermark(test, 62);
    millrace_test_expect(
        test, "main", SEEN("row 10") SEEN("row 12") SEEN("row 20") SEEN("event 1 62")
    );
    return millrace_test_end(test);
}

static int the_clock_of_the_host_has_timers_of_its_own(void) {
    millrace_test *test = started(NULL);
    millrace_test_rows(test, "{'key': 'a', 'timer': 100, 'after': 7}\n");
    millrace_test_pass(test, 6);
    millrace_test_expect(test, "main", SEEN("row 0"));
    millrace_test_pass(test, 1);
    millrace_test_expect(test, "main", SEEN("row 0") SEEN("processing 100 7"));
    return millrace_test_end(test);
}

static millrace_status stop_early(void *self, millrace_keyed_batch *batch, millrace_output *out) {
    (void)self;
    (void)out;
    millrace_event event;
    millrace_next(batch, &event);
    return MILLRACE_OK;
}

static int rows_may_not_be_left_over(void) {
    static const millrace_keyed early = { .start = start, .process = stop_early };
    millrace_test *test = millrace_test_keyed(&early, "{}", schema, "key", NULL);
    millrace_test_rows(test, "{'key': 'a'}\n{'key': 'a'}\n");
    millrace_test_expect_failure(test, "`process` returned before it had handled all rows");
    millrace_test_rows(test, "{'key': 'a'}\n{'key': 'b'}\n");
    millrace_test_expect_failure(test, "`process` returned before it had handled all keys");
    return millrace_test_end(test);
}

int main(void) {
    return timers_come_in_their_place_in_any_batches() + a_timer_that_is_set_again_moves()
        + the_clock_of_the_host_has_timers_of_its_own() + rows_may_not_be_left_over();
}
