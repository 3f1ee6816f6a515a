/*
 * Chip makers whose signed lists are believed: registered by an operator's
 * request, which another one approved (approval.h), with the certificate that
 * signs. What a CA issued does not count: it must be registered itself. A
 * maker's next certificate is added under its name, for a chip's id is known
 * by that. A name is one maker's for ever; removed, its lists are taken no
 * more, whatever they are signed by.
 *
 * Manufacturers whose devices enrol with certificates of their own CA (IEEE
 * 802.1AR) are registered in the same way, by that CA: self-signed, for it is
 * where the path ends (enrol_foreign.c).
 */
#ifndef IMPRINT_AUTHORITY_CHIP_MAKER_H
#define IMPRINT_AUTHORITY_CHIP_MAKER_H

#include "lib/authority/authority.h"
#include "lib/identity/device_list.h"

#define CHIP_MAKERS_MAX	64
#define MANUFACTURER_CERT_MAX	((size_t)8 << 10) /* fronts are sent all */

struct chip_maker {	/* one of its certificates */
	char		name[DEVICE_SOURCE_MAX + 1];
	struct buf	cert;		/* DER */
	int64_t		created;
	bool		removed;
};

struct chip_makers {
	struct chip_maker		*list;
	size_t				 count;
	/* those that are not removed, as readers of lists want them */
	struct device_list_signer	 signers[CHIP_MAKERS_MAX];
	size_t				 signer_count;
};
#define CHIP_MAKERS_INIT { .count = 0 }
#define _cleanup_chip_makers_ __attribute__((cleanup(chip_makers_release)))

void	chip_makers_release(struct chip_makers *);
/* All of them, by age. ret_makers: CHIP_MAKERS_INIT. */
MUST_USE enum err chip_makers_load(struct authority *,
    struct chip_makers *ret_makers, struct diag *);
/* The same of manufacturers. */
MUST_USE enum err manufacturers_load(struct authority *,
    struct chip_makers *ret_makers, struct diag *);

/* Body of the request that registers one: [name, certificate, ? approval],
 * the last one empty: none. What is approved is [name, certificate]. */
MUST_USE enum err chip_maker_put_request(struct buf *, const char *name,
    struct bytes cert, struct bytes approval);

#endif
