/* What the benchmarks work on. */
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "lib/authority/operator.h"
#include "lib/authority/order_run.h"
#include "lib/authority/request.h"
#include "lib/base/clock.h"
#include "lib/identity/station.h"
#include "lib/policy/product_yaml.h"

#define PRODUCT_FILE	"examples/products/camera.yaml"

char bench_dir[PATH_SIZE];

enum err
bench_submit(struct authority *authority, enum request_type type,
    struct bytes body, struct buf *result, struct diag *diag)
{
	return bench_submit_file(authority, type, body, NULL, result, diag);
}

enum err
bench_submit_file(struct authority *authority, enum request_type type,
    struct bytes body, const struct file *file, struct buf *result,
    struct diag *diag)
{
	const struct request_files files = { .file = file };
	_cleanup_buf_ struct buf request = BUF_INIT;
	enum err err;

	err = bench_request_sign(authority, type, body, &request, diag);
	return err ? err : authority_submit_files(authority,
	    buf_bytes(&request), &files, time_now(), result, diag);
}

enum err
bench_request_sign(struct authority *authority, enum request_type type,
    struct bytes body, struct buf *request, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	char path[PATH_SIZE];
	enum err err;

	err = path_join(path, authority_dir(authority),
	    "operators/bench.key");
	if (!err)
		err = operator_key_open(io_posix(), path,
		    bytes_text(BENCH_PASSPHRASE), &signer, diag);
	return err ? err : request_sign(authority_info(authority)->id, type,
	    body, time_now(), signer, request, diag);
}

enum err
bench_product(struct authority *authority, const struct product *product,
    struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT, result = BUF_INIT;
	enum err err;

	err = product_encode(product, &encoded);
	return err ? err : bench_submit(authority, REQUEST_PRODUCT_ADD,
	    buf_bytes(&encoded), &result, diag);
}

static enum err
product_add(struct authority *authority, struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct product product;
	enum err err;

	err = io_read_file(io_posix(), PRODUCT_FILE, &text, diag);
	if (!err)
		err = product_yaml_parse(PRODUCT_FILE, buf_bytes(&text),
		    &product, diag);
	if (!err)
		err = bench_product(authority, &product, diag);
	if (err)
		return err;
	(void)snprintf(product.name, sizeof(product.name), BENCH_RECEIPT);
	product.signature = SIGNATURE_RECEIPT;
	err = bench_product(authority, &product, diag);
	if (err)
		return err;
	(void)snprintf(product.name, sizeof(product.name), BENCH_DEVICE);
	product.signature = SIGNATURE_DIRECT;
	product.credential_count = 1;
	product.credentials[0].maker = MAKER_DEVICE;
	return bench_product(authority, &product, diag);
}

static enum err
station_key(enum key_alg alg, struct public_key *ret_key,
    struct signer **ret_signer, struct diag *diag)
{
	_cleanup_secret_ struct secret private = SECRET_INIT;
	enum err err;

	err = key_pair_make(alg, ret_key, &private, diag);
	if (!err && ret_signer != NULL)
		err = signer_new(alg, secret_bytes(&private), ret_signer,
		    diag);
	return err;
}

static enum err
station_add(struct authority *authority, struct diag *diag)
{
	_cleanup_buf_ struct buf statement = BUF_INIT, result = BUF_INIT;
	_cleanup_signer_ struct signer *signer = NULL;
	struct station_statement station = { .name = BENCH_STATION,
	    .created = time_now() };
	enum err err;

	err = station_key(KEY_X25519, &station.sealing, NULL, diag);
	if (!err)
		err = station_key(KEY_P256, &station.signing, &signer, diag);
	if (!err)
		err = station_statement_sign(&station, signer, &statement,
		    diag);
	if (!err)
		err = bench_submit(authority, REQUEST_STATION_ADD,
		    buf_bytes(&statement), &result, diag);
	return err;
}

enum err
bench_open(const char *path, struct authority **ret_authority,
    struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;

	err = authority_open(io_posix(), path, AUTHORITY_WRITE, &authority,
	    diag);
	if (!err)
		err = authority_unlock(authority, bytes_text(BENCH_PASSPHRASE),
		    time_now(), diag);
	if (err)
		return err;
	*ret_authority = authority;
	authority = NULL;	/* transferred */
	return ERR_OK;
}

enum err
bench_ecosystem(const char *name, struct authority **ret_authority,
    struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct authority_init init = { .name = "bench",
	    .operator_name = "bench",
	    .publish_url = "https://pki.example.net", .now = time_now(),
	    .passphrase = bytes_text(BENCH_PASSPHRASE),
	    .operator_passphrase = bytes_text(BENCH_PASSPHRASE) };
	char dir[PATH_SIZE];
	enum err err;

	err = io_mkdir(io_posix(), bench_dir, 0700, diag);
	if (!err && snprintf(dir, sizeof(dir), "%s/%s-%ld-%lld", bench_dir,
	    name, (long)getpid(), (long long)time_monotonic_ns()) >=
	    (int)sizeof(dir))
		err = ERR_LIMIT;
	init.dir = dir;
	if (!err)
		err = authority_init(io_posix(), &init, diag);
	if (!err)
		err = bench_open(dir, &authority, diag);
	if (!err)
		err = product_add(authority, diag);
	if (!err)
		err = station_add(authority, diag);
	if (err)
		return err;
	*ret_authority = authority;
	authority = NULL;	/* transferred */
	return ERR_OK;
}

