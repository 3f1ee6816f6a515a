/* A question over HTTP: what is read of it lies within its bounds, asks for a
 * right wholly or not at all, and the verifier takes it. */
#include <stdlib.h>

#include "verify/service/question.h"

static void
check(const struct question *q, enum err err, const struct diag *diag)
{
	const struct imprint_question *ask = &q->ask;

	if (err != ERR_OK) {
		if (diag->what[0] == '\0')
			abort();
		return;
	}
	if (ask->certificate_len > sizeof(q->certificate) ||
	    ask->document_len > sizeof(q->document) ||
	    (ask->certificate == NULL) != (ask->certificate_len == 0) ||
	    (ask->document == NULL) != (ask->document_len == 0) ||
	    (ask->object == NULL) != (ask->permissions == 0) ||
	    strlen(q->object) >= sizeof(q->object))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct question q;
	struct bytes text = bytes_of(data, size), rest = text;
	struct bytes *parts[5];
	struct question_fields f = { .query = BYTES_NONE };
	struct diag diag = DIAG_INIT, other = DIAG_INIT;
	const uint8_t *end;
	size_t i;

	check(&q, question_read_json(text, &q, &diag), &diag);
	parts[0] = &f.certificate, parts[1] = &f.document;
	parts[2] = &f.object, parts[3] = &f.permission, parts[4] = &f.query;
	for (i = 0; i < 5 && rest.len > 0; i++) {
		end = memchr(rest.ptr, '\n', rest.len);
		*parts[i] = bytes_of(rest.ptr, end == NULL ? rest.len :
		    (size_t)(end - rest.ptr));
		rest = end == NULL ? BYTES_NONE : bytes_of(end + 1,
		    rest.len - parts[i]->len - 1);
	}
	check(&q, question_read_fields(&f, &q, &other), &other);
	return 0;
}
