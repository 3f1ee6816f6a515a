#include "lib/crypto/ossl.h"

enum err
ossl_fail(struct diag *diag, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	char text[160];

	(void)diag_fail(diag, ERR_CRYPTO, NULL, "OpenSSL: %s failed", what);
	if (code != 0) {
		ERR_error_string_n(code, text, sizeof(text));
		diag_internal(diag, "%s", text);
	}
	diag_hint(diag, "check the OpenSSL installation and its configuration"
	    " (openssl version -a; openssl list -providers)");
	ERR_clear_error();
	return ERR_CRYPTO;
}
