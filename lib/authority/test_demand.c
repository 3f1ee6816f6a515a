/* What the server takes on the disk for what it issues, measured. */
#define DEVICES	96

#include "lib/authority/test_enrol.h"

#include <sys/stat.h>

#include "lib/authority/demand.h"
#include "lib/authority/log_publish.h"

#define RENEWALS	2

/* Closed, so that nothing of the registry lies elsewhere. */
static double
registry_octets(struct field *f)
{
	char path[PATH_SIZE];
	struct stat st;

	world_close(f->w);
	assert_int_equal(path_join(path, f->w->dir, "registry.db"), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	world_open(f->w, io_posix());
	return (double)st.st_size;
}

static double
published_octets(struct field *f)
{
	const struct publish publish = { .now = NOW };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;
	char path[PATH_SIZE];

	good(authority_publish_status(f->w->authority, &publish, &diag),
	    &diag);
	good(authority_log_publish(f->w->authority, LOG_ONLINE_NUMBER, &diag),
	    &diag);
	good(authority_log_publish(f->w->authority, LOG_OPERATIONS_NUMBER,
	    &diag), &diag);
	shell("du -s --apparent-size -B1 '%s/publish' > '%s/size'", f->w->dir,
	    f->w->root);
	assert_int_equal(path_join(path, f->w->root, "size"), ERR_OK);
	good(io_read_file(io_posix(), path, &text, &diag), &diag);
	buf_put_u8(&text, '\0');
	assert_int_equal(buf_err(&text), ERR_OK);
	return strtod((const char *)text.ptr, NULL);
}

static double
octets(struct field *f)
{
	double published = published_octets(f);

	return published + registry_octets(f);
}

static void
renewed(struct field *f, struct enrol *e, struct doorbell *device)
{
	_cleanup_asked_ struct asked asked = ASKED_INIT;
	_cleanup_answered_ struct answered a = ANSWERED_INIT,
	    b = ANSWERED_INIT;

	asked_enrol(f, &asked, DEVICE_RENEW, &device->now);
	assert_int_equal(ask(f, e, &asked, &a), ENROL_DONE);
	credential_take(f, &asked, a.index, &device->now);
	assert_int_equal(confirm(f, e, &device->now, a.package, &b),
	    ENROL_DONE);
}

/* Octets of each of so many rounds; 0: of the first enrolment. */
static double
grown(struct field *f, unsigned renewals)
{
	double before = octets(f);
	struct enrol *e = opened(f);
	struct diag diag = DIAG_INIT;
	unsigned n;
	size_t i;

	for (n = 0; n < renewals; n++)
		for (i = 0; i < DEVICES; i++)
			renewed(f, e, &f->devices[i]);
	for (i = 0; i < DEVICES && renewals == 0; i++)
		(void)enrolled(f, e, &f->devices[i]);
	good(enrol_end(e, NOW, &diag), &diag);
	enrol_close(&e);
	return (octets(f) - before) / (double)(DEVICES * (renewals > 0 ?
	    renewals : 1));
}

/* As near as pages and files are that are seldom full. */
static void
near(double reckoned, double is)
{
	assert_true(reckoned > 0.8 * is);
	assert_true(reckoned < 1.25 * is);
}

static void
test_measured(void **state)
{
	struct field *f = *state;
	struct diag diag = DIAG_INIT;
	double first, again, spent;
	struct demand demand;

	first = grown(f, 0);
	again = grown(f, RENEWALS);
	spent = DEVICES * (first + again * RENEWALS);
	good(authority_demand(f->w->authority, NOW, &demand, &diag), &diag);
	assert_int_equal(demand.enrolled, (RENEWALS + 1) * DEVICES);
	assert_int_equal(demand.ordered, DEVICES);
	near(demand.online_octets, first);
	near(demand.online_octets, again);
	demand.ordered = 0;
	near(demand_days(&demand, spent, demand.online_octets,
	    demand.registry_octets), DEMAND_DAYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_measured, field_fresh),
	};

	return cmocka_run_group_tests(tests, field_make, field_free);
}
