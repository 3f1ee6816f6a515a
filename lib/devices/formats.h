/*
 * The formats that lists of devices come in: the canonical one of
 * lib/identity/device_list.h, and what chip makers and lines hand in.
 */
#ifndef IMPRINT_DEVICES_FORMATS_H
#define IMPRINT_DEVICES_FORMATS_H

#include "lib/identity/device_list.h"

/* Row n of the formats this build reads, the canonical one first; NULL when
 * there are no more. */
const struct device_list_format *device_list_format_at(size_t n);
/* By name, or when name is NULL by the file's first octets. ERR_NOTFOUND. */
MUST_USE enum err device_list_format_find(const char *name,
    const struct file *, const struct device_list_format **ret_format,
    struct diag *);

#endif
