#include "lib/authority/order_manifest.h"

#include <stdlib.h>

#include "lib/authority/authority_internal.h"
#include "lib/crypto/cose.h"

struct chunk_list {
	struct pack_chunk	*chunks;
	size_t			 count, cap;
	uint32_t		 pack;
};

static enum err
chunk_collect(void *ctx, const struct store_range *range)
{
	struct chunk_list *list = ctx;
	struct pack_chunk *more;

	if (range->pack != list->pack)
		return ERR_OK;
	if (list->count == list->cap) {
		list->cap = list->cap * 2 + 64;
		more = reallocarray(list->chunks, list->cap, sizeof(*more));
		if (more == NULL)
			return ERR_NOMEM;
		list->chunks = more;
	}
	more = &list->chunks[list->count++];
	*more = (struct pack_chunk){ .offset = range->pack_offset,
	    .length = range->pack_length, .first = range->first,
	    .count = range->count };
	memcpy(more->hash, range->chunk_hash, SHA256_SIZE);
	return ERR_OK;
}

static enum err
manifest_make(struct authority *authority, const struct order_manifest *m,
    const struct chunk_list *list, struct buf *out, struct diag *diag)
{
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf header = BUF_INIT;
	uint8_t kid[COSE_KID_SIZE], hash[SHA256_SIZE];
	enum err err;

	err = keystore_signer(authority->keystore, m->signer, &signer, diag);
	if (!err)
		err = cose_key_thumbprint(signer_public(signer), kid);
	if (!err)
		err = pack_put_header(&header, m->header);
	if (!err)
		err = sha256_once(buf_bytes(&header), hash);
	return err ? err : pack_put_manifest(out, m->pack->length, m->header,
	    hash, list->chunks, list->count, signer,
	    bytes_of(kid, sizeof(kid)), diag);
}

enum err
order_manifest_append(struct authority *authority,
    const struct order_manifest *m, const struct file *file,
    struct diag *diag)
{
	_cleanup_buf_ struct buf out = { .limit = PACK_MANIFEST_MAX };
	struct chunk_list list = { .pack = m->pack->no };
	enum err err;

	err = store_range_each(authority->store, m->log, m->order,
	    RANGE_COMMITTED, chunk_collect, &list, diag);
	if (!err)
		err = manifest_make(authority, m, &list, &out, diag);
	free(list.chunks);
	if (!err)
		err = file_write_at(file, m->pack->length, buf_bytes(&out),
		    diag);
	return err ? err : file_sync(file, diag);
}
