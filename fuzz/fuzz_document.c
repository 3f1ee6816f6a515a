/* Any octets as an identity document, read and shown in both renderings. */
#include <stdlib.h>

#include "lib/identity/document.h"

/* Nothing of a document may act on the terminal it is shown on. */
static void
check_plain(const struct buf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		if ((b->ptr[i] < 0x20 && b->ptr[i] != '\n') ||
		    b->ptr[i] == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct document d, label;
	enum err err;

	err = document_read_label(bytes_of(data, size), &label, NULL);
	if (document_parse(bytes_of(data, size), &d, &diag) != ERR_OK) {
		if (diag.code == ERR_OK || diag.what[0] == '\0')
			abort();
		return 0;
	}
	if (err != ERR_OK || !bytes_equal(label.ueid, d.ueid))
		abort();
	document_put_json(&out, &d);
	document_put_text(&out, &d);
	check_plain(&out);
	return 0;
}
