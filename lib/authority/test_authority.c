#include "lib/authority/test_world.h"

#include "lib/x509/x509_read.h"

static enum err
open_as(struct world *w, enum authority_mode mode,
    struct authority **ret_authority, struct diag *diag)
{
	return authority_open(io_posix(), w->dir, mode, ret_authority, diag);
}

/* One writer; readers beside it; freed when it closes. */
static void
test_lock(void **state)
{
	struct world *w = *state;
	struct authority *other = NULL;
	struct diag diag = DIAG_INIT;

	assert_int_equal(open_as(w, AUTHORITY_WRITE, &other, &diag),
	    ERR_BUSY);
	assert_null(other);
	assert_true(diag.hint[0] != '\0');
	good(open_as(w, AUTHORITY_READ, &other, &diag), &diag);
	assert_string_equal(authority_info(other)->name, "test");
	authority_close(&other);
	/* the reader's end did not take the writer's lock along */
	assert_int_equal(open_as(w, AUTHORITY_WRITE, &other, NULL),
	    ERR_BUSY);
	world_close(w);
	diag = (struct diag)DIAG_INIT;
	good(open_as(w, AUTHORITY_WRITE, &other, &diag), &diag);
	authority_close(&other);
	assert_null(other);
	authority_close(&other);	/* of nothing is nothing */
}

/* An opening that fails after the lock was taken gives it back. */
static void
test_lock_given_back(void **state)
{
	static const char *const harm[] = {
		"DELETE FROM meta WHERE name = 'ecosystem'",
		"DELETE FROM meta WHERE name = 'created'",
		"UPDATE meta SET value = x'00' WHERE name = 'created'",
		"UPDATE meta SET value = x'00' WHERE name = 'ecosystem-id'",
		"UPDATE meta SET value = zeroblob(17) "
		    "WHERE name = 'ecosystem-id'",
		"UPDATE meta SET value = zeroblob(33) "
		    "WHERE name = 'ecosystem'",
		"UPDATE meta SET value = x'' WHERE name = 'ecosystem'",
		"UPDATE meta SET value = 'nowhere' "
		    "WHERE name = 'publish-url'",
	};
	struct world *w = *state;
	size_t i;

	for (i = 0; i < COUNT(harm); i++) {
		struct authority *other = NULL;
		struct diag diag = DIAG_INIT;

		world_copy(w, io_posix());
		registry_change(w, harm[i]);
		world_close(w);
		assert_int_equal(open_as(w, AUTHORITY_WRITE, &other, &diag),
		    i < 2 ? ERR_NOTFOUND : ERR_CORRUPT);
		assert_null(other);
		assert_true(diag.what[0] != '\0');
		/* still no ERR_BUSY */
		assert_int_equal(open_as(w, AUTHORITY_WRITE, &other, NULL),
		    i < 2 ? ERR_NOTFOUND : ERR_CORRUPT);
	}
}

static void
test_missing(void **state)
{
	struct world *w = *state;
	struct authority *other = NULL;
	struct diag diag = DIAG_INIT;
	char dir[PATH_SIZE + 10];

	assert_int_equal(authority_open(io_posix(), "/dev/shm/no-ecosystem",
	    AUTHORITY_READ, &other, &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.hint, "init"));
	memset(dir, 'a', sizeof(dir));
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(authority_open(io_posix(), dir, AUTHORITY_READ,
	    &other, NULL), ERR_LIMIT);
	world_close(w);
	shell("rm '%s/lock'", w->dir);
	assert_int_equal(open_as(w, AUTHORITY_WRITE, &other, NULL),
	    ERR_NOTFOUND);
	assert_null(other);
}

static void
test_info(void **state)
{
	struct world *w = *state;
	const struct authority_info *info = authority_info(w->authority);
	uint8_t zero[ECOSYSTEM_ID_SIZE] = { 0 };
	char path[PATH_SIZE];
	char long_name[PATH_SIZE];

	assert_string_equal(info->name, "test");
	assert_string_equal(info->publish_url, "https://pki.example.net");
	assert_int_equal(info->created, NOW);
	assert_memory_not_equal(info->id, zero, sizeof(zero));
	assert_string_equal(authority_dir(w->authority), w->dir);
	memset(long_name, 'a', sizeof(long_name));
	long_name[PATH_SIZE - 1] = '\0';
	assert_int_equal(authority_path(w->authority, long_name, path, NULL),
	    ERR_LIMIT);
}

/* The certificates that init made: each by its issuer, with its limits. */
static void
test_certificates(void **state)
{
	static const struct {
		const char	*name, *common_name;
		bool		 ca;
		unsigned	 usage;
		bool		 never;
	} table[] = {
		{ "root", "test Root CA", true,
		    KU_KEY_CERT_SIGN | KU_CRL_SIGN, true },
		{ "bulk", "test Issuing CA bulk", true,
		    KU_KEY_CERT_SIGN | KU_CRL_SIGN, true },
		{ "online", "test Issuing CA online", true,
		    KU_KEY_CERT_SIGN | KU_CRL_SIGN, true },
		{ "infra", "test Infrastructure CA", true,
		    KU_KEY_CERT_SIGN | KU_CRL_SIGN, false },
		{ "document", "test Document Signer", false,
		    KU_DIGITAL_SIGNATURE, true },
	};
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	struct world *w = *state;
	struct authority_signer signer;
	size_t i;

	assert_int_equal(x509_trust_new(&trust, NULL), ERR_OK);
	for (i = 0; i < COUNT(table); i++) {
		_cleanup_buf_ struct buf der = BUF_INIT;
		enum x509_verdict verdict = X509_DENY_OTHER;
		struct diag diag = DIAG_INIT;
		struct x509_info info;

		good(authority_certificate(w->authority, table[i].name, &der,
		    &diag), &diag);
		good(x509_read(buf_bytes(&der), &info, &diag), &diag);
		/* what follows tells ecosystems of one name apart */
		assert_memory_equal(info.common_name, table[i].common_name,
		    strlen(table[i].common_name));
		assert_int_equal(info.ca, table[i].ca);
		assert_int_equal(info.key_usage, table[i].usage);
		assert_int_equal(info.serial_len, 17);
		assert_int_equal(info.serial[0], 0x7f);
		assert_int_equal(info.not_before, NOW);
		assert_int_equal(info.not_after == TIME_MAX_S,
		    table[i].never);
		if (i == 0)
			good(x509_trust_add_root(trust, buf_bytes(&der),
			    &diag), &diag);
		good(x509_verify(trust, buf_bytes(&der), NOW, 0, &verdict,
		    NULL, 0, &diag), &diag);
		assert_int_equal(verdict, X509_ACCEPT);
		if (strcmp(table[i].name, KEY_DOCUMENT) != 0)
			continue;
		good(signer_current(w->authority, &signer, &diag), &diag);
		assert_int_equal(signer.number, 1);
		assert_memory_equal(signer.key.raw, info.public_key.raw,
		    signer.key.len);
	}
}

