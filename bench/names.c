/*
 * names.import_1m: two orders whose files name 500,000 identities each, with
 * a serial number and an IMEI in no order; against reading and hashing the
 * same octets and each name, and writing them, synced. storage.bytes_per_name:
 * what the registry grows by. names.memory: the process that does it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "lib/authority/names.h"
#include "lib/authority/operator.h"
#include "lib/base/clock.h"
#include "lib/policy/product_yaml.h"

#define PRODUCT_FILE	"examples/products/cellular-meter.yaml"
#define LINES		500000
#define ROUNDS		2
#define NAMES		(2.0 * LINES * ROUNDS)
#define STEP		UINT64_C(314159)	/* no divisor of LINES */

static struct figures {
	double	seconds, floor_s, bytes, peak_mb;
} figures;

/* The check digit over 14 digits (ISO/IEC 7812-1 annex B). */
static unsigned
luhn(const char *digits)
{
	unsigned sum = 0, digit, i;

	for (i = 0; i < 14; i++) {
		digit = (unsigned)(digits[i] - '0') * (1 + i % 2);
		sum += digit / 10 + digit % 10;
	}
	return (10 - sum % 10) % 10;
}

static enum err
file_make(const char *path, uint64_t round, struct file *ret_file,
    struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char imei[16];
	uint64_t i, n;
	enum err err;

	buf_printf(&text, "serial-number,imei\n");
	for (i = 0; i < LINES; i++) {
		n = round * LINES + i * STEP % LINES;
		(void)snprintf(imei, sizeof(imei), "%08llu%06llu",
		    49015420ULL + n / 1000000, (unsigned long long)n %
		    1000000);
		buf_printf(&text, "M26-%09llu,%s%u\n",
		    (unsigned long long)n, imei, luhn(imei));
	}
	err = buf_err(&text);
	if (!err)
		err = io_write_file(io_posix(), path, buf_bytes(&text), 0600,
		    diag);
	return err ? err : file_open(io_posix(), path, O_RDONLY, 0, ret_file,
	    diag);
}

static enum err
name_hash(void *ctx, const struct name_csv_line *line)
{
	uint8_t digest[SHA256_SIZE];
	struct bytes text;
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < PRODUCT_NAMES_MAX && !err; i++) {
		if (line->text[i] == NULL)
			continue;
		text = bytes_text(line->text[i]);
		err = sha256_parts(ctx, &text, 1, digest);
	}
	return err;
}

/* Reading, hashing, writing: nothing else. */
static enum err
floor_time(const struct product *product, const struct file *file,
    const char *path, double *seconds, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	int64_t start = time_monotonic_ns();
	struct names_file found;
	enum err err;

	err = sha256_new(&sha256, diag);
	if (!err)
		err = names_file_read(file, product->names,
		    product->name_count, name_hash, sha256, &found, diag);
	if (!err)
		err = file_copy(io_posix(), file->path, path, 0600, diag);
	*seconds += (double)(time_monotonic_ns() - start) / 1e9;
	return err;
}

static enum err
order_time(struct authority *authority, const struct product *product,
    const struct file *file, double *seconds, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	const char *station = "line-1";
	int64_t start = time_monotonic_ns();
	struct names_file said;
	enum err err;

	err = product_hash(product, hash);
	if (!err)
		err = names_file_read(file, product->names,
		    product->name_count, NULL, NULL, &said, diag);
	if (!err)
		err = request_put_order_files(&body, hash, said.lines,
		    &station, 1, &said, NULL);
	if (!err)
		err = bench_submit_file(authority, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), file, &result, diag);
	*seconds += (double)(time_monotonic_ns() - start) / 1e9;
	return err;
}

static enum err
product_make(struct authority *authority, struct product *ret_product,
    struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT, encoded = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	enum err err;

	err = io_read_file(io_posix(), PRODUCT_FILE, &text, diag);
	if (!err)
		err = product_yaml_parse(PRODUCT_FILE, buf_bytes(&text),
		    ret_product, diag);
	if (!err)
		err = product_encode(ret_product, &encoded);
	return err ? err : bench_submit(authority, REQUEST_PRODUCT_ADD,
	    buf_bytes(&encoded), &result, diag);
}

