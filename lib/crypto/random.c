#include "lib/crypto/ossl.h"
#include "lib/crypto/random.h"

#define STEP	((size_t)1 << 20)	/* RAND_bytes() takes an int */

enum err
random_bytes(void *out, size_t len, struct diag *diag)
{
	unsigned char *p = out;
	size_t n;

	while (len > 0) {
		n = len < STEP ? len : STEP;
		if (RAND_bytes(p, (int)n) != 1)
			return ossl_fail(diag, "random generator");
		p += n;
		len -= n;
	}
	return ERR_OK;
}
