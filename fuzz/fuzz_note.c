/*
 * Checkpoints and anchors: any octets as a note; and as a text that is
 * rightly signed, so that what is behind the signature is reached too.
 */
#include <stdlib.h>

#include "lib/log/anchor.h"
#include "lib/log/checkpoint.h"

static void
read_note(struct bytes note, struct signer *signer)
{
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct checkpoint checkpoint;
	struct anchor anchor;

	if (checkpoint_verify(note, signer_public(signer), &checkpoint,
	    &diag) != ERR_OK && diag.what[0] == '\0')
		abort();
	if (anchor_verify(note, signer_public(signer), &anchor, NULL) == 0 &&
	    (anchor_sign(&anchor, signer, &again, NULL) != ERR_OK ||
	    again.len > note.len ||
	    memcmp(again.ptr, note.ptr, again.len) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t private[KEY_PRIVATE_SIZE] = { 7 };
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_buf_ struct buf note = BUF_INIT;

	if (signer_new(KEY_ED25519, bytes_of(private, sizeof(private)),
	    &signer, NULL) != ERR_OK)
		abort();
	read_note(bytes_of(data, size), signer);
	if (note_sign("note", bytes_of(data, size), signer, &note, NULL) == 0)
		read_note(buf_bytes(&note), signer);
	return 0;
}
