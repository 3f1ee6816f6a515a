/*
 * issue.chip: order run of a list of chips with P-256 keys, a package sealed
 * to each. issue.device_key: an order with a file of proofs of possession
 * taken in, each checked, and run. Both to durable commit and synced pack.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/floor.h"
#include "lib/authority/approval.h"
#include "lib/authority/operator.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"
#include "lib/devices/formats.h"
#include "lib/identity/device_list.h"

#define PER_ROUND	20480
#define SECOND		"second"
#define PROOF_TYP	"application/imprint-key-proof+cose"

struct modes {
	struct authority	*authority;
	struct product		 product;
	enum order_mode		 mode;
	struct keygen		*keygen;
	struct signer		*second;	/* who approves */
	struct file		 file;
	uint64_t		 at;
	uint64_t		 device;	/* names the next one */
	uint8_t			(*privates)[KEY_PRIVATE_SIZE];	/* kept, or
							 * NULL */
};

static enum err
octets_put(void *ctx, struct bytes octets)
{
	struct modes *m = ctx;
	enum err err;

	err = file_write_at(&m->file, m->at, octets, NULL);
	m->at += octets.len;
	return err;
}

/* The canonical list, which its approval is for. */
static enum err
chips_write(struct modes *m, uint64_t count, struct diag *diag)
{
	_cleanup_list_writer_ struct device_list_writer *w = NULL;
	const struct device_list_head head = { .kind = DEVICE_LIST_CHIPS,
	    .trust = DEVICE_LIST_APPROVED };
	const struct device_list_sink sink = { .put = octets_put,
	    .ctx = m };
	uint8_t private[KEY_PRIVATE_SIZE], id[8], hash[SHA256_SIZE];
	struct device_entry entry = { .id = bytes_of(id, sizeof(id)),
	    .key_count = 1 };
	size_t len;
	uint64_t i;
	enum err err;

	err = device_list_writer_new("chips", "entry", &sink, &w, diag);
	if (!err)
		err = device_list_begin(w, &head, diag);
	for (i = 0; i < count && !err; i++) {
		put_be64(id, m->device++);
		err = keygen_run(m->keygen, &entry.key[0].key, private, &len);
		if (!err)
			err = device_list_add(w, &entry, i + 1, diag);
	}
	return err ? err : device_list_end(w, &i, hash, diag);
}

static enum err
proof_write(struct modes *m, struct buf *payload, struct buf *out)
{
	_cleanup_signer_ struct signer *signer = NULL;
	uint8_t private[KEY_PRIVATE_SIZE], kid[COSE_KID_SIZE], id[8];
	struct public_key key;
	size_t len = 0;
	enum err err;

	err = keygen_run(m->keygen, &key, private, &len);
	if (!err)
		err = signer_new(KEY_P256, bytes_of(private, len), &signer,
		    NULL);
	if (!err && m->privates != NULL)
		memcpy(m->privates[m->device], private, KEY_PRIVATE_SIZE);
	put_be64(id, m->device++);
	if (!err)
		err = cose_key_thumbprint(&key, kid);
	if (err)
		return err;
	buf_clear(payload);
	cbor_put_array(payload, 5);
	cbor_put_uint(payload, 1);
	cbor_put_bstr(payload, bytes_of(id, sizeof(id)));
	cbor_put_uint(payload, 0);
	cose_key_put(payload, &key);
	cbor_put_text(payload, "order of May");
	return cose_sign1_sign(out, signer, bytes_of(kid, sizeof(kid)),
	    PROOF_TYP, buf_bytes(payload), BYTES_NONE, NULL);
}

static enum err
proofs_write(struct modes *m, uint64_t count, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT, out = BUF_INIT;
	uint64_t i;
	enum err err = ERR_OK;

	for (i = 0; i < count && !err; i++) {
		buf_clear(&out);
		err = proof_write(m, &payload, &out);
		if (!err)
			err = octets_put(m, buf_bytes(&out));
	}
	return err ? diag_fail(diag, err, NULL, "proofs") : ERR_OK;
}

/* What the operator does: reads it, has it approved, signs the request. */
static enum err
request_make(struct modes *m, const struct devices_file *in, struct buf *body,
    struct diag *diag)
{
	const struct device_list_sink none = { .ctx = NULL };
	_cleanup_buf_ struct buf approval = BUF_INIT, encoded = BUF_INIT;
	struct devices_said said = { .mode = m->mode };
	const char *station = BENCH_STATION;
	uint8_t approved[SHA256_SIZE];
	struct store_object object;
	struct devices_list list;
	enum err err;

	err = authority_object_get(m->authority, STORE_PRODUCT,
	    m->product.name, NULL, &encoded, &object, diag);
	if (!err)
		err = devices_file_read(m->authority, in, m->mode,
		    &m->product, time_now(), &none, &list, diag);
	if (err)
		return err;
	memcpy(said.hash, list.hash, SHA256_SIZE);
	said.entries = list.entries;
	err = devices_approved(object.hash, &said, approved);
	if (!err && m->mode == ORDER_CHIP)
		err = approval_sign(m->authority, APPROVAL_DEVICE_LIST,
		    approved, time_now(), m->second, &approval, diag);
	if (err)
		return err;
	said.approval = buf_bytes(&approval);
	return request_put_order_files(body, object.hash, list.entries,
	    &station, 1, NULL, &said);
}

