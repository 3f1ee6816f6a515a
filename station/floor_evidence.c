/* What shows that a device has its identity, and the names it was given on
 * the line. */
#include "station/floor_internal.h"
#include "station/form.h"

static enum err
signature_check(const struct secret *package, struct bytes nonce,
    struct bytes signature, bool *ret_good, struct diag *diag)
{
	struct document document;
	struct bytes encoded;
	enum err err;

	*ret_good = false;
	err = floor_document(package, &encoded, diag);
	if (!err)
		err = document_parse(encoded, &document, diag);
	return err ? err : report_evidence_check(&document.confirmation,
	    nonce, signature, ret_good, diag);
}

static enum err
proof_check(struct floor *f, const struct floor_found *found,
    const struct floor_commit *commit, bool *ret_good, struct diag *diag)
{
	struct bytes proof = bytes_of(commit->proof, commit->proof_len);
	_cleanup_secret_ struct secret package = SECRET_INIT;
	struct pack *pack = NULL;
	uint8_t hash[SHA256_SIZE];
	uint64_t index;
	enum err err;

	*ret_good = false;
	err = floor_pack(f, found->pack, &pack, diag);
	if (err)
		return err;
	/* which key a chip signs with is sealed to it: nobody here can say */
	if (commit->evidence == FLOOR_SIGNED &&
	    pack_header(pack)->mode == ORDER_CHIP)
		return ERR_OK;
	err = floor_package_open(f, found->pack, found->device->position,
	    &index, &package, diag);
	if (err)
		return err;
	if (commit->evidence == FLOOR_SIGNED)
		return signature_check(&package, found->reserve.nonce, proof,
		    ret_good, diag);
	err = station_form(pack_header(pack), NULL, BYTES_NONE, &package,
	    diag);
	if (!err)
		err = sha256_once(secret_bytes(&package), hash);
	if (err)
		return err;
	*ret_good = bytes_equal(proof, bytes_of(hash, sizeof(hash)));
	return ERR_OK;
}

enum err
floor_evidence_check(struct floor *f, const struct floor_found *found,
    const struct floor_commit *commit, enum floor_code *ret_code,
    struct diag *diag)
{
	struct pack *pack = NULL;
	bool good = true;
	enum err err;

	err = floor_pack(f, found->pack, &pack, diag);
	if (err)
		return err;
	if ((unsigned)commit->evidence <
	    (unsigned)pack_header(pack)->evidence ||
	    (commit->evidence == FLOOR_UNPROVEN && commit->proof_len != 0))
		good = false;
	else if (commit->evidence != FLOOR_UNPROVEN)
		err = proof_check(f, found, commit, &good, diag);
	if (err)
		return err;
	*ret_code = good ? FLOOR_OK : FLOOR_EVIDENCE;
	return ERR_OK;
}

/* Is it a name that this product gets on the line, and well-formed? */
static bool
name_good(const struct pack_header *h, const struct floor_name *name,
    char text[NAME_TEXT_SIZE], unsigned *ret_type)
{
	size_t i;

	for (i = 0; i < h->name_count; i++)
		if (bytes_equal(h->names[i].kind, bytes_text(name->kind)))
			break;
	if (i == h->name_count)
		return false;
	*ret_type = h->names[i].type;
	return name_read(name->kind, h->names[i].type,
	    bytes_text(name->text), text, NULL) == ERR_OK;
}

/* Nobody else's? What is scrapped gives its names back. */
static enum err
name_free(const struct floor *f, const struct floor_found *found,
    const struct ledger_name *name, bool *ret_free)
{
	struct station *s = f->station;
	const struct station_device *owner;
	uint8_t hash[KEYMAP_HASH];
	uint32_t number;
	enum err err;

	err = station_name_hash(s, name, hash);
	if (err)
		return err;
	number = keymap_find(s->name_map, hash);
	*ret_free = number == KEYMAP_NONE;
	if (number == KEYMAP_NONE)
		return ERR_OK;
	owner = &s->devices[number];
	*ret_free = owner == found->device ||
	    station_package_state(&s->packs[owner->pack], owner->position) ==
	    STATION_SCRAPPED;
	return ERR_OK;
}

enum err
floor_names_check(struct floor *f, const struct floor_found *found,
    const struct floor_commit *commit,
    char texts[FLOOR_NAMES_MAX][NAME_TEXT_SIZE], struct ledger_record *record,
    enum floor_code *ret_code, struct diag *diag)
{
	struct pack *pack = NULL;
	struct ledger_name *name;
	bool good = true;
	size_t i, k;
	enum err err;

	*ret_code = FLOOR_OK;
	if (commit->name_count == 0)
		return ERR_OK;
	err = floor_pack(f, found->pack, &pack, diag);
	for (i = 0; i < commit->name_count && !err && good; i++) {
		name = &record->names[record->name_count++];
		good = name_good(pack_header(pack), &commit->names[i],
		    texts[i], &name->type);
		name->kind = bytes_text(commit->names[i].kind);
		name->text = bytes_text(texts[i]);
		for (k = 0; k < i; k++)
			good = good && !bytes_equal(record->names[k].kind,
			    name->kind);
		if (good)
			err = name_free(f, found, name, &good);
	}
	if (!err && !good)
		*ret_code = FLOOR_NAME;
	return err;
}
