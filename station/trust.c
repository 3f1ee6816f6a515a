#include "lib/x509/x509_read.h"
#include "station/home.h"

#define TRUST_HINT	"take the trust.pem that the authority publishes " \
			"for this ecosystem"

/* Certificates in turn out of what pem_get_all() appends. */
static bool
certificate_next(struct bytes *rest, struct bytes *ret_der)
{
	size_t len;

	if (rest->len < 4)
		return false;
	len = get_be32(rest->ptr);
	*ret_der = bytes_of(rest->ptr + 4, len);
	*rest = bytes_of(rest->ptr + 4 + len, rest->len - 4 - len);
	return true;
}

/* The one root among them; its octets appended. */
static enum err
root_find(struct bytes list, struct buf *out, struct diag *diag)
{
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	struct bytes der, found = BYTES_NONE;
	enum err err;

	err = x509_trust_new(&trust, diag);
	while (!err && certificate_next(&list, &der)) {
		if (x509_trust_add_root(trust, der, NULL) != ERR_OK ||
		    bytes_equal(der, found))
			continue;
		if (found.len > 0) {
			(void)diag_fail(diag, ERR_AUTH, NULL,
			    "trust: more than one root in it");
			diag_hint(diag, "who adds one wants to sign for the "
			    "authority: " TRUST_HINT);
			return ERR_AUTH;
		}
		found = der;
	}
	if (err)
		return err;
	if (found.len == 0) {
		(void)diag_fail(diag, ERR_AUTH, NULL, "trust: no root in it");
		diag_hint(diag, TRUST_HINT);
		return ERR_AUTH;
	}
	buf_put_bytes(out, found);
	return buf_err(out);
}

/* Nothing but the root is an anchor: whatever else is in the file leads up to
 * it, or is not believed. */
static enum err
authorities_add(struct x509_trust *trust, struct bytes list,
    struct bytes root, struct diag *diag)
{
	struct x509_info info;
	struct bytes der;
	enum err err;

	err = x509_trust_add_root(trust, root, diag);
	while (!err && certificate_next(&list, &der)) {
		err = x509_read(der, &info, diag);
		if (!err && info.ca && !bytes_equal(der, root))
			err = x509_trust_add_intermediate(trust, der, diag);
	}
	return err;
}

static enum err
signers_find(struct x509_trust *trust, struct bytes list,
    struct public_key keys[STATION_SIGNERS_MAX], size_t *count,
    struct diag *diag)
{
	enum x509_verdict verdict;
	struct x509_info info;
	struct bytes der;
	enum err err;

	while (certificate_next(&list, &der)) {
		err = x509_read(der, &info, diag);
		if (err)
			return err;
		if (info.ca ||
		    (info.extended_key_usage & EKU_DOCUMENT_SIGNING) == 0)
			continue;
		err = x509_verify(trust, der, info.not_before,
		    EKU_DOCUMENT_SIGNING, &verdict, NULL, 0, diag);
		if (err)
			return err;
		if (verdict != X509_ACCEPT)
			continue;
		if (*count == STATION_SIGNERS_MAX)
			return diag_fail(diag, ERR_LIMIT, NULL,
			    "trust: more than %d document signers",
			    STATION_SIGNERS_MAX);
		keys[(*count)++] = info.public_key;
	}
	return ERR_OK;
}

enum err
station_trust(struct bytes pem,
    struct public_key ret_keys[STATION_SIGNERS_MAX], size_t *ret_count,
    struct diag *diag)
{
	_cleanup_buf_ struct buf list = BUF_INIT, root = BUF_INIT;
	_cleanup_x509_trust_ struct x509_trust *trust = NULL;
	size_t count = 0;
	enum err err;

	err = x509_trust_new(&trust, diag);
	if (!err)
		err = pem_get_all(pem, "CERTIFICATE", &list, diag);
	if (!err)
		err = root_find(buf_bytes(&list), &root, diag);
	if (!err)
		err = authorities_add(trust, buf_bytes(&list),
		    buf_bytes(&root), diag);
	if (!err)
		err = signers_find(trust, buf_bytes(&list), ret_keys, &count,
		    diag);
	if (err)
		return err;
	if (count == 0) {
		diag_fail(diag, ERR_AUTH, "RFC 9336 3",
		    "trust: no document signer with a path to the root in it");
		diag_hint(diag, TRUST_HINT);
		return ERR_AUTH;
	}
	*ret_count = count;
	return ERR_OK;
}

static enum err
root_read(struct bytes pem, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	enum err err;

	err = pem_get_all(pem, "CERTIFICATE", &list, diag);
	return err ? err : root_find(buf_bytes(&list), out, diag);
}

enum err
station_root(const struct station *s, struct buf *der, struct diag *diag)
{
	_cleanup_buf_ struct buf pem = { .limit = STATION_TRUST_MAX };
	char path[PATH_SIZE];
	enum err err;

	err = home_path(s->home, HOME_TRUST, path, diag);
	if (!err)
		err = io_read_file(s->io, path, &pem, diag);
	return err ? err : root_read(buf_bytes(&pem), der, diag);
}

static enum err
root_check(const struct station *s, struct bytes trust_pem,
    struct diag *diag)
{
	_cleanup_buf_ struct buf pinned = BUF_INIT, found = BUF_INIT;
	enum err err;

	err = station_root(s, &pinned, diag);
	if (!err)
		err = root_read(trust_pem, &found, diag);
	if (err || bytes_equal(buf_bytes(&pinned), buf_bytes(&found)))
		return err;
	err = diag_fail(diag, ERR_AUTH, NULL, "trust: its root is not the one "
	    "that station %s is bound to", s->statement.name);
	diag_hint(diag, "a station works for one ecosystem: make another one "
	    "for another");
	return err;
}

static bool
key_known(const struct public_key *key, const struct public_key *keys,
    size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (keys[i].alg == key->alg && keys[i].len == key->len &&
		    memcmp(keys[i].raw, key->raw, key->len) == 0)
			return true;
	return false;
}

enum err
station_trust_renew(struct station *s, struct bytes trust_pem,
    struct diag *diag)
{
	struct public_key keys[STATION_SIGNERS_MAX];
	char path[PATH_SIZE];
	size_t i, count = 0;
	enum err err;

	err = station_trust(trust_pem, keys, &count, diag);
	if (!err)
		err = home_path(s->home, HOME_TRUST, path, diag);
	if (!err)
		err = root_check(s, trust_pem, diag);
	if (err)
		return err;
	for (i = 0; i < s->signer_count; i++)
		if (!key_known(&s->signers[i], keys, count)) {
			err = diag_fail(diag, ERR_CONFLICT, NULL, "trust: a "
			    "document signer that is trusted now is not in it");
			diag_hint(diag, "it is older than the station's: take "
			    "the newest that the authority publishes");
			return err;
		}
	err = io_write_file(s->io, path, trust_pem, 0644, diag);
	if (err)
		return err;
	memcpy(s->signers, keys, sizeof(keys));
	s->signer_count = count;
	return ERR_OK;
}
