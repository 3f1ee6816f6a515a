/* Stored forms: what is decoded must encode to the same bytes again; it
 * renders, or says what is missing. */
#include <stdlib.h>

#include "lib/base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_form_ struct form *form = NULL;
	_cleanup_buf_ struct buf again = BUF_INIT, out = BUF_INIT;
	struct bytes fields[FORM_FIELDS_MAX / 2];
	struct diag diag = DIAG_INIT;
	size_t i;
	enum err err;

	if (form_decode(bytes_of(data, size), &form, &diag) != ERR_OK) {
		if (diag.what[0] == '\0')
			abort();
		return 0;
	}
	if (form_encode(form, &again) != ERR_OK ||
	    !bytes_equal(buf_bytes(&again), bytes_of(data, size)))
		abort();
	for (i = 0; i < FORM_FIELDS_MAX / 2; i++)
		fields[i] = bytes_of("12345678", i % 4 ? 8 : 3);
	err = form_render(form, fields, FORM_FIELDS_MAX / 2, &out);
	if (err != ERR_OK && err != ERR_INTERNAL)
		abort();
	return 0;
}
