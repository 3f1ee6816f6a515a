#include "lib/crypto/library.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

const char *
crypto_library(bool *ret_older)
{
	*ret_older = OpenSSL_version_num() < OPENSSL_VERSION_NUMBER;
	return OpenSSL_version(OPENSSL_VERSION);
}
