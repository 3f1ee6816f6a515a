#include "lib/identity/claim_code.h"

#include <string.h>

#include "lib/base/cbor_write.h"

#define SYMBOLS	12		/* without the check character */
#define GROUP	4
#define TYPED_MAX 64		/* octets that are looked at */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum err
claim_pack_key(struct bytes ecosystem_key, struct bytes pack,
    uint8_t ret_key[CLAIM_KEY_SIZE])
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bytes part;
	enum err err;

	cbor_put_array(&text, 2);
	cbor_put_text(&text, "imprint claim pack");
	cbor_put_bstr(&text, pack);
	err = buf_err(&text);
	part = buf_bytes(&text);
	if (!err)
		err = hmac_new(ecosystem_key, &hmac, NULL);
	return err ? err : hmac_parts(hmac, &part, 1, ret_key);
}

/* Times a in GF(32), a^5 = a^2 + 1. */
static unsigned
times_a(unsigned value)
{
	value <<= 1;
	return value & 0x20 ? value ^ 0x25 : value;
}

/* Of twelve symbols: what makes the sum zero, for the thirteenth has a^0. */
static unsigned
check_of(const uint8_t symbols[SYMBOLS])
{
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < SYMBOLS; i++)
		sum = times_a(sum ^ symbols[i]);
	return sum;
}

static void
code_print(const uint8_t symbols[SYMBOLS], char ret_code[CLAIM_CODE_SIZE])
{
	size_t i, n = 0;

	for (i = 0; i < SYMBOLS; i++) {
		ret_code[n++] = alphabet[symbols[i]];
		if (i % GROUP == GROUP - 1)
			ret_code[n++] = '-';
	}
	ret_code[n++] = alphabet[check_of(symbols)];
	ret_code[n] = '\0';
}

enum err
claim_code_make(struct hmac *codes, uint32_t log, uint64_t index,
    char ret_code[CLAIM_CODE_SIZE])
{
	uint8_t mac[SHA256_SIZE], symbols[SYMBOLS], room[64];
	struct buf text = { .ptr = room, .cap = sizeof(room),
	    .limit = sizeof(room) };
	struct bytes part;
	uint64_t bits = 0;
	size_t i;
	enum err err;

	cbor_put_array(&text, 3);
	cbor_put_text(&text, "imprint claim code");
	cbor_put_uint(&text, log);
	cbor_put_uint(&text, index);
	err = buf_err(&text);
	part = buf_bytes(&text);
	if (!err)
		err = hmac_parts(codes, &part, 1, mac);
	if (err)
		return err;
	for (i = 0; i < sizeof(bits); i++)
		bits = bits << 8 | mac[i];
	for (i = 0; i < SYMBOLS; i++, bits <<= 5)
		symbols[i] = (uint8_t)(bits >> 59);
	code_print(symbols, ret_code);
	return ERR_OK;
}

/* -1: none of them. */
static int
symbol_of(uint8_t c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		return 0;
	if (c == 'I' || c == 'L')
		return 1;
	at = c == '\0' ? NULL : strchr(alphabet, c);
	return at == NULL ? -1 : (int)(at - alphabet);
}

static enum err
bad_code(struct diag *diag, const char *what)
{
	enum err err;

	err = diag_fail(diag, ERR_INVALID, NULL, "claim code: %s", what);
	diag_hint(diag, "it has 13 characters, as in 7K2M-00QX-V9DT-3: read "
	    "it from the device's label again");
	return err;
}

enum err
claim_code_read(struct bytes typed, char ret_code[CLAIM_CODE_SIZE],
    struct diag *diag)
{
	uint8_t symbols[SYMBOLS + 1];
	size_t i, count = 0;
	int symbol;

	if (typed.len > TYPED_MAX)
		return bad_code(diag, "too long");
	for (i = 0; i < typed.len; i++) {
		if (typed.ptr[i] == '-' || typed.ptr[i] == ' ')
			continue;
		symbol = symbol_of(typed.ptr[i]);
		if (symbol < 0)
			return bad_code(diag, "a character that no code has");
		if (count == sizeof(symbols))
			return bad_code(diag, "more than 13 characters");
		symbols[count++] = (uint8_t)symbol;
	}
	if (count < sizeof(symbols))
		return bad_code(diag, "less than 13 characters");
	if (check_of(symbols) != symbols[SYMBOLS])
		return bad_code(diag, "mistyped: its check character does not "
		    "fit");
	code_print(symbols, ret_code);
	return ERR_OK;
}
