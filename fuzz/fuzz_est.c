/* A path and a body of EST, as a front and the authority read them: what is
 * taken is one request, and each refusal says why. */
#include <stdlib.h>

#include "lib/proto/est.h"
#include "lib/x509/csr.h"

static void
told(enum err err, const struct diag *diag)
{
	if ((err == ERR_OK || err == ERR_NOTFOUND) != (diag->what[0] == '\0'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf der = BUF_INIT, text = BUF_INIT;
	struct diag diag = DIAG_INIT, more = DIAG_INIT, last = DIAG_INIT;
	struct bytes body = bytes_of(data, size);
	char label[EST_LABEL_MAX + 1];
	struct csr_sealing sealing;
	struct public_key key;

	if (est_path(body, label) != EST_NONE && strlen(label) > EST_LABEL_MAX)
		abort();
	if (est_get_request(body, &der, NULL) != ERR_OK) {
		buf_clear(&der);
		buf_put_bytes(&der, body);
	}
	if (csr_sealing_read(buf_bytes(&der), &sealing, NULL) == ERR_OK &&
	    sealing.key_id.len > der.len)
		abort();
	told(csr_challenge(buf_bytes(&der), &text, &more), &more);
	if (text.len > CSR_CHALLENGE_MAX)
		abort();
	if (csr_read(buf_bytes(&der), &key, &diag) == ERR_OK)
		told(csr_countersigned(buf_bytes(&der), &key, &last), &last);
	return 0;
}