enum err
bench_order(struct authority *authority, const char *product,
    uint64_t count, uint32_t *ret_number, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	const char *station = BENCH_STATION;
	struct store_object object;
	struct cbor cbor;
	enum err err;

	err = authority_object_get(authority, STORE_PRODUCT,
	    product, NULL, &encoded, &object, diag);
	if (!err)
		err = request_put_order(&body, object.hash, count, &station,
		    1);
	if (!err)
		err = bench_submit(authority, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), &result, diag);
	if (err)
		return err;
	cbor_open(&cbor, buf_bytes(&result));
	*ret_number = (uint32_t)cbor_get_uint(&cbor);
	return ERR_OK;
}

enum err
bench_order_run(struct authority *authority, uint32_t number,
    struct diag *diag)
{
	struct order_run run = { .number = number, .now = time_now() };

	return authority_order_run(authority, &run, diag);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] :
	    (values[count / 2 - 1] + values[count / 2]) / 2;
}

void
bench_rounds(struct bench_result *result, double *rates, double *bare,
    size_t count)
{
	double ratios[BENCH_ROUNDS_MAX];
	size_t i;

	for (i = 0; i < count && i < BENCH_ROUNDS_MAX; i++)
		ratios[i] = rates[i] / bare[i];
	result->value = bench_median(rates, count);
	result->floor = bench_median(bare, count);
	result->ratio = bench_median(ratios, i);
}

/* Everything below the ecosystem but its packs. */
static double
disk_bytes(char *dir)
{
	char *const roots[] = { dir, NULL };
	double bytes = 0;
	FTSENT *entry;
	FTS *walk;

	walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (walk == NULL)
		return 0;
	while ((entry = fts_read(walk)) != NULL) {
		if (strcmp(entry->fts_name, "packs") == 0)
			(void)fts_set(walk, entry, FTS_SKIP);
		else if (entry->fts_info != FTS_DP)
			bytes += (double)entry->fts_statp->st_blocks * 512;
	}
	(void)fts_close(walk);
	return bytes;
}

int
bench_child_main(const char *count)
{
	_cleanup_authority_ struct authority *authority = NULL;
	struct diag diag = DIAG_INIT;
	char dir[PATH_SIZE];
	uint32_t number = 0;
	enum err err;

	err = bench_ecosystem("child", &authority, &diag);
	if (!err) {
		(void)snprintf(dir, sizeof(dir), "%s",
		    authority_dir(authority));
		err = bench_order(authority, BENCH_DIRECT,
		    strtoull(count, NULL, 10), &number, &diag);
	}
	if (!err)
		err = bench_order_run(authority, number, &diag);
	authority_close(&authority);
	if (err) {
		(void)fprintf(stderr, "%s: %s\n", err_name(err), diag.what);
		return 1;
	}
	printf("%.0f\n", disk_bytes(dir));
	return 0;
}

static enum err
child_read(FILE *out, pid_t pid, double *values, size_t count,
    double *ret_peak_mb)
{
	struct rusage usage;
	size_t fields = 0;
	int status;

	while (fields < count && fscanf(out, "%lf", &values[fields]) == 1)
		fields++;
	if (wait4(pid, &status, 0, &usage) != pid || fields != count ||
	    !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return ERR_IO;
	*ret_peak_mb = (double)usage.ru_maxrss / 1024;
	return ERR_OK;
}

enum err
bench_child(const char *mode, const char *argument, double *values,
    size_t count, double *ret_peak_mb, struct diag *diag)
{
	int ends[2];
	pid_t pid;
	FILE *out;
	enum err err;

	if (pipe(ends) != 0 || (pid = fork()) < 0)
		return diag_fail(diag, ERR_IO, NULL, "child: cannot start");
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execl("/proc/self/exe", "imprint-bench", mode,
		    argument, bench_dir, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	out = fdopen(ends[0], "r");
	if (out == NULL)
		return diag_fail(diag, ERR_IO, NULL, "child: no output");
	err = child_read(out, pid, values, count, ret_peak_mb);
	(void)fclose(out);
	if (err)
		return diag_fail(diag, err, NULL, "child: failed");
	return ERR_OK;
}

enum err
bench_child_run(uint64_t count, struct bench_child *child, struct diag *diag)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
	return bench_child("--child", text, &child->bytes, 1,
	    &child->peak_mb, diag);
}
