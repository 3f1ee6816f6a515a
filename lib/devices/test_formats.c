/*
 * Lists that other people's programs made (tests/vectors/make_lists.py): the
 * canonical list that comes of each, or why it is refused; and lists that
 * are cut off or changed anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "lib/devices/formats.h"

#define FOLDER		"tests/vectors/lists/"
#define CASES_MIN	190
#define FIELDS		7
#define SIGNERS		4
#define DAMAGES		150
#define NOW		INT64_C(1790000000)	/* 2026-09-21 */

enum { NAME, FORMAT, KIND, SIGNATURE, ERROR, TEXT, MORE };

static const char *const signer_names[SIGNERS] = {
	"acme", "acme-ca", "old-maker", "p384-maker"
};
static struct buf signer_certs[SIGNERS];
static struct device_list_signer signers[SIGNERS];
static struct buf cases = BUF_INIT;

/* One case, cut in place at its bars. */
struct list_case {
	char		*field[FIELDS];
	unsigned	 slots[PRODUCT_SLOTS_MAX];
	char		 challenge[32], key_id[8];
	unsigned	 bad;
};

/* What was told while it was read. */
struct heard {
	unsigned	bad;
};

static void
file_read(const char *name, struct buf *out)
{
	char path[PATH_SIZE];

	assert_int_equal(path_join(path, FOLDER, name), ERR_OK);
	assert_int_equal(io_read_file(io_posix(), path, out, NULL), ERR_OK);
}

static int
setup(void **state)
{
	char name[40];
	size_t i;

	(void)state;
	file_read("cases.txt", &cases);
	for (i = 0; i < SIGNERS; i++) {
		(void)snprintf(name, sizeof(name), "%s.cer", signer_names[i]);
		signer_certs[i] = (struct buf)BUF_INIT;
		file_read(name, &signer_certs[i]);
		signers[i].name = signer_names[i];
		signers[i].cert = buf_bytes(&signer_certs[i]);
	}
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	buf_release(&cases);
	for (i = 0; i < SIGNERS; i++)
		buf_release(&signer_certs[i]);
	return 0;
}

/* "slots=0,2 text=order_7 key=1 bad=3" */
static void
more_read(struct list_case *c, struct device_list_input *input)
{
	char *word, *rest = c->field[MORE], *at;
	size_t n = 0;

	input->slots = c->slots;
	input->slot_count = 1;
	while ((word = strsep(&rest, " ")) != NULL) {
		if (strncmp(word, "slots=", 6) == 0) {
			for (at = word + 6; *at != '\0'; at += at[1] == ',' ?
			    2 : 1)
				c->slots[n++] = (unsigned)(*at - '0');
			input->slot_count = n;
		} else if (strncmp(word, "text=", 5) == 0) {
			(void)snprintf(c->challenge, sizeof(c->challenge),
			    "%s", word + 5);
			*strchr(c->challenge, '_') = ' ';
			input->challenge = c->challenge;
		} else if (strncmp(word, "key=", 4) == 0) {
			(void)snprintf(c->key_id, sizeof(c->key_id), "%s",
			    word + 4);
			input->key_id = c->key_id;
		} else if (strncmp(word, "bad=", 4) == 0) {
			c->bad = (unsigned)strtoul(word + 4, NULL, 10);
		} else {
			assert_string_equal(word, "");
		}
	}
}

static void
bad_heard(void *ctx, uint64_t place, const struct diag *why)
{
	struct heard *heard = ctx;

	assert_true(place > 0 && why->what[0] != '\0');
	heard->bad++;
}

static enum err
list_read(const struct device_list_format *format,
    const struct device_list_input *input, uint64_t *ret_count,
    unsigned *ret_trust, uint8_t hash[SHA256_SIZE], struct diag *diag)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	const struct device_list_sink sink = { .ctx = NULL };
	enum err err;

	err = device_list_writer_new("f", format->place_word, &sink, &w,
	    diag);
	if (!err)
		err = format->read(input, w, diag);
	if (!err)
		*ret_trust = device_list_writer_head(w)->trust;
	return err ? err : device_list_end(w, ret_count, hash, diag);
}

static bool
outcome_is(const struct list_case *c, enum err err, const struct diag *diag,
    uint64_t count, unsigned trust, const uint8_t hash[SHA256_SIZE])
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (strcmp(err == ERR_OK ? "ok" : err_name(err), c->field[ERROR]) != 0)
		return false;
	if (err != ERR_OK)
		return strstr(diag->what, c->field[TEXT]) != NULL &&
		    strncmp(diag->what, "f: ", 3) == 0 && diag->code == err;
	buf_printf(&text, "%ju %u ", (uintmax_t)count, trust);
	buf_put_hex(&text, bytes_of(hash, SHA256_SIZE));
	return strcmp(buf_text(&text), c->field[TEXT]) == 0;
}

