/*
 * What an operator's request may say: the first octet is its type, the rest
 * its body, signed by an operator. What is refused is refused with words;
 * whatever is carried out can be read again when the authority starts.
 */
#include "lib/authority/test_world.h"

#define ROUNDS	256	/* then a fresh ecosystem */

static struct world *world;

static void
gone(void)
{
	void *state = world;

	(void)world_free(&state);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	void *state = NULL;

	(void)argc, (void)argv;
	(void)world_make(&state);
	world = state;
	return atexit(gone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned round;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct diag diag = DIAG_INIT;

	/* an anchor may be a program, which would be run */
	if (size == 0 || data[0] == REQUEST_ANCHOR)
		return 0;
	if (round++ % ROUNDS == 0)
		world_copy(world, io_posix());
	if (submit(world, (enum request_type)data[0], bytes_of(data + 1,
	    size - 1), &result, &diag) == ERR_OK)
		world_open(world, io_posix());
	else if (diag.what[0] == '\0')
		abort();
	return 0;
}
