/*
 * Published vectors are written in hexadecimal; tests read them with this.
 */
#ifndef IMPRINT_TESTS_HEX_H
#define IMPRINT_TESTS_HEX_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"

/* text decoded into out; ends the test program when it does not fit. */
static inline struct bytes
hex_bytes(const char *text, uint8_t *out, size_t cap)
{
	size_t len = 0;

	if (hex_decode(text, out, cap, &len) != ERR_OK) {
		(void)fprintf(stderr, "bad hexadecimal in a test: %s\n", text);
		abort();
	}
	return bytes_of(out, len);
}

#define HEX(text, out)	hex_bytes(text, out, sizeof(out))

#endif
