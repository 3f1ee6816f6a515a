/* Any octets as a Token Status List; and, after a first octet of 0, as the
 * compressed array of one. */
#include <stdlib.h>

#include "lib/identity/status_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = DIAG_INIT;
	struct status_list list;
	uint8_t *array = NULL;
	size_t len = 0;
	enum err err = ERR_OK;

	if (size > 0 && data[0] == 0)
		list.lst = bytes_of(data + 1, size - 1);
	else
		err = status_list_parse(bytes_of(data, size), &list, &diag);
	if (!err)
		err = status_list_inflate(&list, &array, &len, &diag);
	if (err && (diag.what[0] == '\0' || array != NULL))
		abort();
	if (!err && (len == 0 || len > STATUS_LIST_ARRAY_MAX ||
	    status_array_get(array, (uint32_t)(4 * len - 1)) >
	    STATUS_APPLICATION))
		abort();
	free(array);
	return 0;
}
