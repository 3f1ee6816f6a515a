#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/parallel.h"

#define MANY	10007

static void
count_one(void *ctx, size_t i)
{
	((uint8_t *)ctx)[i]++;
}

/* Each part once, none beyond the end, whatever the number. */
static void
test_each_once(void **state)
{
	static uint8_t seen[MANY + 1], expected[MANY + 1];
	static const size_t counts[] = { 0, 1, 2, 3, 4, 5, 8, 9, 100, MANY };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		memset(seen, 0, sizeof(seen));
		memset(expected, 0, sizeof(expected));
		memset(expected, 1, counts[i]);
		parallel_each(count_one, seen, counts[i]);
		assert_memory_equal(seen, expected, sizeof(seen));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
