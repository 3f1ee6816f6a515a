/* A message between the processes of imprintd: what is read of it is within
 * bounds, and written again it has the same octets. */
#include <stdlib.h>

#include "lib/proto/front_key.h"

static void
same(struct bytes body, struct buf *out)
{
	if (buf_err(out) != ERR_OK || !bytes_equal(body, buf_bytes(out)))
		abort();
	buf_clear(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct internal_certificate certificate;
	static struct internal_welcome welcome;
	static const uint8_t challenge[CHALLENGE_SIZE];
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct internal_refusal refusal;
	struct internal_message m;
	uint64_t counts[COUNTS];
	struct internal_est_wish wish;
	struct internal_est_key made;
	struct internal_query query;
	struct internal_est est;
	struct public_key key;
	struct internal_figures figures;

	(void)front_key_verify(bytes_of(data, size), challenge, &key, NULL);
	if (internal_parse(bytes_of(data, size), &m, NULL) != ERR_OK)
		return 0;
	if (internal_get_welcome(m.body, &welcome, NULL) == ERR_OK)
		internal_put_welcome(&out, &welcome), same(m.body, &out);
	if (internal_get_certificate(m.body, &certificate, NULL) == ERR_OK)
		internal_put_certificate(&out, &certificate),
		    same(m.body, &out);
	if (internal_get_refusal(m.body, &refusal, NULL) == ERR_OK)
		internal_put_refusal(&out, &refusal), same(m.body, &out);
	if (internal_get_counts(m.body, counts, NULL) == ERR_OK)
		internal_put_counts(&out, counts), same(m.body, &out);
	if (internal_get_est(m.body, &est, NULL) == ERR_OK)
		internal_put_est(&out, &est), same(m.body, &out);
	if (internal_get_est_wish(m.body, &wish, NULL) == ERR_OK)
		internal_put_est_wish(&out, &wish), same(m.body, &out);
	if (internal_get_est_key(m.body, &made, NULL) == ERR_OK)
		internal_put_est_key(&out, &made), same(m.body, &out);
	if (internal_get_query(m.body, &query, NULL) == ERR_OK)
		internal_put_query(&out, &query), same(m.body, &out);
	if (internal_get_figures(m.body, &figures, NULL) == ERR_OK)
		internal_put_figures(&out, &figures), same(m.body, &out);
	return 0;
}
