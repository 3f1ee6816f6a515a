#include <stdlib.h>

#include "lib/base/csv.h"
#include "lib/devices/formats_internal.h"
#include "lib/devices/reading.h"
#include "lib/x509/csr.h"

#define PEM_LINE_MAX	1024
#define BASE64_MAX	(CSR_MAX * 3 / 2)
#define LABEL_MAX	64
#define TAG_SEQUENCE	0x30

struct requests {
	struct reading	 reading;
	struct csv	 lines;
	struct diag	*diag;
	uint64_t	 number;
	unsigned	 slot;
	bool		 inside;		/* a block */
	char		 label[LABEL_MAX + 1];	/* that began it */
	struct buf	 base64, der;
};

static bool
csr_is(struct bytes head)
{
	static const char begin[] = "-----BEGIN ";

	return head.len >= sizeof(begin) && (head.ptr[0] == TAG_SEQUENCE ||
	    memcmp(head.ptr, begin, sizeof(begin) - 1) == 0);
}

static enum err
request_read(struct requests *q, struct bytes der)
{
	struct device_entry *entry = q->reading.entry;
	struct diag why = DIAG_INIT;
	enum err err;

	err = csr_read(der, &entry->key[0].key, &why);
	return reading_entry(&q->reading, ++q->number, err, &why, q->diag);
}

static enum err
request_bad(struct requests *q, enum err code, const char *what,
    const char *label, const char *hint)
{
	struct diag why = DIAG_INIT;

	(void)diag_fail(&why, code, "RFC 7468 7", "%s%s", what, label);
	diag_hint(&why, "%s", hint);
	return reading_entry(&q->reading, ++q->number, code, &why, q->diag);
}

/* The label of a line "-----BEGIN LABEL-----"; false: no such line. */
static bool
label_get(struct bytes line, const char *word, char ret_label[LABEL_MAX + 1])
{
	static const char dashes[] = "-----";
	size_t head = 5 + strlen(word);

	while (line.len > 0 && (line.ptr[line.len - 1] == ' ' ||
	    line.ptr[line.len - 1] == '\t'))
		line.len--;
	if (line.len < head + 5 || line.len - head - 5 > LABEL_MAX ||
	    memcmp(line.ptr, dashes, 5) != 0 ||
	    memcmp(line.ptr + 5, word, head - 5) != 0 ||
	    memcmp(line.ptr + line.len - 5, dashes, 5) != 0 ||
	    !bytes_is_plain(line))
		return false;
	memcpy(ret_label, line.ptr + head, line.len - head - 5);
	ret_label[line.len - head - 5] = '\0';
	return true;
}

static enum err
block_begin(struct requests *q, const char *label)
{
	enum err err = ERR_OK;

	if (q->inside)
		err = request_bad(q, ERR_SYNTAX, "begins and does not end", "",
		    "the file was cut, or put together wrongly");
	q->inside = true;
	memcpy(q->label, label, strlen(label) + 1);
	buf_clear(&q->base64);
	return err;
}

static enum err
block_end(struct requests *q, const char *label)
{
	enum err err;

	q->inside = false;
	if (strcmp(label, q->label) != 0)
		return request_bad(q, ERR_SYNTAX, "its end is that of ",
		    label, "the file was put together wrongly");
	if (strstr(label, "PRIVATE KEY") != NULL)
		return request_bad(q, ERR_INVALID, "is a ", label, "private "
		    "keys stay in their devices: do not use this one, and "
		    "send requests alone");
	/* RFC 7468 7: the second is what some programs write */
	if (strcmp(label, "CERTIFICATE REQUEST") != 0 &&
	    strcmp(label, "NEW CERTIFICATE REQUEST") != 0)
		return request_bad(q, ERR_INVALID, "no certification "
		    "request: ", label, "send requests alone");
	buf_clear(&q->der);
	err = buf_err(&q->base64);
	if (!err)
		err = base64_decode(buf_bytes(&q->base64), &q->der);
	if (err == ERR_LIMIT)
		return request_bad(q, err, "longer than any request", "",
		    "a request has a key and a signature, no more is needed");
	if (err == ERR_SYNTAX)
		return request_bad(q, err, "its content is no base64", "",
		    "the file was changed on the way");
	return err ? err : request_read(q, buf_bytes(&q->der));
}

