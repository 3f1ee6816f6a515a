/*
 * A counter in the NV memory of a TPM 2.0 (TPM 2.0 library, part 2, 13.4;
 * part 3, 31.8): it goes up by one and never down, nor is it lower when it is
 * removed and made again. Whoever reads or raises it must know its secret, so
 * a counter at the same index of another TPM is not taken for it.
 *
 * One TPM, one counter, one process; whoever runs it kills it when it hangs.
 */
#ifndef IMPRINT_CMD_TPM_COUNTER_H
#define IMPRINT_CMD_TPM_COUNTER_H

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

#define COUNTER_SECRET_MAX	32	/* octets */
/* NV indices that the TPM's owner may use. */
#define COUNTER_INDEX_FIRST	0x01800000u
#define COUNTER_INDEX_LAST	0x01bfffffu

struct counter;

/* tcti: how to reach the TPM, as tpm2-tss has it: "device:/dev/tpmrm0".
 * ERR_IO. */
MUST_USE enum err counter_open(const char *tcti, uint32_t index,
    struct bytes secret, struct counter **ret_counter, struct diag *);
void	counter_close(struct counter **);
#define _cleanup_counter_ __attribute__((cleanup(counter_close)))

/* Make it unless it is there. ERR_CONFLICT: something else is; ERR_AUTH: it
 * has another secret, or the TPM's owner a password; ERR_IO. */
MUST_USE enum err counter_make(struct counter *, struct diag *);
/* ERR_NOTFOUND; ERR_AUTH, ERR_CONFLICT, ERR_IO. */
MUST_USE enum err counter_read(struct counter *, uint64_t *ret_value,
    struct diag *);
/* By one. As counter_read(). */
MUST_USE enum err counter_raise(struct counter *, struct diag *);

#endif