static enum err
registry_bytes(const char *dir, double *ret_bytes, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	char path[PATH_SIZE];
	uint64_t size = 0;
	enum err err;

	err = path_join(path, dir, "registry.db");
	if (!err)
		err = file_open(io_posix(), path, O_RDONLY, 0, &file, diag);
	if (!err)
		err = file_size(&file, &size, diag);
	*ret_bytes = (double)size;
	return err;
}

static enum err
rounds_run(struct authority *authority, const struct product *product,
    const char *dir, struct figures *f, struct diag *diag)
{
	char path[PATH_SIZE], copy[PATH_SIZE];
	uint64_t round;
	enum err err;

	err = path_join(path, dir, "names.csv");
	if (!err)
		err = path_join(copy, dir, "names.copy");
	for (round = 0; round < ROUNDS && !err; round++) {
		_cleanup_file_ struct file file = FILE_INIT;

		err = file_make(path, round, &file, diag);
		if (!err)
			err = floor_time(product, &file, copy, &f->floor_s,
			    diag);
		if (!err)
			err = order_time(authority, product, &file,
			    &f->seconds, diag);
	}
	return err;
}

int
bench_child_names(const char *unused)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct figures f = { 0 };
	struct diag diag = DIAG_INIT;
	struct product product;
	char dir[PATH_SIZE] = "";
	double before = 0;
	enum err err;

	(void)unused;
	err = bench_ecosystem("names", &authority, &diag);
	if (!err)
		err = product_make(authority, &product, &diag);
	if (!err) {
		(void)snprintf(dir, sizeof(dir), "%s",
		    authority_dir(authority));
		authority_close(&authority);	/* takes the log in */
		err = registry_bytes(dir, &before, &diag);
	}
	if (!err)
		err = bench_open(dir, &authority, &diag);
	if (!err)
		err = rounds_run(authority, &product, dir, &f, &diag);
	authority_close(&authority);
	if (!err)
		err = registry_bytes(dir, &f.bytes, &diag);
	if (err) {
		(void)fprintf(stderr, "%s: %s\n", err_name(err), diag.what);
		return 1;
	}
	printf("%f %f %f\n", f.seconds, f.floor_s, f.bytes - before);
	return 0;
}

static enum err
figures_get(struct diag *diag)
{
	double values[3];
	enum err err;

	if (figures.seconds > 0)
		return ERR_OK;
	err = bench_child("--child-names", "", values, 3, &figures.peak_mb,
	    diag);
	if (err)
		return err;
	figures.seconds = values[0];
	figures.floor_s = values[1];
	figures.bytes = values[2];
	return ERR_OK;
}

static enum err
import_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = figures_get(diag);
	result->value = figures.seconds;
	result->floor = figures.floor_s;
	if (!err)
		result->ratio = figures.floor_s / figures.seconds;
	return err;
}

static bool
import_kept(const struct bench_result *result)
{
	return result->value < 10;
}

const struct bench bench_names_import = { "names.import_1m", "s", "< 10",
    import_kept, import_run };

static enum err
bytes_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = figures_get(diag);
	result->value = figures.bytes / NAMES;
	return err;
}

static bool
bytes_kept(const struct bench_result *result)
{
	return result->value <= 30;
}

const struct bench bench_names_bytes = { "storage.bytes_per_name", "bytes",
    "<= 30", bytes_kept, bytes_run };

static enum err
memory_run(struct bench_result *result, struct diag *diag)
{
	enum err err;

	err = figures_get(diag);
	result->value = figures.peak_mb;
	return err;
}

static bool
memory_kept(const struct bench_result *result)
{
	return result->value < 100;
}

const struct bench bench_names_memory = { "names.memory", "MB", "< 100",
    memory_kept, memory_run };
