#include "lib/authority/ending.h"

#include <string.h>

#include "lib/authority/chip_maker.h"
#include "lib/x509/x509_read.h"

struct walk {
	enum err	(*each)(void *ctx, enum ending_kind, const char *name,
			    int64_t end);
	void		*ctx;
	struct diag	*diag;
};

const char *
ending_kind_name(enum ending_kind kind)
{
	static const char *const names[ENDING_KINDS] = { "ca",
		"document-signer", "service", "manufacturer", "chip-maker" };

	return names[kind];
}

static enum err
ending(const struct walk *walk, enum ending_kind kind, const char *name,
    struct bytes cert)
{
	struct x509_info info;
	enum err err;

	err = x509_read(cert, &info, walk->diag);
	return err ? err : walk->each(walk->ctx, kind, name, info.not_after);
}

/* "document", "document.2", ...: signer.h. */
static bool
is_document_signer(const char *name)
{
	size_t len = strlen(KEY_DOCUMENT);

	return strncmp(name, KEY_DOCUMENT, len) == 0 &&
	    (name[len] == '\0' || name[len] == '.');
}

static enum err
certificate_ending(void *ctx, const struct store_object *object)
{
	size_t prefix = strlen(SERVICE_PREFIX);

	if (is_document_signer(object->name))
		return ending(ctx, ENDING_DOCUMENT, KEY_DOCUMENT,
		    object->body);
	if (strncmp(object->name, SERVICE_PREFIX, prefix) == 0)
		return ending(ctx, ENDING_SERVICE, object->name + prefix,
		    object->body);
	return ending(ctx, ENDING_CA, object->name, object->body);
}

static enum err
makers_ending(const struct walk *walk, enum ending_kind kind,
    const struct chip_makers *makers)
{
	size_t i;
	enum err err = ERR_OK;

	for (i = 0; i < makers->signer_count && !err; i++)
		err = ending(walk, kind, makers->signers[i].name,
		    makers->signers[i].cert);
	return err;
}

enum err
authority_endings(struct authority *authority,
    enum err (*each)(void *ctx, enum ending_kind, const char *name,
    int64_t end), void *ctx, struct diag *diag)
{
	_cleanup_chip_makers_ struct chip_makers makers = CHIP_MAKERS_INIT;
	_cleanup_chip_makers_ struct chip_makers chips = CHIP_MAKERS_INIT;
	struct walk walk = { each, ctx, diag };
	enum err err;

	err = authority_object_each(authority, STORE_CERTIFICATE,
	    certificate_ending, &walk, diag);
	if (!err)
		err = manufacturers_load(authority, &makers, diag);
	if (!err)
		err = makers_ending(&walk, ENDING_MANUFACTURER, &makers);
	if (!err)
		err = chip_makers_load(authority, &chips, diag);
	return err ? err : makers_ending(&walk, ENDING_CHIP_MAKER, &chips);
}
