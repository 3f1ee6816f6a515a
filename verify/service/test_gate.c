/* Files that appear, change, cannot be read or go back, and new trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "verify/service/gate.h"

#include "lib/x509/test_crl_make.h"
#include "verify/test_world.h"

static char dir[] = "/tmp/test_gate.XXXXXX";
static char trust_path[64], crl_path[64], pattern[64];
static bool open_fails;
static struct buf told = BUF_INIT;

static int
open_or_not(void *state, const char *path, int flags, mode_t mode)
{
	if (open_fails) {
		errno = EIO;
		return -1;
	}
	return io_posix()->open(state, path, flags, mode);
}

static void
note(void *ctx, const char *text)
{
	(void)ctx;
	buf_printf(&told, "%s\n", text);
}

static void
put(const char *path, const struct buf *data)
{
	assert_int_equal(io_write_file(io_posix(), path, buf_bytes(data),
	    0600, NULL), ERR_OK);
}

static void
crl_put(uint64_t number)
{
	_cleanup_buf_ struct buf crl = BUF_INIT;
	struct crl_head head = crl_head_of(&ours.bulk, number, NOW,
	    NOW + DAY);

	crl_make(&head, NULL, 0, ours.bulk.signer, &crl);
	put(crl_path, &crl);
}

static void
health_is(const struct gate *gate, bool good, const char *says)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (gate_put_health(gate, NOW, &text) != good ||
	    strstr(buf_text(&text), says) == NULL)
		fail_msg("%s: not %s", buf_text(&text), says);
}

static void
told_is(const char *says)
{
	if (says[0] == '\0' ? told.len > 0 :
	    strstr(buf_text(&told), says) == NULL)
		fail_msg("%s: not %s", buf_text(&told), says);
	buf_clear(&told);
}

static void
test_gate(void **state)
{
	struct io io = *io_posix();
	_cleanup_gate_ struct gate gate = GATE_INIT;
	const struct buf junk = { .ptr = (uint8_t *)(uintptr_t) "junk",
		.len = 4 };
	struct diag diag = DIAG_INIT;

	(void)state;
	io.open = open_or_not;
	gate.io = &io;
	gate.trust = trust_path;
	gate.patterns[0] = pattern;
	gate.pattern_count = 1;
	gate.tell = note;
	assert_int_equal(gate_open(&gate, DAY, &diag), ERR_NOTFOUND);
	put(trust_path, &junk);
	assert_int_equal(gate_open(&gate, DAY, NULL), ERR_SYNTAX);
	put(trust_path, &ours.trust);
	assert_int_equal(gate_open(&gate, -1, NULL), ERR_INVALID);
	gate_release(&gate);
	assert_int_equal(gate_open(&gate, DAY, NULL), ERR_OK);

	gate_look(&gate);
	told_is("");
	health_is(&gate, false, "\"held\":[],\"refused\":[]");
	/* told once, tried again and again */
	crl_put(7);
	open_fails = true;
	gate_look(&gate);
	told_is("refused ");
	health_is(&gate, false, "\"refused\":[{\"file\":");
	gate_look(&gate);
	told_is("");
	open_fails = false;
	gate_look(&gate);
	told_is("took ");
	health_is(&gate, true, "\"age\":0,");
	gate_look(&gate);
	told_is("");
	/* refused once for all, until it changes */
	put(crl_path, &junk);
	gate_look(&gate);
	told_is("refused ");
	gate_look(&gate);
	told_is("");
	crl_put(6);
	gate_look(&gate);
	told_is("older than the one held");
	health_is(&gate, true, "older than the one held");

	put(trust_path, &junk);
	assert_int_equal(gate_reload(&gate, NULL), ERR_SYNTAX);
	health_is(&gate, true, "\"fresh\":true");
	put(trust_path, &ours.trust);
	assert_int_equal(gate_reload(&gate, NULL), ERR_OK);
	told_is("older than the one held");
	health_is(&gate, true, "\"fresh\":true");
	assert_int_equal(unlink(crl_path), 0);
	gate_look(&gate);
	health_is(&gate, true, "\"fresh\":true}");
	health_is(&gate, true, "\"refused\":[]");
	put(trust_path, &strangers.trust);
	assert_int_equal(gate_reload(&gate, NULL), ERR_OK);
	health_is(&gate, false, "\"held\":[]");
}

static int
set_up(void **state)
{
	(void)state;
	ecosystem_make(&ours, "ours");
	ecosystem_make(&strangers, "strangers");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(trust_path, sizeof(trust_path), "%s/trust.pem", dir);
	(void)snprintf(crl_path, sizeof(crl_path), "%s/bulk.crl", dir);
	(void)snprintf(pattern, sizeof(pattern), "%s/*.crl", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ecosystem_release(&ours);
	ecosystem_release(&strangers);
	buf_release(&told);
	(void)unlink(trust_path);
	(void)unlink(crl_path);
	(void)rmdir(dir);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_gate) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
