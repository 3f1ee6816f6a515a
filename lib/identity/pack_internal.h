/*
 * The pack's layout in numbers, shared by its writer and parser.
 */
#ifndef IMPRINT_IDENTITY_PACK_INTERNAL_H
#define IMPRINT_IDENTITY_PACK_INTERNAL_H

#include "lib/identity/pack.h"

#define PACK_MAGIC		"IMPRPACK"
#define PACK_END_MAGIC		"IMPREND1"
#define PACK_CHUNK_MAGIC	"CHNK"
#define PACK_MAGIC_SIZE		8
#define PACK_HEAD		16	/* magic to length */
#define PACK_CHUNK_HEAD		26	/* magic to length of enc */
#define PACK_TABLE_ENTRY	40
#define PACK_TRAILER		20

#endif