static enum err
modes_work(void *ctx, uint64_t count, int64_t *ret_ns, struct diag *diag)
{
	struct modes *m = ctx;
	const struct devices_file in = { .file = &m->file };
	const struct request_files files = { .devices = &in };
	_cleanup_buf_ struct buf body = BUF_INIT, request = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	int64_t start, taken;
	struct cbor cbor;
	enum err err;

	m->at = 0;
	if (ftruncate(m->file.fd, 0) != 0)
		return diag_fail(diag, ERR_IO, NULL, "list");
	err = m->mode == ORDER_CHIP ? chips_write(m, count, diag) :
	    proofs_write(m, count, diag);
	if (!err)
		err = request_make(m, &in, &body, diag);
	if (!err)
		err = bench_request_sign(m->authority, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), &request, diag);
	start = time_monotonic_ns();
	if (!err)
		err = authority_submit_files(m->authority,
		    buf_bytes(&request), &files, time_now(), &result, diag);
	taken = m->mode == ORDER_CHIP ? time_monotonic_ns() : start;
	if (err)
		return err;
	cbor_open(&cbor, buf_bytes(&result));
	err = bench_order_run(m->authority, (uint32_t)cbor_get_uint(&cbor),
	    diag);
	*ret_ns = time_monotonic_ns() - taken;
	return err;
}

/* A second pair of eyes. */
static enum err
second_add(struct modes *m, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	uint8_t private[KEY_PRIVATE_SIZE];
	struct public_key key;
	size_t len = 0;
	enum err err;

	err = keygen_run(m->keygen, &key, private, &len);
	if (!err)
		err = signer_new(KEY_P256, bytes_of(private, len),
		    &m->second, diag);
	if (!err)
		err = request_put_operator(&body, SECOND, &key,
		    BYTES_NONE);
	return err ? err : bench_submit(m->authority, REQUEST_OPERATOR_ADD,
	    buf_bytes(&body), &result, diag);
}

static enum err
modes_start(struct modes *m, const char *product, struct diag *diag)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	char path[PATH_SIZE];
	struct store_object object;
	enum err err;

	err = keygen_new(KEY_P256, &m->keygen, diag);
	if (!err)
		err = second_add(m, diag);
	if (!err)
		err = authority_object_get(m->authority, STORE_PRODUCT,
		    product, NULL, &encoded, &object, diag);
	if (!err)
		err = product_decode(object.body, &m->product, diag);
	if (!err)
		err = path_join(path, authority_dir(m->authority), "list");
	return err ? err : file_open(io_posix(), path, O_RDWR | O_CREAT, 0600,
	    &m->file, diag);
}

static void
modes_end(struct modes *m)
{
	file_release(&m->file);
	keygen_free(&m->keygen);
	signer_free(&m->second);
}

static enum err
modes_run(enum order_mode mode, struct bench_result *result,
    struct diag *diag)
{
	const struct floor_work chip = { .keys = true, .document = true,
	    .seal = true };
	const struct floor_work device_key = { .document = true,
	    .proof = true };
	_cleanup_authority_ struct authority *authority = NULL;
	_cleanup_floors_ struct floors *floors = NULL;
	struct modes m = { .mode = mode, .file = FILE_INIT };
	enum err err;

	err = bench_ecosystem("modes", &authority, diag);
	m.authority = authority;
	if (!err)
		err = floors_new(mode == ORDER_CHIP ? &chip : &device_key,
		    &floors, diag);
	if (!err)
		err = modes_start(&m, mode == ORDER_CHIP ? BENCH_DIRECT :
		    BENCH_DEVICE, diag);
	if (!err)
		err = floors_rounds(floors, PER_ROUND, modes_work, &m, result,
		    diag);
	modes_end(&m);
	return err;
}

enum err
bench_device_keys(struct authority *authority, const char *product,
    uint64_t count, uint8_t (*privates)[KEY_PRIVATE_SIZE], struct diag *diag)
{
	struct modes m = { .authority = authority,
	    .mode = ORDER_DEVICE_KEY, .file = FILE_INIT,
	    .privates = privates };
	int64_t taken;
	enum err err;

	err = modes_start(&m, product, diag);
	if (!err)
		err = modes_work(&m, count, &taken, diag);
	modes_end(&m);
	return err;
}

static enum err
chip_run(struct bench_result *result, struct diag *diag)
{
	return modes_run(ORDER_CHIP, result, diag);
}

static enum err
device_key_run(struct bench_result *result, struct diag *diag)
{
	return modes_run(ORDER_DEVICE_KEY, result, diag);
}

static bool
chip_kept(const struct bench_result *result)
{
	return result->ratio >= 0.8;
}

static bool
device_key_kept(const struct bench_result *result)
{
	return result->ratio >= 0.75;
}

const struct bench bench_issue_chip = { "issue.chip", "identities/s",
    "ratio >= 0.8", chip_kept, chip_run };

const struct bench bench_issue_device_key = { "issue.device_key",
    "identities/s", "ratio >= 0.75", device_key_kept, device_key_run };
