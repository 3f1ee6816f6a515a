#include "lib/proto/est.h"

#include "lib/x509/certificate.h"
#include "lib/x509/cms.h"

static const struct {
	const char		*name;
	enum est_operation	 operation;
} operations[] = {
	{ "cacerts", EST_CACERTS },
	{ "simpleenroll", EST_SIMPLEENROLL },
	{ "simplereenroll", EST_SIMPLEREENROLL },
	{ "serverkeygen", EST_SERVERKEYGEN },
	{ "csrattrs", EST_CSRATTRS }
};

static enum est_operation
operation_of(struct bytes name)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (bytes_equal(name, bytes_text(operations[i].name)))
			return operations[i].operation;
	return EST_NONE;
}

enum est_operation
est_path(struct bytes path, char ret_label[EST_LABEL_MAX + 1])
{
	const size_t head = sizeof(EST_PATH) - 1;
	const uint8_t *slash;
	struct bytes label = BYTES_NONE;

	if (path.len <= head || memcmp(path.ptr, EST_PATH, head) != 0)
		return EST_NONE;
	path = bytes_of(path.ptr + head, path.len - head);
	slash = memchr(path.ptr, '/', path.len);
	if (slash != NULL) {
		label = bytes_of(path.ptr, (size_t)(slash - path.ptr));
		path = bytes_of(slash + 1, path.len - label.len - 1);
		/* a label is no operation (RFC 7030 3.2.2) */
		if (label.len == 0 || label.len > EST_LABEL_MAX ||
		    !bytes_is_plain(label) || operation_of(label) != EST_NONE)
			return EST_NONE;
		memcpy(ret_label, label.ptr, label.len);
	}
	ret_label[label.len] = '\0';
	return operation_of(path);
}

static enum err
armour_get(struct bytes body, struct buf *out, struct diag *diag)
{
	static const char *const labels[] = { "CERTIFICATE REQUEST",
		"NEW CERTIFICATE REQUEST" };	/* RFC 7468 7 */
	_cleanup_buf_ struct buf blocks = BUF_INIT;
	struct bytes rest, der;
	size_t i;
	enum err err = ERR_NOTFOUND;

	for (i = 0; i < 2 && err == ERR_NOTFOUND; i++)
		err = pem_get_all(body, labels[i], &blocks, NULL);
	rest = buf_bytes(&blocks);
	if (err || !pem_next(&rest, &der) || rest.len != 0)
		return diag_fail(diag, ERR_SYNTAX, "RFC 8951 3.1",
		    "body: PEM, but not of one certification request");
	buf_put_bytes(out, der);
	return buf_err(out);
}

enum err
est_get_request(struct bytes body, struct buf *out, struct diag *diag)
{
	static const char begin[] = "-----BEGIN ";
	enum err err;

	if (body.len > EST_BODY_MAX)
		return diag_fail(diag, ERR_LIMIT, NULL,
		    "body: longer than %zu octets", EST_BODY_MAX);
	if (memmem(body.ptr, body.len, begin, sizeof(begin) - 1) != NULL)
		return armour_get(body, out, diag);
	err = base64_decode(body, out);
	if (!err && out->len == 0)
		err = ERR_SYNTAX;
	if (err == ERR_SYNTAX) {
		(void)diag_fail(diag, err, "RFC 8951 3.1",
		    "body: no base64 of DER");
		diag_hint(diag, "send the certification request in base64; "
		    "Content-Transfer-Encoding is not looked at");
	}
	return err ? err : buf_err(out);
}

enum err
est_put_certificates(struct buf *b, const struct bytes *certificates,
    size_t count)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	enum err err;

	cms_put_certificates(&der, certificates, count);
	err = buf_err(&der);
	if (!err)
		buf_put_base64(b, buf_bytes(&der));
	return err ? err : buf_err(b);
}

static void
part_begin(struct buf *b, const char *type)
{
	buf_printf(b, "--" EST_BOUNDARY "\r\nContent-Type: "
	    EST_TYPE_CERTS "; smime-type=%s\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n", type);
}

enum err
est_put_key(struct buf *b, struct bytes key, struct bytes certificate)
{
	enum err err;

	part_begin(b, "server-generated-key");
	buf_put_base64(b, key);
	buf_printf(b, "\r\n");
	part_begin(b, "certs-only");
	err = est_put_certificates(b, &certificate, 1);
	buf_printf(b, "\r\n--" EST_BOUNDARY "--\r\n");
	return err ? err : buf_err(b);
}
