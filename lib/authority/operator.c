#include "lib/authority/operator.h"

#include <stdio.h>

#include "lib/authority/authority.h"
#include "lib/authority/object.h"

enum err
operator_key_create(const struct io *io, const char *path,
    struct bytes passphrase, struct public_key *ret_key, struct diag *diag)
{
	_cleanup_keystore_ struct keystore *keystore = NULL;
	struct public_key key;
	enum err err;

	err = keystore_file_create(io, path, passphrase, &keystore, diag);
	if (!err)
		err = keystore_generate(keystore, KEY_OPERATOR, KEY_P256,
		    diag);
	if (!err)
		err = keystore_save(keystore, diag);
	if (!err)
		err = keystore_public(keystore, KEY_OPERATOR, &key, diag);
	if (!err)
		*ret_key = key;
	return err;
}

enum err
operator_key_open(const struct io *io, const char *path,
    struct bytes passphrase, struct signer **ret_signer, struct diag *diag)
{
	_cleanup_keystore_ struct keystore *keystore = NULL;
	enum err err;

	err = keystore_file_open(io, path, passphrase, &keystore, diag);
	if (!err)
		err = keystore_signer(keystore, KEY_OPERATOR, ret_signer,
		    diag);
	return err;
}

enum err
operator_put(struct store *store, struct hmac *mac, const char *name,
    const struct public_key *key, int64_t now, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object = { .kind = STORE_OPERATOR,
	    .created = now };
	enum err err;

	cose_key_put(&body, key);
	err = buf_err(&body);
	if (!err)
		err = cose_key_thumbprint(key, object.hash);
	if (err)
		return err;
	(void)snprintf(object.name, sizeof(object.name), "%s", name);
	object.body = buf_bytes(&body);
	return object_put(store, mac, &object, diag);
}

enum err
operator_by_kid(struct store *store, struct hmac *mac, struct bytes kid,
    char ret_name[STORE_NAME_MAX + 1], struct public_key *ret_key,
    struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct store_object object;
	struct bytes none;
	enum err err;

	if (kid.len != COSE_KID_SIZE)
		return diag_fail(diag, ERR_NOTFOUND, NULL,
		    "operator: key id of %zu octets is none of ours",
		    kid.len);
	err = object_by_hash(store, mac, STORE_OPERATOR, kid.ptr, &body,
	    &object, diag);
	if (!err)
		err = cose_key_parse(object.body, ret_key, &none, diag);
	if (!err)
		memcpy(ret_name, object.name, STORE_NAME_MAX + 1);
	return err;
}
