#include "lib/keystore/keystore.h"

#include <stdlib.h>

struct keystore {
	const struct keystore_ops	*ops;
	void				*state;
};

enum err
keystore_new(const struct keystore_ops *ops, void *state,
    struct keystore **ret_keystore, struct diag *diag)
{
	struct keystore *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return diag_nomem(diag);
	k->ops = ops;
	k->state = state;
	*ret_keystore = k;
	return ERR_OK;
}

void
keystore_free(struct keystore **keystore)
{
	if (*keystore == NULL)
		return;
	(*keystore)->ops->free((*keystore)->state);
	free(*keystore);
	*keystore = NULL;
}

static enum err
label_check(const char *label, struct diag *diag)
{
	size_t len = strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	if (len == 0 || len > KEYSTORE_LABEL_MAX || label[len] != '\0')
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key label: 1 to %d of a-z, 0-9, '.' and '-' allowed",
		    KEYSTORE_LABEL_MAX);
	return ERR_OK;
}

enum err
keystore_generate(struct keystore *k, const char *label, enum key_alg alg,
    struct diag *diag)
{
	enum err err;

	err = label_check(label, diag);
	if (err)
		return err;
	if (key_alg_name(alg) == NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: unknown algorithm %d", label, (int)alg);
	return k->ops->generate(k->state, label, alg, diag);
}

enum err
keystore_generate_secret(struct keystore *k, const char *label, size_t len,
    struct diag *diag)
{
	enum err err;

	err = label_check(label, diag);
	if (err)
		return err;
	if (len == 0 || len > KEYSTORE_SECRET_MAX)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key %s: %zu octets, 1 to %d allowed", label, len,
		    KEYSTORE_SECRET_MAX);
	return k->ops->generate_secret(k->state, label, len, diag);
}

enum err
keystore_save(struct keystore *k, struct diag *diag)
{
	return k->ops->save(k->state, diag);
}

enum err
keystore_public(struct keystore *k, const char *label,
    struct public_key *ret_public, struct diag *diag)
{
	enum err err;

	err = label_check(label, diag);
	return err ? err :
	    k->ops->public_key(k->state, label, ret_public, diag);
}

enum err
keystore_signer(struct keystore *k, const char *label,
    struct signer **ret_signer, struct diag *diag)
{
	enum err err;

	err = label_check(label, diag);
	return err ? err : k->ops->signer(k->state, label, ret_signer, diag);
}

enum err
keystore_secret(struct keystore *k, const char *label,
    struct secret *ret_secret, struct diag *diag)
{
	enum err err;

	err = label_check(label, diag);
	return err ? err : k->ops->secret(k->state, label, ret_secret, diag);
}