static enum err
pem_line(void *ctx, struct bytes line)
{
	struct requests *q = ctx;
	char label[LABEL_MAX + 1];

	if (label_get(line, "BEGIN ", label))
		return block_begin(q, label);
	if (label_get(line, "END ", label))
		return q->inside ? block_end(q, label) : request_bad(q,
		    ERR_SYNTAX, "ends and does not begin", "",
		    "the file was put together wrongly");
	if (!q->inside)
		return ERR_OK;	/* explanation (RFC 7468 5.2) */
	buf_put_bytes(&q->base64, line);
	return q->base64.err == ERR_NOMEM ? diag_nomem(q->diag) : ERR_OK;
}

static enum err
line_long(struct requests *q, enum err err, struct diag *diag)
{
	if (err != ERR_LIMIT || (diag != NULL && diag->code != ERR_OK))
		return err;
	return reading_fail(&q->reading, err, diag, "line %ju: longer than "
	    "%d octets: no PEM", (uintmax_t)q->lines.line, PEM_LINE_MAX);
}

static enum err
pem_feed(void *ctx, struct bytes block, struct diag *diag)
{
	struct requests *q = ctx;

	q->diag = diag;
	return line_long(q, csv_feed(&q->lines, block), diag);
}

static enum err
pem_read(struct requests *q, struct diag *diag)
{
	enum err err;

	csv_init(&q->lines, PEM_LINE_MAX, pem_line, q);
	err = reading_feed(&q->reading, pem_feed, q, diag);
	if (!err)
		err = line_long(q, csv_end(&q->lines), diag);
	if (!err && q->inside)
		err = request_bad(q, ERR_SYNTAX, "begins and does not end", "",
		    "the file was cut");
	return err;
}

/* Octets of the item at the front; 0: none whose end can be told. */
static size_t
item_len(struct bytes view)
{
	size_t i, octets, len = 0;

	if (view.len < 2 || view.ptr[0] != TAG_SEQUENCE)
		return 0;
	if (view.ptr[1] < 0x80)
		return 2 + (size_t)view.ptr[1];
	octets = view.ptr[1] & 0x7fU;
	if (octets == 0 || octets > 3 || octets > view.len - 2)
		return 0;
	for (i = 0; i < octets; i++)
		len = len << 8 | view.ptr[2 + i];
	return 2 + octets + len;
}

static enum err
der_read_all(struct requests *q, struct diag *diag)
{
	struct bytes view = BYTES_NONE;
	uint64_t at = 0;
	size_t len;
	enum err err;

	q->diag = diag;
	do {
		err = reading_view(&q->reading, at, CSR_MAX + 1, &view, diag);
		if (err || view.len == 0)
			return err;
		len = item_len(view);
		if (len == 0)
			return reading_fail(&q->reading, ERR_SYNTAX, diag,
			    "octet %ju, after %ju requests: no DER of another "
			    "begins here", (uintmax_t)at,
			    (uintmax_t)q->number);
		if (len > view.len)
			err = len > CSR_MAX ? request_bad(q, ERR_LIMIT,
			    "longer than any request", "", "a request has a "
			    "key and a signature, no more is needed") :
			    request_bad(q, ERR_SYNTAX, "is cut off", "",
			    "copy the file again");
		else
			err = request_read(q, bytes_of(view.ptr, len));
		at += len;
	} while (!err);
	return err;
}

static enum err
requests_read(struct requests *q, const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	const struct device_list_head head = { .kind = input->kind,
		.trust = input->kind == DEVICE_LIST_CHIPS ?
		    DEVICE_LIST_APPROVED : DEVICE_LIST_POSSESSION };
	struct bytes view = BYTES_NONE;
	enum err err;

	err = reading_slot(&q->reading, "a request is for one key: for more "
	    "hand in COSE keys with their proofs", &q->slot, diag);
	if (!err)
		err = device_list_begin(writer, &head, diag);
	if (!err)
		err = reading_view(&q->reading, 0, 1, &view, diag);
	if (err)
		return err;
	q->base64.limit = BASE64_MAX;
	q->der.limit = BASE64_MAX;
	q->reading.entry->key_count = 1;
	q->reading.entry->key[0].slot = q->slot;
	if (view.len > 0 && view.ptr[0] == TAG_SEQUENCE)
		err = der_read_all(q, diag);
	else
		err = pem_read(q, diag);
	return err ? err : reading_end(&q->reading, diag);
}

static enum err
csr_list_read(const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	struct requests *q;
	enum err err;

	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return diag_nomem(diag);
	err = reading_init(&q->reading, input, writer,
	    device_csr_format.place_word, diag);
	if (!err)
		err = requests_read(q, input, writer, diag);
	reading_release(&q->reading);
	buf_release(&q->base64);
	buf_release(&q->der);
	free(q);
	return err;
}

const struct device_list_format device_csr_format = {
	.name = "csr",
	.is = csr_is,
	.place_word = "request",
	.read = csr_list_read,
};