static bool
case_run(struct list_case *c)
{
	_cleanup_buf_ struct buf signature = BUF_INIT;
	const struct device_list_format *format = NULL, *guess = NULL;
	struct device_list_input input = { .signers = signers,
		.signer_count = SIGNERS, .now = NOW, .bad = bad_heard };
	_cleanup_file_ struct file file = FILE_INIT;
	struct heard heard = { 0 };
	struct diag diag = DIAG_INIT;
	uint8_t hash[SHA256_SIZE];
	char path[PATH_SIZE];
	uint64_t count = 0;
	unsigned trust = 0;
	enum err err;

	(void)snprintf(path, sizeof(path), FOLDER "%s.%s", c->field[NAME],
	    c->field[FORMAT]);
	assert_int_equal(file_open(io_posix(), path, O_RDONLY, 0, &file,
	    NULL), ERR_OK);
	if (strcmp(c->field[SIGNATURE], "-") != 0)
		file_read(c->field[SIGNATURE], &signature);
	more_read(c, &input);
	input.bad_ctx = &heard;
	input.file = &file;
	input.kind = c->field[KIND][0] == '1' ? DEVICE_LIST_CHIPS :
	    DEVICE_LIST_KEYS;
	input.signature = buf_bytes(&signature);
	assert_int_equal(device_list_format_find(c->field[FORMAT], &file,
	    &format, NULL), ERR_OK);
	err = list_read(format, &input, &count, &trust, hash, &diag);
	if (!outcome_is(c, err, &diag, count, trust, hash) ||
	    (heard.bad > 0 && err == ERR_OK) ||
	    (c->bad > 0 && heard.bad != c->bad)) {
		print_error("%s: %s: %s, %u bad\n", c->field[NAME],
		    err_name(err), diag.what, heard.bad);
		return false;
	}
	/* told by its first octets, but for text before the first request */
	if (err == ERR_OK && strcmp(c->field[NAME], "csr-crlf") != 0) {
		assert_int_equal(device_list_format_find(NULL, &file, &guess,
		    NULL), ERR_OK);
		assert_ptr_equal(guess, format);
	}
	return true;
}

static void
test_cases(void **state)
{
	char *line, *rest = (char *)cases.ptr;
	size_t i, count = 0, failed = 0;

	(void)state;
	buf_put_u8(&cases, '\0');
	rest = (char *)cases.ptr;
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		struct list_case c = { .bad = 0 };

		for (i = 0; i < FIELDS; i++)
			c.field[i] = strsep(&line, "|");
		assert_non_null(c.field[MORE]);
		assert_null(line);
		failed += !case_run(&c);
		count++;
	}
	assert_int_equal(failed, 0);
	assert_true(count >= CASES_MIN);
}

/* Octets as a file of that format. */
static enum err
octets_read(const char *format_name, struct bytes octets,
    uint8_t hash[SHA256_SIZE], struct diag *diag)
{
	static const unsigned slots[] = { 0 };
	const struct device_list_format *format = NULL;
	struct device_list_input input = { .signers = signers,
		.signer_count = SIGNERS, .now = NOW,
		.kind = DEVICE_LIST_KEYS, .slots = slots, .slot_count = 1 };
	_cleanup_file_ struct file file = FILE_INIT;
	char path[] = "/tmp/imprint-list-XXXXXX";
	unsigned trust = 0;
	uint64_t count = 0;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets.ptr, octets.len), octets.len);
	(void)close(fd);
	assert_int_equal(file_open(io_posix(), path, O_RDONLY, 0, &file,
	    NULL), ERR_OK);
	(void)unlink(path);
	input.file = &file;
	assert_int_equal(device_list_format_find(format_name, &file, &format,
	    NULL), ERR_OK);
	return list_read(format, &input, &count, &trust, hash, diag);
}

/* One octet changed, or the end cut off: refused, or the same list. Of what
 * nobody signed, another one may come. */
static void
damage_check(const char *name, const char *format, bool is_signed)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	uint8_t hash[SHA256_SIZE], other[SHA256_SIZE];
	size_t i, cut;

	file_read(name, &whole);
	assert_int_equal(octets_read(format, buf_bytes(&whole), hash, NULL),
	    ERR_OK);
	for (i = 0; i < 2 * DAMAGES; i++) {
		struct diag diag = DIAG_INIT;
		struct bytes octets = buf_bytes(&whole);
		enum err err;

		cut = whole.len / DAMAGES * (i / 2);
		if (i % 2 == 0)
			octets.len = cut;
		else
			whole.ptr[cut] ^= 1;
		err = octets_read(format, octets, other, &diag);
		if (i % 2 != 0)
			whole.ptr[cut] ^= 1;
		assert_int_equal(err, diag.code);
		if (err == ERR_OK && i % 2 != 0 && is_signed)
			assert_memory_equal(other, hash, SHA256_SIZE);
	}
}

static void
test_damage(void **state)
{
	(void)state;
	damage_check("csr-der.csr", "csr", true);
	damage_check("csr.csr", "csr", true);
	damage_check("manifest-keys.manifest", "manifest", true);
	damage_check("cose.cose", "cose", true);
	damage_check("csv.csv", "csv", false);
}

static void
test_find(void **state)
{
	const struct device_list_format *format = NULL;
	_cleanup_file_ struct file file = FILE_INIT;
	struct diag diag = DIAG_INIT;

	(void)state;
	assert_int_equal(file_open(io_posix(), FOLDER "acme.cer", O_RDONLY, 0,
	    &file, NULL), ERR_OK);
	assert_int_equal(device_list_format_find("toml", &file, &format,
	    &diag), ERR_NOTFOUND);
	assert_non_null(strstr(diag.what, "no reader is called toml"));
	assert_null(format);
	assert_null(device_list_format_at(99));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
