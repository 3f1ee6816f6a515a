/* The names of an identity of the field: from the document of who asks, or
 * from its birth, where a station may have given more of them. */
#include "lib/authority/association.h"
#include "lib/authority/enrol_internal.h"

/* What is known of a device's names beyond what asks. */
struct birth_names {
	struct enrol		*enrol;
	const struct address	*birth;
	struct diag		*diag;
	bool			 read;
	const struct template	*template;	/* of the lookup again */
	struct identity		 identity;
	struct associations	 line;
	struct report_record	 record;	/* of the line */
};

static enum err
birth_read(struct birth_names *b)
{
	struct reported reported = { .sequence = 0 };
	struct store_range range;
	enum err err;

	b->read = true;
	err = lookup_get(b->enrol->again, b->birth, &b->identity, &range,
	    &b->template, b->diag);
	if (!err)
		err = association_find(b->enrol->authority, b->birth, &b->line,
		    &b->record, &reported, b->diag);
	if (!err && (reported.sequence == 0 ||
	    !association_live(&b->record)))
		b->record.name_count = 0;
	return err;
}

/* The name of a kind: "" when nobody knows it. */
static enum err
birth_name(struct birth_names *b, const char *kind, char text[NAME_TEXT_SIZE])
{
	const struct report_name *given;
	size_t i;
	enum err err = b->read ? ERR_OK : birth_read(b);

	text[0] = '\0';
	if (err)
		return err;
	for (i = 0; i < b->template->name_count; i++)
		if (b->identity.name[i] != NULL &&
		    strcmp(b->template->names[i].kind, kind) == 0) {
			memcpy(text, b->identity.name[i], NAME_TEXT_SIZE);
			return ERR_OK;
		}
	for (i = 0; i < b->record.name_count; i++) {
		given = &b->record.names[i];
		if (!bytes_equal(given->kind, bytes_text(kind)) ||
		    given->text.len >= NAME_TEXT_SIZE)
			continue;
		memcpy(text, given->text.ptr, given->text.len);
		text[given->text.len] = '\0';
		return ERR_OK;
	}
	return ERR_OK;
}

static const char *
asker_name(const struct asker *asker, const char *kind)
{
	size_t i;

	for (i = 0; i < asker->name_count; i++)
		if (strcmp(asker->name_kind[i], kind) == 0)
			return asker->name[i];
	return NULL;
}

enum err
enrol_names(struct enrol *e, const struct template *template,
    const struct asker *asker, struct field_enrolment *enrolment,
    bool *ret_known, struct diag *diag)
{
	struct birth_names b = { .enrol = e, .birth = &asker->birth,
		.diag = diag, .line = ASSOCIATIONS_INIT };
	const char *name;
	bool known = true;
	size_t i;
	enum err err = ERR_OK;

	enrolment->name_count = template->name_count;
	for (i = 0; i < template->name_count && !err; i++) {
		name = asker_name(asker, template->names[i].kind);
		if (name != NULL)
			memcpy(enrolment->text[i], name, NAME_TEXT_SIZE);
		else if (asker->fresh)	/* its birth is not issued yet */
			enrolment->text[i][0] = '\0';
		else
			err = birth_name(&b, template->names[i].kind,
			    enrolment->text[i]);
		known = known && enrolment->text[i][0] != '\0';
	}
	associations_release(&b.line);
	if (!err)
		*ret_known = known;
	return err;
}
