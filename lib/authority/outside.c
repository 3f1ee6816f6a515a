#include "lib/authority/outside.h"

#include <stdio.h>

#include "lib/authority/object.h"
#include "lib/crypto/random.h"
#include "lib/identity/index.h"
#include "lib/x509/x509_read.h"

static enum err
issuer_fill(struct keystore *keystore, const struct outside *request,
    struct sha256 *sha256, struct buf *name, uint8_t key_id[KEY_ID_SIZE],
    struct certificate_profile *profile, struct diag *diag)
{
	struct public_key issuer;
	enum err err;

	err = keystore_public(keystore, request->issuer_label, &issuer, diag);
	if (!err)
		err = certificate_key_id(sha256, &issuer, key_id);
	if (!err && request->issuer_der.len > 0)
		err = x509_subject(request->issuer_der, name, diag);
	else if (!err)
		certificate_put_name(name, profile->organization,
		    profile->common_name);
	if (!err)
		err = buf_err(name);
	profile->issuer_name = buf_bytes(name);
	profile->issuer_key_id = bytes_of(key_id, KEY_ID_SIZE);
	return err;
}

static enum err
sign_and_check(struct keystore *keystore, const struct outside *request,
    const struct certificate_profile *profile,
    const struct bytes fields[CERT_FIELDS], struct sha256 *sha256,
    struct buf *out, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_form_ struct form *form = NULL;
	_cleanup_buf_ struct buf tbs = BUF_INIT;
	uint8_t sig[SIGNATURE_SIZE];
	size_t start = out->len;
	enum err err;

	err = certificate_form(profile, &form, diag);
	if (!err)
		err = keystore_signer(keystore, request->issuer_label,
		    &signer, diag);
	if (!err)
		err = certificate_sign(form, fields, signer, sha256, &tbs,
		    out, sig);
	if (!err)
		err = buf_err(out);
	if (err)
		return diag_fail(diag, err, NULL,
		    "certificate %s: cannot be signed", request->name);
	return x509_check_sample(bytes_of(out->ptr + start, out->len - start),
	    profile, fields, signer_public(signer), diag);
}

enum err
outside_issue(struct keystore *keystore, const struct outside *request,
    struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf validity = BUF_INIT, name = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct certificate_profile profile = request->profile;
	uint8_t serial[SERIAL_SIZE], subject_id[KEY_ID_SIZE];
	uint8_t issuer_id[KEY_ID_SIZE];
	struct bytes fields[CERT_FIELDS] = { { NULL, 0 } };
	enum err err;

	serial[0] = EPOCH_OUTSIDE;
	err = random_bytes(serial + 1, sizeof(serial) - 1, diag);
	if (!err)
		err = sha256_new(&sha256, diag);
	if (!err)
		err = issuer_fill(keystore, request, sha256, &name,
		    issuer_id, &profile, diag);
	if (!err)
		err = certificate_key_id(sha256, request->subject,
		    subject_id);
	if (!err)
		err = certificate_put_validity(&validity,
		    request->not_before, request->not_after);
	if (err)
		return err;
	fields[CERT_FIELD_SERIAL] = bytes_of(serial, sizeof(serial));
	fields[CERT_FIELD_VALIDITY] = buf_bytes(&validity);
	fields[CERT_FIELD_PUBLIC_KEY] = bytes_of(request->subject->raw,
	    request->subject->len);
	fields[CERT_FIELD_KEY_ID] = bytes_of(subject_id, KEY_ID_SIZE);
	return sign_and_check(keystore, request, &profile, fields, sha256,
	    out, diag);
}

enum err
outside_store(struct store *store, struct hmac *mac, const char *name,
    struct bytes der, int64_t now, struct diag *diag)
{
	struct store_object object = { .kind = STORE_CERTIFICATE,
	    .body = der, .created = now };
	struct x509_info info;
	size_t i;
	enum err err;

	err = x509_read(der, &info, diag);
	if (!err)
		err = sha256_once(der, object.hash);
	if (err)
		return err;
	(void)snprintf(object.name, sizeof(object.name), "%s", name);
	for (i = 0; i < info.serial_len; i++)
		(void)snprintf(object.version + 2 * i, 3, "%02x",
		    info.serial[i]);
	return object_put(store, mac, &object, diag);
}
