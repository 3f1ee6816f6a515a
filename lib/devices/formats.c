/* The formats that lists of devices come in. A row is a reader. */
#include "lib/devices/formats.h"

#include "lib/devices/formats_internal.h"

static enum err
canonical_read(const struct device_list_input *input,
    struct device_list_writer *writer, struct diag *diag)
{
	return device_list_read(input->file, input->kind, writer, diag);
}

static const struct device_list_format canonical_format = {
	.name = "list",
	.is = device_list_is,
	.place_word = "entry",
	.read = canonical_read,
};

static const struct device_list_format *const formats[] = {
	&canonical_format,
	&device_manifest_format,
	&device_csr_format,
	&device_cose_format,
	&device_csv_format,
};

const struct device_list_format *
device_list_format_at(size_t n)
{
	return n < sizeof(formats) / sizeof(formats[0]) ? formats[n] : NULL;
}

static enum err
head_read(const struct file *file, uint8_t head[DEVICE_LIST_HEAD_SIZE],
    size_t *ret_len, struct diag *diag)
{
	uint64_t size = 0;
	enum err err;

	err = file_size(file, &size, diag);
	if (err)
		return err;
	*ret_len = size < DEVICE_LIST_HEAD_SIZE ? (size_t)size :
	    DEVICE_LIST_HEAD_SIZE;
	return file_read_at(file, 0, head, *ret_len, diag);
}

enum err
device_list_format_find(const char *name, const struct file *file,
    const struct device_list_format **ret_format, struct diag *diag)
{
	uint8_t head[DEVICE_LIST_HEAD_SIZE];
	const struct device_list_format *f;
	size_t i, len = 0;
	enum err err;

	err = name != NULL ? ERR_OK : head_read(file, head, &len, diag);
	if (err)
		return err;
	for (i = 0; (f = device_list_format_at(i)) != NULL; i++)
		if (name != NULL ? strcmp(f->name, name) == 0 :
		    f->is(bytes_of(head, len)))
			break;
	if (f == NULL) {
		err = diag_fail(diag, ERR_NOTFOUND, NULL, "%s: %s%.40s",
		    file->path, name != NULL ? "no reader is called " :
		    "none of the formats that this build reads",
		    name != NULL ? name : "");
		diag_hint(diag, "formats: docs/protocol/lists.md");
		return err;
	}
	*ret_format = f;
	return ERR_OK;
}