static void
test_unlock(void **state)
{
	static const struct {
		const char	*passphrase;
		int64_t		 now;
		enum err	 err;
	} table[] = {
		{ "wrong", NOW, ERR_AUTH },
		{ "", NOW, ERR_INVALID },
		{ PASSPHRASE " ", NOW, ERR_AUTH },
		{ PASSPHRASE, NOW - 1, ERR_CLOCK },
		{ PASSPHRASE, 0, ERR_CLOCK },
		/* the operations log knows an hour and a year */
		{ PASSPHRASE, NOW + 1000000000, ERR_CLOCK },
		{ PASSPHRASE, NOW, ERR_OK },
		{ PASSPHRASE, NOW + 31536000, ERR_OK },		/* again */
	};
	struct world *w = *state;
	_cleanup_authority_ struct authority *other = NULL;
	size_t i;

	world_close(w);
	good(open_as(w, AUTHORITY_WRITE, &other, NULL), NULL);
	for (i = 0; i < COUNT(table); i++) {
		struct diag diag = DIAG_INIT;

		assert_int_equal(authority_unlock(other,
		    bytes_text(table[i].passphrase), table[i].now, &diag),
		    table[i].err);
		assert_true((diag.what[0] == '\0') == (table[i].err ==
		    ERR_OK));
		assert_int_equal(authority_need_keys(other, NULL), i < 6 ?
		    ERR_STATE : ERR_OK);
	}
	/* what is refused leaves the open one alone */
	assert_int_equal(authority_unlock(other, bytes_text("wrong"), NOW,
	    NULL), ERR_AUTH);
	assert_int_equal(authority_need_keys(other, NULL), ERR_OK);
	registry_change(w, "UPDATE object SET created = created + 1 "
	    "WHERE kind = 1 AND name = 'root'");
	authority_close(&other);
	good(open_as(w, AUTHORITY_WRITE, &other, NULL), NULL);
	assert_int_equal(authority_unlock(other, bytes_text(PASSPHRASE), NOW,
	    NULL), ERR_CORRUPT);
	assert_int_equal(authority_need_keys(other, NULL), ERR_STATE);
}

/* A keystore that is whole, but of another ecosystem. */
static void
test_other_keystore(void **state)
{
	struct world *w = *state;
	_cleanup_authority_ struct authority *other = NULL;
	struct diag diag = DIAG_INIT;
	struct authority_init init;
	char dir[128];

	(void)snprintf(dir, sizeof(dir), "%s/second", w->root);
	init = world_init(dir);
	good(authority_init(io_posix(), &init, &diag), &diag);
	world_close(w);
	shell("cp '%s/keystore' '%s/keystore'", dir, w->dir);
	good(open_as(w, AUTHORITY_WRITE, &other, &diag), &diag);
	assert_int_equal(authority_unlock(other, bytes_text(PASSPHRASE), NOW,
	    &diag), ERR_CONFLICT);
	assert_int_equal(authority_need_keys(other, NULL), ERR_STATE);
	shell("rm -r '%s'", dir);
}

static void
test_templates(void **state)
{
	struct world *w = *state;
	uint32_t id;

	for (id = 1; id <= PRODUCTS; id++) {
		_cleanup_template_ struct template *template = NULL;
		struct diag diag = DIAG_INIT;

		good(authority_template(w->authority, id, &template, &diag),
		    &diag);
		assert_memory_equal(template->product, w->product[id - 1],
		    SHA256_SIZE);
		assert_int_equal(template->log, LOG_BULK_NUMBER);
	}
	{
		_cleanup_template_ struct template *template = NULL;

		assert_int_equal(authority_template(w->authority,
		    PRODUCTS + 1, &template, NULL), ERR_NOTFOUND);
		registry_change(w, "UPDATE object SET body = x'8a02' "
		    "WHERE kind = 6 AND name = '1'");
		assert_int_equal(authority_template(w->authority, 1,
		    &template, NULL), ERR_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lock, world_fresh),
		cmocka_unit_test(test_lock_given_back),
		cmocka_unit_test_setup(test_missing, world_fresh),
		cmocka_unit_test_setup(test_info, world_fresh),
		cmocka_unit_test_setup(test_certificates, world_fresh),
		cmocka_unit_test_setup(test_unlock, world_fresh),
		cmocka_unit_test_setup(test_other_keystore, world_fresh),
		cmocka_unit_test_setup(test_templates, world_fresh),
	};

	return cmocka_run_group_tests(tests, world_make, world_free);
}
