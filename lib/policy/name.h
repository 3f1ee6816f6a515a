/*
 * Names: how one reads, what its text is, which names two products could
 * both give. Pure decisions.
 *
 * A name has one text, its canonical one: that stands in documents, is
 * unique and is compared. A MAC's is lower case with colons, an IMEI's 15
 * digits. Names of a space are unique in an ecosystem: the space of a MAC or
 * an IMEI is all kinds of that type, since these numbers are one world's; of
 * any other name it is its kind.
 */
#ifndef IMPRINT_POLICY_NAME_H
#define IMPRINT_POLICY_NAME_H

#include "lib/policy/product.h"

#define NAME_TEXT_MAX	64	/* as a certificate's serialNumber */
#define NAME_TEXT_SIZE	(NAME_TEXT_MAX + 1)
#define NAME_UEID_MAX	15	/* octets */
/* The kind that goes into certificates: PrintableString (RFC 5280 A.1). */
#define NAME_SERIAL_NUMBER	"serial-number"

/*
 * What somebody wrote as a name of this kind and type into its canonical
 * text. MAC: 12 or 16 hexadecimal digits, in pairs with : or -, in fours
 * with . or all together; no group address. IMEI: 15 digits, spaces and -
 * between them. Text: 1 to 64 characters of visible ASCII, no blank at its
 * ends; a serial-number of PrintableString alone.
 * ERR_INVALID: diag says what about it, such as "is empty".
 */
MUST_USE enum err name_read(const char *kind, enum name_type, struct bytes,
    char ret_text[NAME_TEXT_SIZE], struct diag *);

/* Does it keep the rules of a product's names? */
bool	name_ok(const struct product_name *);
/* Have its names a form: from index or range? */
static inline bool
name_has_form(const struct product_name *name)
{
	return name->from == NAME_FROM_INDEX || name->from == NAME_FROM_RANGE;
}

/*
 * "CAM-000000123" of index 123; the text of a block's value. ERR_LIMIT when
 * it has too few digits or is outside first..last, ERR_INVALID without form.
 */
MUST_USE enum err name_format(const struct product_name *, uint64_t value,
    char ret_text[NAME_TEXT_SIZE]);
/* The reverse, of a canonical text; ERR_NOTFOUND when it is no name of this
 * form. */
MUST_USE enum err name_parse(const struct product_name *, const char *text,
    uint64_t *ret_value);
/* A name as the kind could have: for a sample. */
MUST_USE enum err name_sample(const struct product_name *,
    char ret_text[NAME_TEXT_SIZE]);

/* "serial-number"; "type:mac", which is no kind. */
const char *name_space(const struct product_name *);
/*
 * Could two forms give one name? Both have one, in one space. Two indices
 * may: when the same index gives the same name, that is *ret_same_index, and
 * no fault within one log.
 */
bool	name_forms_meet(const struct product_name *,
	    const struct product_name *, bool *ret_same_index);
/* Do they take their values from one block: declared the same? */
bool	name_same_block(const struct product_name *,
	    const struct product_name *);
/* What the registry knows a block by: 1 to 2^63 - 1. */
MUST_USE enum err name_block_id(const struct product_name *,
    uint64_t *ret_id);
/* The first and the last name of a form. */
MUST_USE enum err name_bounds(const struct product_name *,
    char ret_first[NAME_TEXT_SIZE], char ret_last[NAME_TEXT_SIZE]);

/*
 * A canonical text as a UEID (RFC 9711 4.2.1.1), for the sueids claim: type
 * 2 and the EUI, or type 3 and the IMEI's 14 digits without its check digit.
 * ERR_UNSUPPORTED for a type that is none.
 */
MUST_USE enum err name_ueid(enum name_type, const char *text,
    uint8_t ret_ueid[NAME_UEID_MAX], size_t *ret_len);

#endif
